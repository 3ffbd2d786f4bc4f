"""The selective state space scan of Mamba (Gu and Dao 2023, arXiv:2312.00752, section 3), in three forms that agree.

With step sizes Δ = softplus(delta + bias), each channel of d has s states h and

    h_t = exp(Δ_t·a)·h_(t−1) + Δ_t·b_t·u_t,    y_t = (c_t·h_t + skip·u_t)·gate_t·σ(gate_t).

`recurrent` is this, step by step: the reference. `chunked` takes many steps at once by doubling, on any device. `fused`
is compiled for the processor and never holds the states of all steps, neither forward nor backward. On a GPU the kernel
of the package mamba-ssm serves where it is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from affectus.errors import InputError
from affectus.nn import scan_kernels
from affectus.nn.scan_kernels import Gradients, Scanned

Form = Literal["recurrent", "chunked", "fused", "mamba-ssm"]
CHUNK = 64  # steps that the chunked form takes at once


class Scan(NamedTuple):
    """What a scan gives.

    Args:
        y: (n, d, l) output, in the type of the input.
        state: (n, d, s) after the last step: what a scan of the steps behind starts from.
    """

    y: Tensor
    state: Tensor


def selective_scan(
    u: Tensor,
    delta: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    *,
    skip: Tensor | None = None,
    gate: Tensor | None = None,
    bias: Tensor | None = None,
    softplus: bool = True,
    valid: Tensor | None = None,
    state: Tensor | None = None,
    form: Form | None = None,
) -> Scan:
    """Scan n sequences of l steps; half precision is computed in single.

    Args:
        u: (n, d, l) input.
        delta: (n, d, l) step sizes before bias and softplus.
        a: (d, s) rates of the states; negative ones forget.
        b: (n, s, l) how much of the input enters each state.
        c: (n, s, l) how much of each state leaves.
        skip: (d,) share of the input that is added to the output.
        gate: (n, d, l) of the output.
        bias: (d,) of the step sizes.
        softplus: Whether a softplus makes the step sizes positive.
        valid: (n, l) bool. A step that is not valid leaves the state as it is and gives 0.
        state: (n, d, s) before the first step; zeros by default.
        form: One of the forms. By default `fused` on a processor; elsewhere `mamba-ssm` if it is installed and there is
            no earlier state, else `chunked`. mamba-ssm passes no gradient through the last state.

    Raises:
        InputError: If shapes do not fit, or the form can't be had on this device.
    """
    n, d, length = u.shape
    states = a.shape[-1]
    wanted = {
        "delta": (delta, (n, d, length)), "a": (a, (d, states)), "b": (b, (n, states, length)),
        "c": (c, (n, states, length)), "skip": (skip, (d,)), "gate": (gate, (n, d, length)), "bias": (bias, (d,)),
        "valid": (valid, (n, length)), "state": (state, (n, d, states)),
    }  # fmt: skip
    for name, (value, shape) in wanted.items():
        if value is not None and tuple(value.shape) != shape:
            raise InputError(f"{name} is {tuple(value.shape)}", allowed=f"{shape} with u of {tuple(u.shape)}")
    given = u.dtype
    kind = torch.float64 if given == torch.float64 else torch.float32
    u, delta, a, b, c = (x.to(kind) for x in (u, delta, a, b, c))
    skip, gate, bias, valid = (None if x is None else x.to(kind) for x in (skip, gate, bias, valid))
    form = form or _best(u, state)
    if form == "fused":
        y, after = _fused(u, delta, a, b, c, skip, gate, bias, softplus, valid, state)
        return Scan(y.to(given), after)
    steps = delta if bias is None else delta + bias[:, None]
    steps = F.softplus(steps) if softplus else steps
    steps = steps if valid is None else steps * valid[:, None]
    before = u.new_zeros(n, d, states) if state is None else state.to(kind)
    y, after = (_kernel if form == "mamba-ssm" else _SCANS[form])(u, steps, a, b, c, before)
    y = y if skip is None else y + skip[:, None] * u
    y = y if gate is None else y * F.silu(gate)
    y = y if valid is None else y * valid[:, None]
    return Scan(y.to(given), after)


def _best(u: Tensor, state: Tensor | None) -> Form:
    if u.device.type == "cpu":
        return "fused"
    installed = u.device.type == "cuda" and importlib.util.find_spec("mamba_ssm") is not None
    return "mamba-ssm" if installed and state is None and u.dtype == torch.float32 else "chunked"


# -- with torch --------------------------------------------------------------------------------------------------------
def _recurrent(u: Tensor, steps: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    decay = (steps[..., None] * a[:, None]).exp().unbind(2)
    enters = ((steps * u)[..., None] * b.transpose(1, 2)[:, None]).unbind(2)
    outputs = []
    for fading, entering, leaving in zip(decay, enters, c.unbind(2), strict=True):
        state = fading * state + entering
        outputs.append((state * leaving[:, None]).sum(-1))
    return torch.stack(outputs, -1) if outputs else torch.zeros_like(u), state


def _chunked(u: Tensor, steps: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    outputs = [u[..., :0]]
    parts = (x.split(CHUNK, -1) for x in (u, steps, b, c))
    for u_part, steps_part, b_part, c_part in zip(*parts, strict=True):
        decay = (steps_part[..., None] * a[:, None]).exp()  # (n, d, steps, s)
        held = (steps_part * u_part)[..., None] * b_part.transpose(1, 2)[:, None]
        reach = 1
        while reach < held.shape[2]:  # each place then knows twice as many steps before it
            earlier = F.pad(held[:, :, :-reach], (0, 0, reach, 0))
            held = held + decay * earlier
            decay = decay * F.pad(decay[:, :, :-reach], (0, 0, reach, 0), value=1.0)
            reach *= 2
        held = held + decay * state[:, :, None]
        outputs.append(torch.einsum("ndls,nsl->ndl", held, c_part))
        state = held[:, :, -1] if held.shape[2] else state
    return torch.cat(outputs, -1), state


def _kernel(u: Tensor, steps: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    if importlib.util.find_spec("mamba_ssm") is None:
        raise InputError("mamba-ssm is not installed", allowed="recurrent, chunked", remedy="pip install mamba-ssm")
    if state.count_nonzero():
        raise InputError("mamba-ssm takes no earlier state", allowed="recurrent, chunked")
    interface = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    return interface.selective_scan_fn(u, steps, a, b, c, return_last_state=True)


_SCANS: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {"recurrent": _recurrent, "chunked": _chunked}


# -- compiled ----------------------------------------------------------------------------------------------------------
def _fused(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, skip: Tensor | None, gate: Tensor | None,
    bias: Tensor | None, softplus: bool, valid: Tensor | None, state: Tensor | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    if u.device.type != "cpu":
        raise InputError(f"the fused form was asked for on {u.device}", allowed="recurrent, chunked, mamba-ssm")
    n, d, length = u.shape
    skip = u.new_zeros(d) if skip is None else skip
    bias = u.new_zeros(d) if bias is None else bias
    valid = u.new_ones(n, length) if valid is None else valid
    state = u.new_zeros(n, d, a.shape[1]) if state is None else state.to(u.dtype)
    gated = gate is not None
    gate = u.new_zeros(0, 0, 0) if gate is None else gate
    return _Fused.apply(u, delta, a, b, c, skip, gate, bias, valid, state, softplus, gated)


class _Fused(torch.autograd.Function):
    """The compiled scan, with the derivatives by all arrays but the mask."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        """Arguments are those of `Scanned`, in order."""
        *tensors, ctx.softplus, ctx.gated = given
        ctx.save_for_backward(*tensors)
        scanned = _scanned(tensors, ctx.softplus, ctx.gated)
        _, channels, length = scanned.u.shape
        y, state = np.empty_like(scanned.u), np.empty_like(scanned.state)
        longest = scan_kernels.block(length)
        _shared(channels, lambda _, first, last: scan_kernels.forward(scanned, first, last, longest, y, state))
        return torch.from_numpy(y), torch.from_numpy(state)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_y: Tensor, by_state: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        scanned = _scanned(ctx.saved_tensors, ctx.softplus, ctx.gated)
        d, s = scanned.a.shape
        workers = _workers(d)
        by_b, by_c = (np.empty((workers, *scanned.b.shape), scanned.b.dtype) for _ in range(2))
        out = Gradients(
            np.empty_like(scanned.u), np.empty_like(scanned.u), np.zeros((d, s)), by_b[0], by_c[0], np.zeros(d),
            np.empty_like(scanned.gate), np.zeros(d), np.empty_like(scanned.state),
        )  # fmt: skip
        given = scan_kernels.block(scanned.u.shape[2]), _array(by_y), _array(by_state)

        def work(worker: int, first: int, last: int) -> None:  # each has sums over channels of its own
            scan_kernels.backward(scanned, first, last, *given, out._replace(b=by_b[worker], c=by_c[worker]))

        _shared(d, work)
        if workers > 1:
            out = out._replace(b=by_b.sum(0), c=by_c.sum(0))
        u, delta, a, b, c, skip, gate, bias, state = (torch.from_numpy(x).to(by_y.dtype) for x in out)
        return u, delta, a, b, c, skip, gate, bias, None, state, None, None


def _scanned(tensors: Sequence[Tensor], softplus: bool, gated: bool) -> Scanned:
    u, delta, a, b, c, skip, gate, bias, valid, state = (_array(x) for x in tensors)
    return Scanned(u, delta, a, b, c, skip, gate, bias, valid, state, softplus, gated)


def _array(x: Tensor) -> np.ndarray:
    return x.detach().contiguous().numpy()


def _workers(channels: int) -> int:
    return max(1, min(torch.get_num_threads(), channels))


def _shared(channels: int, work: Callable[[int, int, int], None]) -> None:
    """Call `work` (worker, first channel, channel after the last) on as many threads as torch uses."""
    workers = _workers(channels)
    cuts = [channels * i // workers for i in range(workers + 1)]
    if workers == 1:
        work(0, *cuts)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers), cuts[:-1], cuts[1:]))
