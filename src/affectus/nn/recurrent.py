"""Recurrent layers that no fused kernel computes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ReluLSTM(nn.Module):
    """One direction of an LSTM with sigmoid gates and ReLU in place of both tanh, in Keras's parametrisation.

    Keras's `LSTM(units, activation="relu")`: with columns in the order input, forget, cell, output,

        z = x·kernel + h·recurrent + bias;  c ← σ(z_f)·c + σ(z_i)·relu(z_c);  h ← σ(z_o)·relu(c)

    The forget bias starts at 1 (Jozefowicz et al. 2015). The cell is unbounded: clip gradients.

    Args:
        size: Numbers of one step's input.
        units: Numbers of the state.
        backwards: Whether the last step is read first.
    """

    def __init__(self, size: int, units: int, *, backwards: bool = False) -> None:
        super().__init__()
        self.units, self.backwards = units, backwards
        self.kernel = nn.Parameter(nn.init.xavier_uniform_(torch.empty(size, 4 * units)))
        self.recurrent = nn.Parameter(nn.init.orthogonal_(torch.empty(units, 4 * units)))
        self.bias = nn.Parameter(torch.zeros(4 * units))
        with torch.no_grad():
            self.bias[units : 2 * units] = 1

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """States of all steps.

        Args:
            x: (b, t, size).
            valid: (b, t) bool; a step that is not valid leaves the state as it is.

        Returns:
            (b, t, units), in the order of `x`.
        """
        given = x @ self.kernel + self.bias
        h = c = x.new_zeros(len(x), self.units)
        steps = range(x.shape[1])
        out: list[Tensor] = []
        for t in reversed(steps) if self.backwards else steps:
            gate_in, forget, cell, gate_out = (given[:, t] + h @ self.recurrent).chunk(4, 1)
            moved = torch.sigmoid(forget) * c + torch.sigmoid(gate_in) * torch.relu(cell)
            here = valid[:, t, None]
            c = torch.where(here, moved, c)
            h = torch.where(here, torch.sigmoid(gate_out) * torch.relu(moved), h)
            out.append(h)
        return torch.stack(out[::-1] if self.backwards else out, 1)
