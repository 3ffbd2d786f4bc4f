"""The selective scan on a processor: forward and backward in one pass over the steps of each channel.

A channel is scanned block by block. What a block needs (step sizes, decays exp(Δ·a), on the way back the states) stays
in the processor's cache; the states of all steps are never held. On the way back only the state at the start of each
block is kept, and the rest is computed again. Blocks are as long as the root of the length, so that this grows slowly.

Arrays are of one floating type. Sums over steps, channels or sequences are float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import overload

_SHORTEST = 64  # steps of a block
_single = np.float32
_LOW, _HIGH = _single(-87.3), _single(88.7)  # single precision has no normal exponentials outside
_LOG2_E, _LN2_HIGH, _LN2_LOW = _single(1.44269504), _single(0.693359375), _single(-2.12194440e-4)
_C6, _C5, _C4 = _single(1.9875692e-4), _single(1.3981999e-3), _single(8.3334519e-3)
_C3, _C2 = _single(4.1665796e-2), _single(1.6666666e-1)
_ZERO, _HALF, _ONE, _INFINITE = _single(0), _single(0.5), _single(1), _single(np.inf)
_BIAS, _SHIFT = np.int32(127), np.int32(23)
# NaN and infinity keep their meaning; sums may be taken in any order, as vector registers do.
_FAST = {"contract", "reassoc", "nsz"}


class Scanned(NamedTuple):
    """What is scanned: n sequences of l steps, d channels with s states each.

    Args:
        u: (n, d, l) input.
        delta: (n, d, l) step sizes, before the bias and the softplus.
        a: (d, s) rates of the states.
        b: (n, l, s) how much of the input enters each state.
        c: (n, l, s) how much of each state leaves.
        skip: (d,) share of the input that is added to the output.
        gate: (n, d, l) the output is multiplied by gate · σ(gate).
        bias: (d,) added to the step sizes.
        valid: (n, l) 1; or 0 where a step leaves the state as it is and gives 0.
        state: (n, d, s) before the first step.
        softplus: Whether the step sizes are log(1 + exp(·)) of what is given.
        gated: Whether there is a gate.
    """

    u: np.ndarray
    delta: np.ndarray
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    skip: np.ndarray
    gate: np.ndarray
    bias: np.ndarray
    valid: np.ndarray
    state: np.ndarray
    softplus: bool
    gated: bool


class Gradients(NamedTuple):
    """Derivatives by each array of `Scanned`; those of `a`, `skip` and `bias` still by sequence, float64.

    Args:
        u: (n, d, l).
        delta: (n, d, l).
        a: (n, d, s) float64.
        b: (n, l, s) float64.
        c: (n, l, s) float64.
        skip: (n, d) float64.
        gate: (n, d, l).
        bias: (n, d) float64.
        state: (n, d, s).
    """

    u: np.ndarray
    delta: np.ndarray
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    skip: np.ndarray
    gate: np.ndarray
    bias: np.ndarray
    state: np.ndarray


def block(length: int) -> int:
    """Steps of a block."""
    return max(_SHORTEST, math.isqrt(length))


def _exp(x: Any) -> Any:
    """The exponential; in single precision one that compilers turn into vector code."""
    return np.exp(x)


def _exp_single(x: Any) -> Any:
    """2ⁿ·exp(r), |r| ≤ ln 2 / 2, with Cephes' polynomial for exp(r) (Moshier 1992); relative error below 4e-7."""
    y = min(max(x, _LOW), _HIGH)
    n = np.floor(y * _LOG2_E + _HALF)
    r = y - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_C6 * r + _C5) * r + _C4) * r + _C3) * r + _C2) * r + _HALF
    power = np.int32((np.int32(n) + _BIAS) << _SHIFT).view(np.float32)
    value = (p * r * r + r + _ONE) * power
    value = _ZERO if x < _LOW else value
    value = _INFINITE if x > _HIGH else value
    return x if x != x else value


@overload(_exp, jit_options={"fastmath": _FAST})
def _compiled_exp(x: Any) -> Callable[[Any], Any]:
    return _exp_single if x == types.float32 else _exp


def _log1p(x: Any) -> Any:
    """log(1 + x) for x in [0, 1]; in single precision one that compilers turn into vector code."""
    return np.log1p(x)


def _log1p_single(x: Any) -> Any:
    """2·artanh(x / (2 + x)) by its series; relative error below 2e-7."""
    w = x / (x + _ONE + _ONE)
    q = w * w
    p = _single(1 / 15)
    for odd in (_single(13), _single(11), _single(9), _single(7), _single(5), _single(3), _ONE):
        p = p * q + _ONE / odd
    return (w + w) * p


@overload(_log1p, jit_options={"fastmath": _FAST})
def _compiled_log1p(x: Any) -> Callable[[Any], Any]:
    return _log1p_single if x == types.float32 else _log1p


@njit(cache=True, nogil=True, fastmath=_FAST)
def _steps(given: Scanned, i: int, j: int, start: int, size: int, steps: np.ndarray, decay: np.ndarray) -> None:
    """Step sizes Δ (size,) and decays exp(Δ·a) (size, s) of a block of channel j of sequence i."""
    zero = given.u.dtype.type(0)
    for t in range(size):
        x = given.delta[i, j, start + t] + given.bias[j]
        if given.softplus:
            x = max(x, zero) + _log1p(_exp(-abs(x)))
        steps[t] = x * given.valid[i, start + t]
    states = given.a.shape[1]
    for t in range(size):
        step = steps[t]
        for k in range(states):
            decay[t, k] = _exp(step * given.a[j, k])


