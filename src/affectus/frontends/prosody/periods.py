"""Jitter and shimmer: how much consecutive periods of the voice differ in length and height (Eyben et al. 2016).

Periods are followed through the wave one after the other: the next one begins where the wave resembles the present one
most, within a tenth of the period that the pitch tells. A frame takes those that fit before its end together with the
next, and at least one at an onset or where the one before has left samples over. How openSMILE's output behaves on real
and synthetic sound decided what the paper leaves open.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from affectus.frontends.prosody.frames import HOP, RATE

HISTORY = 2048  # samples before a frame that may be looked at
_RANGE = 0.1  # of a period, in which its length is searched
_MARGIN = 2  # samples that a period needs beyond the longest
_TINY = 1e-12
_ALIKE = 0.5  # correlation below which two stretches are not two periods


class Periods:
    """Follows the periods of a stream frame by frame."""

    def __init__(self) -> None:
        # sample at which the present period begins (−1: none), length and of the period before, latest jitter, shimmer
        self._state = np.array([-1.0, 0.0, 0.0, 0.0])

    def push(self, wave: np.ndarray, origin: int, first: int, pitch: np.ndarray) -> np.ndarray:
        """Jitter and shimmer of the next frames.

        Args:
            wave: (samples,) float32, at least from `HISTORY` samples before the first frame to the end of the last.
            origin: Number of the first of these samples in the stream.
            first: Number of the first frame.
            pitch: (t,) Hz, 0 where unvoiced.

        Returns:
            (t, 2): mean difference of consecutive period lengths over the mean length, at most 1; 20 · lg (1 + mean
            difference of consecutive peak-to-peak heights over the mean height), dB. A frame without a new pair keeps
            what was.
        """
        return _follow(wave, origin, first, pitch, self._state)


@njit(cache=True)
def _follow(wave, origin, first, pitch, state):  # type: ignore[no-untyped-def]
    out = np.zeros((len(pitch), 2))
    for t in range(len(pitch)):
        if pitch[t] <= 0:
            state[:] = 0.0
            state[0] = -1.0
            continue
        period = RATE / pitch[t]
        shortest, longest = int((1 - _RANGE) * period), int((1 + _RANGE) * period)
        begin = (first + t) * HOP
        onset = state[0] < max(0, begin - HISTORY // 2)
        if onset:
            state[0], state[1] = begin, 0.0
        once = onset or state[0] < begin - 1
        count, length_sum, steps, pairs = 0, 0.0, 0.0, 0
        height_sum, height_steps = 0.0, 0.0
        while once or state[0] + 2 * (longest + _MARGIN) <= begin + HOP:
            once = False
            at = int(state[0]) - origin
            lag, length, alike = _next(wave, at, shortest, longest)
            whole = lag if lag > 0 else round(period)
            state[0] += whole
            if alike < _ALIKE:
                continue
            if state[1] > 0:
                steps, pairs = steps + abs(length - state[1]), pairs + 1
            here, there = _height(wave[at : at + whole]), _height(wave[at + whole : at + 2 * whole])
            height_sum, height_steps = height_sum + (here + there) / 2, height_steps + abs(there - here)
            length_sum, count = length_sum + length, count + 1
            state[1] = length
        if pairs:
            state[2] = min(1.0, steps / pairs / (length_sum / count))
        if height_sum > 0:
            state[3] = 20 * np.log10(1 + height_steps / height_sum)
        out[t, 0], out[t, 1] = state[2], state[3]
    return out


@njit(cache=True)
def _next(wave, at, shortest, longest):  # type: ignore[no-untyped-def]
    """Lag and length of the period that begins at a sample, and its correlation with the next; 0 without a peak.

    A peak is looked for between both ends of the range and laid through by a parabola.
    """
    sums, squares = _running(wave[at : at + 2 * longest])
    best, length, alike, top, left, middle = 0, 0.0, 0.0, -1.0, 0.0, 0.0
    for lag in range(shortest, longest + 1):
        a, b = sums[lag], sums[2 * lag] - sums[lag]
        aa, bb = squares[lag] - a * a / lag, squares[2 * lag] - squares[lag] - b * b / lag
        product = _product(wave[at : at + lag], wave[at + lag : at + 2 * lag])
        right = (product - a * b / lag) / np.sqrt(max(aa * bb, _TINY))
        if lag > shortest + 1 and middle > left and middle > right and middle > top:
            top, best = middle, lag - 1
            shift = 0.5 * (left - right) / (left - 2 * middle + right)
            length, alike = best + shift, middle - 0.25 * (left - right) * shift
        left, middle = middle, right
    return best, length, alike


@njit(cache=True)
def _running(wave):  # type: ignore[no-untyped-def]
    """Sums and sums of squares of the first 0, 1, 2, … samples."""
    sums, squares = np.zeros(len(wave) + 1), np.zeros(len(wave) + 1)
    for i in range(len(wave)):
        sums[i + 1] = sums[i] + wave[i]
        squares[i + 1] = squares[i] + wave[i] * wave[i]
    return sums, squares


@njit(cache=True, fastmath={"reassoc"})
def _product(here, there):  # type: ignore[no-untyped-def]
    total = np.float32(0)
    for i in range(len(here)):
        total += here[i] * there[i]
    return total


@njit(cache=True)
def _height(wave):  # type: ignore[no-untyped-def]
    """From the lowest to the highest sample between both ends; an end is no peak."""
    inside = wave[1:-1]
    return float(inside.max() - inside.min())
