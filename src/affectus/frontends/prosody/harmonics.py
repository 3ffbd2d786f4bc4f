"""Harmonics of a voiced frame: harmonics-to-noise ratio, and levels of single harmonics and of the formants.

Levels are those of openSMILE's columns: `H1-H2` compares the second and third multiple of the pitch (the first is
counted as 0), and a formant's level is that of the highest harmonic within a fifth of its frequency (or else of the
first), relative to the first. A harmonic is the spectral peak nearest to a multiple of the pitch, within half the
pitch; its height is that of a parabola, but for the first, of which the bin itself counts.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import fft

from affectus.frontends.prosody.frames import LONG_BIN, RATE

UNVOICED_LEVEL = -201.0  # dB, what a level is without voice or without a peak
_MOST = 100  # harmonics
_NEAR = 0.2  # of a formant's frequency
_TINY = 1e-12


def harmonics(magnitude: np.ndarray, pitch: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Harmonics-to-noise ratio and levels.

    Args:
        magnitude: (t, 513) spectra of long frames.
        pitch: (t,) Hz, 0 where unvoiced.
        formants: (t, 3) Hz.

    Returns:
        (t, 6) float64 dB: ratio of harmonics to noise, H1–H2, H1–A3, levels of formants 1–3; 0 and −201 if unvoiced.
    """
    voiced = np.flatnonzero(pitch > 0)
    out = np.zeros((len(pitch), 6))
    out[:, 3:] = UNVOICED_LEVEL
    spectra = magnitude[voiced]
    correlation = fft.irfft(spectra * spectra)[:, : magnitude.shape[1]]
    out[voiced, 0] = _clarity(correlation, pitch[voiced])
    out[voiced, 1:] = _levels(spectra, pitch[voiced], formants[voiced])
    return out


@njit(cache=True)
def _clarity(correlation, pitch):  # type: ignore[no-untyped-def]
    """Height of the autocorrelation at the period over what is missing to its height at 0, dB."""
    out = np.zeros(len(pitch))
    for t in range(len(pitch)):
        period = int(RATE / pitch[t])
        top = correlation[t, max(_nearest_peak(correlation[t], period, -1, 1, 2 * period), 1)]
        noise = max(correlation[t, 0] - top, _TINY)
        out[t] = 10 * np.log10(max(top, _TINY) / noise)
    return out


@njit(cache=True)
def _nearest_peak(values, middle, first, low, high):  # type: ignore[no-untyped-def]
    """Index of the peak nearest to a place, of two equally near ones that in the `first` direction (±1); −1 if none."""
    low, high = max(low, 1), min(high, len(values) - 2)
    for away in range(max(middle - low, high - middle) + 1):
        for i in (middle + first * away, middle - first * away):
            if low <= i <= high and values[i] >= values[i - 1] and values[i] >= values[i + 1]:
                return i
    return -1


@njit(cache=True)
def _levels(spectra, pitch, formants):  # type: ignore[no-untyped-def]
    out = np.zeros((len(pitch), 5))
    for t in range(len(pitch)):
        n = min(_MOST, int((RATE / 2 - 1) / pitch[t]))
        hertz, height = np.zeros(n), np.zeros(n)
        level = np.full(n, UNVOICED_LEVEL)  # relative to the first
        step, ground = pitch[t] / LONG_BIN, 0.0
        for h in range(n):
            low, middle, high = round((h + 0.5) * step), round((h + 1) * step), round((h + 1.5) * step)
            i = _nearest_peak(spectra[t], middle, 1, low, high)
            if i > 0:
                shift, top = _parabola(spectra[t], i)
                hertz[h], height[h] = (i + shift) * LONG_BIN, spectra[t, i]
                if h == 0:
                    ground = height[0]
                    level[0] = 0.0
                elif ground > 0:
                    level[h] = max(20 * np.log10(max(top, _TINY) / ground), UNVOICED_LEVEL)
        if n > 2:
            out[t, 0] = _between(level[1] - level[2])
        for f in range(3):
            near = level[_highest_near(hertz, height, formants[t, f])]
            out[t, 2 + f] = near
            if f == 2 and n > 1:
                out[t, 1] = _between(level[1] - near)
    return out


@njit(cache=True)
def _between(level):  # type: ignore[no-untyped-def]
    return min(max(level, UNVOICED_LEVEL), -UNVOICED_LEVEL)


@njit(cache=True)
def _parabola(values, i):  # type: ignore[no-untyped-def]
    """Place beside a peak, in steps, and height of the top of a parabola through it and its neighbours."""
    left, middle, right = values[i - 1], values[i], values[i + 1]
    bend = left - 2 * middle + right
    if bend >= 0:
        return 0.0, middle
    shift = 0.5 * (left - right) / bend
    return shift, middle - 0.25 * (left - right) * shift


@njit(cache=True)
def _highest_near(hertz, height, formant):  # type: ignore[no-untyped-def]
    """Number of the highest harmonic within a fifth of a formant, 0 where there is none."""
    best = -1
    for h in range(len(hertz)):
        if abs(hertz[h] - formant) <= _NEAR * formant and (best < 0 or height[h] > height[best]):
            best = h
    return max(best, 0)