@njit(cache=True, nogil=True, fastmath=_FAST)
def forward(given: Scanned, first: int, last: int, longest: int, y: np.ndarray, state: np.ndarray) -> None:
    """Scan the rows from `first` to before `last`, where row r is channel r mod d of sequence r // d.

    h ← exp(Δ·a)·h + Δ·b·u, y = c·h + skip·u, times the gate.

    Args:
        given: What is scanned.
        first: Row.
        last: Row.
        longest: Steps of a block.
        y: (n, d, l) is written.
        state: (n, d, s) after the last step, is written.
    """
    _, d, length = given.u.shape
    states = given.a.shape[1]
    kind = given.u.dtype
    zero, one = kind.type(0), kind.type(1)
    h, out = np.empty(states, kind), np.empty(longest, kind)
    steps, decay = np.empty(longest, kind), np.empty((longest, states), kind)
    for row in range(first, last):
        i, j = row // d, row % d
        h[:] = given.state[i, j]
        for start in range(0, length, longest):
            size = min(longest, length - start)
            _steps(given, i, j, start, size, steps, decay)
            for t in range(size):
                x, total = steps[t] * given.u[i, j, start + t], zero
                for k in range(states):
                    value = decay[t, k] * h[k] + x * given.b[i, start + t, k]
                    h[k] = value
                    total += value * given.c[i, start + t, k]
                out[t] = total
            for t in range(size):
                out[t] = (out[t] + given.skip[j] * given.u[i, j, start + t]) * given.valid[i, start + t]
            if given.gated:
                for t in range(size):
                    gate = given.gate[i, j, start + t]
                    out[t] *= gate / (one + _exp(-gate))
            for t in range(size):
                y[i, j, start + t] = out[t]
        state[i, j] = h


@njit(cache=True, nogil=True, fastmath=_FAST)
def backward(
    given: Scanned, first: int, last: int, longest: int, by_y: np.ndarray, by_state: np.ndarray, out: Gradients
) -> None:
    """Derivatives for some rows; arguments as of `forward`.

    Args:
        given: What is scanned.
        first: Row.
        last: Row.
        longest: Steps of a block.
        by_y: (n, d, l) derivative by the output.
        by_state: (n, d, s) derivative by the last state.
        out: Is written; to `b` and `c` is added.
    """
    _, d, length = given.u.shape
    states = given.a.shape[1]
    kind = given.u.dtype
    zero, one = kind.type(0), kind.type(1)
    blocks = (length + longest - 1) // longest
    starts = np.empty((blocks + 1, states), kind)
    held = np.empty((longest + 1, states), kind)
    steps, decay = np.empty(longest, kind), np.empty((longest, states), kind)
    by_h, by_a = np.empty(states, kind), np.empty(states, np.float64)
    for row in range(first, last):
        i, j = row // d, row % d
        starts[0] = given.state[i, j]
        for number in range(blocks - 1):
            start = number * longest
            _steps(given, i, j, start, longest, steps, decay)
            starts[number + 1] = starts[number]
            for t in range(longest):
                x = steps[t] * given.u[i, j, start + t]
                for k in range(states):
                    starts[number + 1, k] = decay[t, k] * starts[number + 1, k] + x * given.b[i, start + t, k]
        by_h[:] = by_state[i, j]
        by_a[:] = 0.0
        by_skip, by_bias = 0.0, 0.0
        for number in range(blocks - 1, -1, -1):
            start = number * longest
            size = min(longest, length - start)
            _steps(given, i, j, start, size, steps, decay)
            held[0] = starts[number]
            for t in range(size):
                x = steps[t] * given.u[i, j, start + t]
                for k in range(states):
                    held[t + 1, k] = decay[t, k] * held[t, k] + x * given.b[i, start + t, k]
            for t in range(size - 1, -1, -1):
                at = start + t
                u, step = given.u[i, j, at], steps[t]
                by_out = by_y[i, j, at] * given.valid[i, at]
                if given.gated:
                    gate = given.gate[i, j, at]
                    open_ = one / (one + _exp(-gate))
                    said = given.skip[j] * u
                    for k in range(states):
                        said += held[t + 1, k] * given.c[i, at, k]
                    out.gate[i, j, at] = by_out * said * open_ * (one + gate * (one - open_))
                    by_out *= gate * open_
                by_skip += by_out * u
                x, by_x, by_step = step * u, zero, zero
                for k in range(states):
                    flow = by_h[k] + by_out * given.c[i, at, k]
                    faded = flow * decay[t, k]
                    exponent = faded * held[t, k]
                    by_x += flow * given.b[i, at, k]
                    by_step += exponent * given.a[j, k]
                    by_a[k] += exponent * step
                    out.b[i, at, k] += flow * x
                    out.c[i, at, k] += by_out * held[t + 1, k]
                    by_h[k] = faded
                out.u[i, j, at] = by_out * given.skip[j] + by_x * step
                by_step = (by_step + by_x * u) * given.valid[i, at]
                if given.softplus:
                    by_step /= one + _exp(-(given.delta[i, j, at] + given.bias[j]))
                by_bias += by_step
                out.delta[i, j, at] = by_step
        out.state[i, j] = by_h
        out.a[i, j] = by_a
        out.skip[i, j], out.bias[i, j] = by_skip, by_bias
