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
            (t, 2): mean difference of consecutive period lengths over the mean length, and mean difference of
            consecutive peak heights in dB. A frame without a new pair of periods keeps the values of the one before.
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
        shortest, longest = int(np.floor((1 - _RANGE) * period)), int(np.ceil((1 + _RANGE) * period))
        size = round(period)
        end = (first + t + 1) * HOP
        if state[0] < max(0, end - HOP - HISTORY // 2):
            state[0], state[1] = max(0, end - HOP), 0.0
        lengths, count, steps, pairs, ratios = 0.0, 0, 0.0, 0, 0.0
        while state[0] + 2 * longest <= end:
            at = int(state[0]) - origin
            length, alike = _next(wave, at, size, shortest, longest)
            if alike < _ALIKE:
                state[0] += size
                continue
            step = round(length)
            lengths, count = lengths + length, count + 1
            if state[1] > 0:
                steps, pairs = steps + abs(length - state[1]), pairs + 1
                ratios += abs(_height(wave, at, step, size))
            state[0], state[1] = state[0] + step, length
        if pairs:
            state[2] = steps / pairs / (lengths / count)
            state[3] = ratios / pairs
        out[t, 0], out[t, 1] = state[2], state[3]
    return out


@njit(cache=True)
def _next(wave, at, size, shortest, longest):  # type: ignore[no-untyped-def]
    """Length of the period that begins at a sample, and the correlation there; 0 if there is no peak in the range."""
    energy, other = 0.0, 0.0
    for i in range(size):
        energy += wave[at + i] ** 2
        other += wave[at + shortest - 1 + i] ** 2
    best, top = 0.0, 0.0
    left = middle = 0.0
    for lag in range(shortest - 1, longest + 2):
        product = 0.0
        for i in range(size):
            product += wave[at + i] * wave[at + lag + i]
        right = product / np.sqrt(energy * other + _TINY)
        if lag > shortest and middle > left and middle > right and middle > top:
            top = middle
            best = lag - 1 + 0.5 * (left - right) / (left - 2 * middle + right)
        left, middle = middle, right
        other += wave[at + lag + size] ** 2 - wave[at + lag] ** 2
    return best, top


@njit(cache=True)
def _height(wave, at, step, size):  # type: ignore[no-untyped-def]
    """Peak to peak height of the next period over that of the present one, dB."""
    here, there = wave[at : at + step], wave[at + step : at + step + size]
    now, then = here.max() - here.min(), there.max() - there.min()
    return 20 * np.log10(then / now) if now > 0 and then > 0 else 0.0
