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
_STEPS = 50
_PRECISE = 1e-5  # of the last step, whose error is that of its third power
_TINY = 1e-300


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
    return _lags(fft.irfft(kept, _SIZE)[:, :_SAMPLES])


@njit(cache=True, fastmath={"reassoc"})
def _lags(waves):  # type: ignore[no-untyped-def]
    out = np.zeros((len(waves), ORDER + 1))
    for t in range(len(waves)):
        wave = waves[t]
        for lag in range(ORDER + 1):
            total = 0.0
            for i in range(len(wave) - lag):
                total += wave[i] * wave[i + lag]
            out[t, lag] = total
    return out


@njit(cache=True)
def _poles(correlation, sign):  # type: ignore[no-untyped-def]
    out = np.zeros((len(correlation), 2 * FORMANTS))
    roots = _circle()
    for t in range(len(correlation)):
        if correlation[t, 0] <= 0:
            continue
        if not _find(sign * _predictor(correlation[t]), roots):  # from where the frame before had its roots
            roots = _circle()
            _find(sign * _predictor(correlation[t]), roots)
        _fill(roots, out[t])
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
def _circle():  # type: ignore[no-untyped-def]
    angle = 2 * np.pi * np.arange(ORDER) / ORDER + 0.4
    return 0.9 * np.exp(1j * angle)


@njit(cache=True)
def _find(a, z):  # type: ignore[no-untyped-def]
    """Move guesses onto the roots of z¹¹ + a₁z¹⁰ + … + a₁₁, all at once (Aberth 1973); whether they got there."""
    for _ in range(_STEPS):
        moved = 0.0
        for k in range(ORDER):
            x, y = z[k].real, z[k].imag
            vx, vy, sx, sy = 1.0, 0.0, 0.0, 0.0  # value of the polynomial and its slope
            for c in a:
                sx, sy = sx * x - sy * y + vx, sx * y + sy * x + vy
                vx, vy = vx * x - vy * y + c, vx * y + vy * x
            rx, ry = 0.0, 0.0  # how the other guesses repel this one
            for j in range(ORDER):
                if j != k:
                    dx, dy = x - z[j].real, y - z[j].imag
                    near = 1 / (dx * dx + dy * dy + _TINY)
                    rx, ry = rx + dx * near, ry - dy * near
            # step = value / (slope − value · repulsion)
            bx, by = sx - (vx * rx - vy * ry), sy - (vx * ry + vy * rx)
            size = bx * bx + by * by + _TINY
            px, py = (vx * bx + vy * by) / size, (vy * bx - vx * by) / size
            z[k] = complex(x - px, y - py)
            moved = max(moved, abs(px) + abs(py))
        if moved < _PRECISE:
            return True
    return False


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
