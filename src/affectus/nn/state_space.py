"""Sequence layers that carry a state: the Mamba block, a diagonal time-invariant one, and both directions of either."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectus.nn.selective_scan import selective_scan

STEP_LOW, STEP_HIGH, STEP_FLOOR = 1e-3, 1e-1, 1e-4  # of the step sizes before training


class Mamba(nn.Module):
    """The first Mamba block (Gu and Dao 2023, arXiv:2312.00752); parameters have the public code's names and shapes.

    (u, z) = in_proj x; u = SiLU(causal convolution of each channel); (δ, b, c) = x_proj u; the selective scan with
    Δ = softplus(dt_proj δ), a = −exp(A_log), skip D and gate z; out_proj.

    Args:
        width: Features of a step.
        states: States of each channel.
        kernel: Steps that the convolution sees.
        expand: Channels per feature.
    """

    def __init__(self, width: int, *, states: int = 16, kernel: int = 4, expand: int = 2) -> None:
        super().__init__()
        inner, self.rank, self.states = expand * width, math.ceil(width / 16), states
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, kernel, groups=inner, padding=kernel - 1)
        self.x_proj = nn.Linear(inner, self.rank + 2 * states, bias=False)
        self.dt_proj = nn.Linear(self.rank, inner)
        self.A_log = nn.Parameter(torch.arange(1, states + 1).float().log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=False)
        nn.init.uniform_(self.dt_proj.weight, -(self.rank**-0.5), self.rank**-0.5)
        with torch.no_grad():
            steps = _log_uniform(inner).clamp(min=STEP_FLOOR)
            self.dt_proj.bias.copy_(steps + (-torch.expm1(-steps)).log())  # its softplus is the step size

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Steps (n, l, width) that know those before them.

        Args:
            x: (n, l, width).
            valid: (n, l) bool; a step that is not valid is read as zeros and leaves the state as it is.
        """
        x = x if valid is None else x * valid[..., None]
        u, gate = self.in_proj(x).transpose(1, 2).chunk(2, 1)
        u = F.silu(self.conv1d(u)[..., : x.shape[1]])
        delta, b, c = self.x_proj(u.transpose(1, 2)).transpose(1, 2).split([self.rank, self.states, self.states], 1)
        read = selective_scan(
            u, self.dt_proj.weight @ delta, -self.A_log.float().exp(), b, c,
            skip=self.D, gate=gate, bias=self.dt_proj.bias, valid=valid,
        )  # fmt: skip
        return self.out_proj(read.y.transpose(1, 2))


class Diagonal(nn.Module):
    """A diagonal state space layer that is the same at all steps: S4D-Lin (Gu et al. 2022, arXiv:2206.11893).

    h_t = ā ⊙ h_(t−1) + b̄·x_t, y_t = 2·Re(c·h_t) + D·x_t for each feature, with ā = exp(Δ·a), b̄ = (ā − 1)/a and
    a_k = −½ + iπk before training. As nothing depends on the step, y is the convolution of x with the kernel
    2·Re(c·b̄), 2·Re(c·ā·b̄), 2·Re(c·ā²·b̄), … and goes through the Fourier transform.

    Args:
        width: Features of a step.
        states: States of each feature; half of them are kept, the others are their conjugates.
    """

    def __init__(self, width: int, *, states: int = 16) -> None:
        super().__init__()
        half = max(1, states // 2)
        self.log_step = nn.Parameter(_log_uniform(width).log())
        self.log_decay = nn.Parameter(torch.full((width, half), 0.5).log())
        self.turn = nn.Parameter((math.pi * torch.arange(half).float()).repeat(width, 1))
        self.c = nn.Parameter(torch.randn(width, half, 2) * 0.5**0.5)
        self.D = nn.Parameter(torch.ones(width))

    def forward(
        self,
        x: Tensor,
        valid: Tensor | None = None,
        form: Literal["convolution", "recurrent"] = "convolution",
    ) -> Tensor:
        """Steps (n, l, width) that know those before them.

        Args:
            x: (n, l, width).
            valid: (n, l) bool; a step that is not valid is read as zeros.
            form: Both give the same; `recurrent` is the reference.
        """
        x = x if valid is None else x * valid[..., None]
        rate = torch.complex(-self.log_decay.exp(), self.turn)
        exponent = rate * self.log_step.exp()[:, None]
        weight = 2 * torch.view_as_complex(self.c) * (exponent.exp() - 1) / rate
        if form == "convolution":
            steps = torch.arange(x.shape[1], device=x.device)
            kernel = (weight[..., None] * (exponent[..., None] * steps).exp()).sum(1).real
            reach = 2 * x.shape[1]  # nothing comes around
            y = torch.fft.irfft(torch.fft.rfft(x, reach, 1) * torch.fft.rfft(kernel.T, reach, 0), reach, 1)
            return y[:, : x.shape[1]] + self.D * x
        state, decay, said = exponent.new_zeros(len(x), *exponent.shape), exponent.exp(), []
        for step in x.unbind(1):
            state = decay * state + step[..., None]
            said.append((weight * state).sum(-1).real)
        return torch.stack(said, 1) + self.D * x


class Bidirectional(nn.Module):
    """Two layers with weights of their own side by side, one of which reads each sequence from its end.

    Args:
        ahead: Reads from the start.
        back: Reads from the end; None leaves it out.
    """

    def __init__(self, ahead: nn.Module, back: nn.Module | None) -> None:
        super().__init__()
        self.ahead, self.back = ahead, back

    def forward(self, x: Tensor, lengths: Tensor, valid: Tensor) -> Tensor:
        """Steps (n, l, width of one, or of both) of sequences that end after `lengths` (n,); `valid` as in `Mamba`."""
        found = [self.ahead(x, valid)]
        if self.back is not None:
            turned = self.back(reversed_within(x, lengths), reversed_within(valid, lengths))
            found.append(reversed_within(turned, lengths))
        return torch.cat(found, -1)


def reversed_within(x: Tensor, lengths: Tensor) -> Tensor:
    """The first `lengths` (n,) steps of each sequence of x (n, l, …) in reverse order; what stands behind stays."""
    at = torch.arange(x.shape[1], device=x.device)
    order = torch.where(at < lengths[:, None], lengths[:, None] - 1 - at, at)
    return x[torch.arange(len(x), device=x.device)[:, None], order]


def _log_uniform(n: int) -> Tensor:
    return torch.empty(n).uniform_(math.log(STEP_LOW), math.log(STEP_HIGH)).exp()
