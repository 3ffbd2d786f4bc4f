"""Harmonics of a voiced frame: harmonics-to-noise ratio, and levels of single harmonics and of the formants.

Levels are those of openSMILE's columns: `H1-H2` compares the second and third multiple of the pitch (the first is
counted as 0), and a formant's level is that of the highest harmonic within a fifth of its frequency, relative to the
pitch itself.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import fft

from affectus.frontends.prosody.frames import LONG_BIN, RATE

UNVOICED_LEVEL = -201.0  # dB, what a formant's level is without voice
_MOST = 100  # harmonics
_NEAR = 0.2  # of a formant's frequency
_SEARCH = 2  # bins around a multiple of the pitch in which its peak is searched
_LAGS = 3  # samples around the period in which the autocorrelation's peak is searched
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
        period = round(RATE / pitch[t])
        top = correlation[t, max(1, period - _LAGS) : period + _LAGS + 1].max()
        noise = max(correlation[t, 0] - top, _TINY)
        out[t] = 10 * np.log10(max(top, _TINY) / noise)
    return out


@njit(cache=True)
def _levels(spectra, pitch, formants):  # type: ignore[no-untyped-def]
    out = np.zeros((len(pitch), 5))
    for t in range(len(pitch)):
        n = min(_MOST, int((RATE / 2 - 1) / pitch[t]))
        hertz, height = np.empty(n), np.empty(n)
        for h in range(n):
            hertz[h], height[h] = _peak(spectra[t], (h + 1) * pitch[t])
        level = 20 * np.log10(np.maximum(height, _TINY))
        if n > 2:
            out[t, 0] = level[1] - level[2]
        for f in range(3):
            near = _highest_near(hertz, level, formants[t, f])
            out[t, 2 + f] = max(near - level[0], UNVOICED_LEVEL)
            if f == 2 and n > 1:
                out[t, 1] = min(level[1] - near, -UNVOICED_LEVEL)
    return out


@njit(cache=True)
def _peak(spectrum, hertz):  # type: ignore[no-untyped-def]
    """Place and height of the highest point near a frequency, by a parabola through three bins."""
    centre = round(hertz / LONG_BIN)
    low, high = max(1, centre - _SEARCH), min(len(spectrum) - 2, centre + _SEARCH)
    i = low + int(np.argmax(spectrum[low : high + 1]))
    left, middle, right = spectrum[i - 1], spectrum[i], spectrum[i + 1]
    bend = left - 2 * middle + right
    if middle < left or middle < right or bend >= 0:
        return i * LONG_BIN, middle
    shift = 0.5 * (left - right) / bend
    return (i + shift) * LONG_BIN, middle - 0.25 * (left - right) * shift


@njit(cache=True)
def _highest_near(hertz, level, formant):  # type: ignore[no-untyped-def]
    """Level of the highest harmonic within a fifth of a formant, or else of the nearest one."""
    best, nearest, distance = -np.inf, level[0], np.inf
    for h in range(len(hertz)):
        away = abs(hertz[h] - formant)
        if away <= _NEAR * formant:
            best = max(best, level[h])
        if away < distance:
            nearest, distance = level[h], away
    return best if best > -np.inf else nearest
