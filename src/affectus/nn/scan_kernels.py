"""The selective scan on a processor: forward and backward in one pass over the steps.

Sequences are scanned block by block, all channels of a block before the next one. What a block needs (step sizes,
decays exp(Δ·a), on the way back the states) stays in the processor's cache; the states of all steps are never held. On
the way back only the states at the start of each block are kept, and the rest is computed again. Blocks are as long as
the root of the length, so that this grows slowly.

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
        b: (n, s, l) how much of the input enters each state.
        c: (n, s, l) how much of each state leaves.
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
    """Derivatives by each array of `Scanned`; those by `a`, `skip` and `bias` are float64.

    Args:
        u: (n, d, l).
        delta: (n, d, l).
        a: (d, s).
        b: (n, s, l).
        c: (n, s, l).
        skip: (d,).
        gate: (n, d, l).
        bias: (d,).
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
def _weights(given: Scanned, i: int, start: int, size: int, b: np.ndarray, c: np.ndarray) -> None:
    """What enters and leaves the states in a block of sequence i, (size, s) each."""
    for k in range(b.shape[1]):
        for t in range(size):
            b[t, k] = given.b[i, k, start + t]
            c[t, k] = given.c[i, k, start + t]


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
    """Scan the channels from `first` to before `last`: h ← exp(Δ·a)·h + Δ·b·u, y = c·h + skip·u, times the gate.

    Args:
        given: What is scanned.
        first: Channel.
        last: Channel.
        longest: Steps of a block.
        y: (n, d, l) is written.
        state: (n, d, s) after the last step, is written.
    """
    n, _, length = given.u.shape
    states = given.a.shape[1]
    kind = given.u.dtype
    zero, one = kind.type(0), kind.type(1)
    h, out = np.empty(states, kind), np.empty(longest, kind)
    steps, decay = np.empty(longest, kind), np.empty((longest, states), kind)
    b, c = np.empty((longest, states), kind), np.empty((longest, states), kind)
    for i in range(n):
        for j in range(first, last):
            state[i, j] = given.state[i, j]
        for start in range(0, length, longest):
            size = min(longest, length - start)
            _weights(given, i, start, size, b, c)
            for j in range(first, last):
                h[:] = state[i, j]
                _steps(given, i, j, start, size, steps, decay)
                for t in range(size):
                    x, total = steps[t] * given.u[i, j, start + t], zero
                    for k in range(states):
                        value = decay[t, k] * h[k] + x * b[t, k]
                        h[k] = value
                        total += value * c[t, k]
                    out[t] = total
                state[i, j] = h
                for t in range(size):
                    out[t] = (out[t] + given.skip[j] * given.u[i, j, start + t]) * given.valid[i, start + t]
                if given.gated:
                    for t in range(size):
                        gate = given.gate[i, j, start + t]
                        out[t] *= gate / (one + _exp(-gate))
                for t in range(size):
                    y[i, j, start + t] = out[t]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _states(u: np.ndarray, steps: np.ndarray, decay: np.ndarray, b: np.ndarray, held: np.ndarray) -> None:
    """States (size + 1, s) of a block, the first of which is known, from its input (size,)."""
    for t in range(len(u)):
        x = steps[t] * u[t]
        for k in range(held.shape[1]):
            held[t + 1, k] = decay[t, k] * held[t, k] + x * b[t, k]


@njit(cache=True, nogil=True, fastmath=_FAST)
def backward(
    given: Scanned, first: int, last: int, longest: int, by_y: np.ndarray, by_state: np.ndarray, out: Gradients
) -> None:
    """Derivatives for some channels; arguments as of `forward`.

    Args:
        given: What is scanned.
        first: Channel.
        last: Channel.
        longest: Steps of a block.
        by_y: (n, d, l) derivative by the output.
        by_state: (n, d, s) derivative by the last state.
        out: Is written; to those of `a`, `skip` and `bias` is added.
    """
    n, _, length = given.u.shape
    states = given.a.shape[1]
    kind = given.u.dtype
    zero, one = kind.type(0), kind.type(1)
    blocks = (length + longest - 1) // longest
    starts = np.empty((blocks, last - first, states), kind)
    held = np.empty((longest + 1, states), kind)
    steps, decay = np.empty(longest, kind), np.empty((longest, states), kind)
    b, c = np.empty((longest, states), kind), np.empty((longest, states), kind)
    by_h, by_b, by_c = np.empty(states, kind), np.empty((longest, states)), np.empty((longest, states))
    for i in range(n):
        for number in range(blocks):
            _weights(given, i, number * longest, min(longest, length - number * longest), b, c)
            for j in range(first, last):
                if number == 0:
                    starts[0, j - first] = given.state[i, j]
                if number + 1 < blocks:
                    held[0] = starts[number, j - first]
                    start = number * longest
                    _steps(given, i, j, start, longest, steps, decay)
                    _states(given.u[i, j, start : start + longest], steps, decay, b, held)
                    starts[number + 1, j - first] = held[longest]
        out.state[i, first:last] = by_state[i, first:last]
        for number in range(blocks - 1, -1, -1):
            start = number * longest
            size = min(longest, length - start)
            _weights(given, i, start, size, b, c)
            by_b[:size], by_c[:size] = 0.0, 0.0
            for j in range(first, last):
                _steps(given, i, j, start, size, steps, decay)
                held[0] = starts[number, j - first]
                _states(given.u[i, j, start : start + size], steps, decay, b, held)
                by_h[:] = out.state[i, j]
                by_skip, by_bias = 0.0, 0.0
                for t in range(size - 1, -1, -1):
                    at = start + t
                    u, step = given.u[i, j, at], steps[t]
                    by_out = by_y[i, j, at] * given.valid[i, at]
                    if given.gated:
                        gate = given.gate[i, j, at]
                        share = one / (one + _exp(-gate))
                        said = given.skip[j] * u
                        for k in range(states):
                            said += held[t + 1, k] * c[t, k]
                        out.gate[i, j, at] = by_out * said * share * (one + gate * (one - share))
                        by_out *= gate * share
                    by_skip += by_out * u
                    x, by_x, by_step = step * u, zero, zero
                    for k in range(states):
                        flow = by_h[k] + by_out * c[t, k]
                        faded = flow * decay[t, k]
                        exponent = faded * held[t, k]
                        by_x += flow * b[t, k]
                        by_step += exponent * given.a[j, k]
                        out.a[j, k] += exponent * step
                        by_b[t, k] += flow * x
                        by_c[t, k] += by_out * held[t + 1, k]
                        by_h[k] = faded
                    out.u[i, j, at] = by_out * given.skip[j] + by_x * step
                    by_step = (by_step + by_x * u) * given.valid[i, at]
                    if given.softplus:
                        by_step /= one + _exp(-(given.delta[i, j, at] + given.bias[j]))
                    by_bias += by_step
                    out.delta[i, j, at] = by_step
                out.state[i, j] = by_h
                out.skip[j] += by_skip
                out.bias[j] += by_bias
            for k in range(states):
                for t in range(size):
                    out.b[i, k, start + t] = by_b[t, k]
                    out.c[i, k, start + t] = by_c[t, k]
