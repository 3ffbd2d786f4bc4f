"""Jitter and shimmer: how much consecutive periods of the voice differ in length and height (Eyben et al. 2016).

Periods are followed through the wave one after the other: the next one begins where the wave resembles the present one
most, within a tenth of the period that the pitch tells.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from affectus.frontends.prosody.frames import HOP, RATE

HISTORY = 2048  # samples before a frame that may be looked at
_RANGE = 0.1  # of a period, in which its length is searched
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
            (t, 2): mean difference of consecutive period lengths over the mean length; 20 · lg (1 + mean difference of
            consecutive peak-to-peak heights over the mean height), dB. A frame without a new pair keeps what was.
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
        shortest, longest = int(np.ceil((1 - _RANGE) * period)), int(np.floor((1 + _RANGE) * period))
        begin = (first + t) * HOP
        if state[0] < max(0, begin - HISTORY // 2):
            state[0], state[1] = begin, 0.0
        count, length_sum, steps, pairs = 0, 0.0, 0.0, 0
        height_sum, height_steps = 0.0, 0.0
        while state[0] + 2 * longest <= begin + HOP:
            at = int(state[0]) - origin
            length, alike = _next(wave, at, shortest, longest)
            whole = round(length) if length > 0 else round(period)
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
            state[2] = steps / pairs / (length_sum / count)
        if height_sum > 0:
            state[3] = 20 * np.log10(1 + height_steps / height_sum)
        out[t, 0], out[t, 1] = state[2], state[3]
    return out


@njit(cache=True)
def _next(wave, at, shortest, longest):  # type: ignore[no-untyped-def]
    """Length of the period that begins at a sample, and its correlation with the next; 0 where there is no peak."""
    sums, squares = _running(wave[at : at + 2 * longest + 3])
    best, top, left, middle = 0.0, 0.0, 0.0, 0.0
    for lag in range(shortest - 1, longest + 2):
        a, b = sums[lag], sums[2 * lag] - sums[lag]
        aa, bb = squares[lag] - a * a / lag, squares[2 * lag] - squares[lag] - b * b / lag
        product = _product(wave[at : at + lag], wave[at + lag : at + 2 * lag])
        right = (product - a * b / lag) / np.sqrt(max(aa * bb, _TINY))
        if lag > shortest and middle > left and middle > right and middle > top:
            top = middle
            best = lag - 1 + 0.5 * (left - right) / (left - 2 * middle + right)
        left, middle = middle, right
    return best, top


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
    return float(wave.max() - wave.min())
