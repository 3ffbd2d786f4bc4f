"""Formants: poles of linear prediction of order 11 on sound brought to 11 kHz (Eyben et al. 2016, section 3.1).

`formants` gives the values that users of openSMILE know. They differ from the resonances of the vocal tract: openSMILE
hears the first 14 ms of a frame up to 3.4 kHz, and finds the roots of a polynomial whose coefficients have the other
sign, so that its bandwidths are wide. `resonances` gives the textbook's poles of the same prediction.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy import fft

ORDER = 11
FORMANTS = 3
RATE = 11_000  # Hz
_SAMPLES = 220  # at 11 kHz = 20 ms
_SIZE = 352  # transform length at 11 kHz that belongs to 512 at 16 kHz
_BINS = 110  # of 31.25 Hz that are kept
_LOW, _HIGH = 50.0, 5500.0  # Hz
_STEPS = 60
_PRECISE = 1e-10


def formants(spectra: np.ndarray) -> np.ndarray:
    """Frequencies of formants 1–3 and their bandwidths as openSMILE defines them.

    Args:
        spectra: (t, 257) complex, as `frames.short_spectra` gives them.

    Returns:
        (t, 6) float64 Hz: three frequencies in rising order, three bandwidths; 0 where there is none.
    """
    return _poles(_autocorrelation(spectra), -1.0)


def resonances(spectra: np.ndarray) -> np.ndarray:
    """Frequencies and bandwidths of the lowest three poles of linear prediction, (t, 6) Hz, 0 where there is none."""
    return _poles(_autocorrelation(spectra), 1.0)


def _autocorrelation(spectra: np.ndarray) -> np.ndarray:
    """Lags 0–11 of the frames at 11 kHz, (t, 12)."""
    kept = np.zeros((len(spectra), _SIZE // 2 + 1), np.complex64)
    kept[:, :_BINS] = spectra[:, :_BINS]
    kept[:, 0] *= 2
    wave = fft.irfft(kept, _SIZE)[:, :_SAMPLES]
    power = np.abs(fft.rfft(wave, 2 * _SIZE)) ** 2
    return fft.irfft(power)[:, : ORDER + 1].astype(np.float64)


@njit(cache=True)
def _poles(correlation, sign):  # type: ignore[no-untyped-def]
    out = np.zeros((len(correlation), 2 * FORMANTS))
    for t in range(len(correlation)):
        if correlation[t, 0] <= 0:
            continue
        _fill(_roots(sign * _predictor(correlation[t])), out[t])
    return out


@njit(cache=True)
def _predictor(correlation):  # type: ignore[no-untyped-def]
    """Prediction-error coefficients 1–11 by the Levinson–Durbin recursion."""
    a = np.zeros(ORDER)
    error = correlation[0]
    for i in range(ORDER):
        reflection = correlation[i + 1]
        for j in range(i):
            reflection += a[j] * correlation[i - j]
        reflection = -reflection / error
        before = a[:i].copy()
        for j in range(i):
            a[j] += reflection * before[i - 1 - j]
        a[i] = reflection
        error *= 1 - reflection * reflection
        if error <= 0:
            break
    return a


@njit(cache=True)
def _roots(a):  # type: ignore[no-untyped-def]
    """All roots of z¹¹ + a₁z¹⁰ + … + a₁₁ at once (Aberth 1973)."""
    n = len(a)
    z = np.empty(n, np.complex128)
    for k in range(n):
        angle = 2 * np.pi * k / n + 0.4
        z[k] = 0.9 * complex(np.cos(angle), np.sin(angle))
    for _ in range(_STEPS):
        moved = 0.0
        for k in range(n):
            value, slope = complex(1.0, 0.0), complex(0.0, 0.0)
            for c in a:
                slope = slope * z[k] + value
                value = value * z[k] + c
            if slope == 0:
                continue
            newton = value / slope
            repel = complex(0.0, 0.0)
            for j in range(n):
                if j != k and z[k] != z[j]:
                    repel += 1 / (z[k] - z[j])
            step = newton / (1 - newton * repel)
            z[k] -= step
            moved = max(moved, abs(step))
        if moved < _PRECISE:
            break
    return z


@njit(cache=True)
def _fill(roots, row):  # type: ignore[no-untyped-def]
    """Put the lowest three pole pairs inside the range into a row."""
    found = np.empty((len(roots), 2))
    n = 0
    for z in roots:
        frequency = np.arctan2(z.imag, z.real) * RATE / (2 * np.pi)
        if _LOW <= frequency <= _HIGH and abs(z) > 0:
            found[n, 0] = frequency
            found[n, 1] = -np.log(abs(z)) * RATE / np.pi
            n += 1
    order = np.argsort(found[:n, 0])
    for i in range(min(n, FORMANTS)):
        row[i] = found[order[i], 0]
        row[FORMANTS + i] = found[order[i], 1]
