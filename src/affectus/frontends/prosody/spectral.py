"""Balance, slopes and flux of short-time spectra (Eyben et al. 2016, sections 3.1–3.3).

Band edges follow openSMILE, so that columns can be exchanged: bins of 31.25 Hz, the lower band of the alpha ratio from
0 Hz, and slopes that divide by the number of steps between bins where a textbook divides by the number of bins.
"""

from __future__ import annotations

import numpy as np

from affectus.frontends.prosody.frames import SHORT_BIN

_FLOOR = 1e-14  # power that keeps logarithms finite in digital silence


def _bin(hertz: float) -> int:
    return round(hertz / SHORT_BIN)


_1000, _2000, _5000 = _bin(1000), _bin(2000), _bin(5000)


def alpha_ratio(power: np.ndarray) -> np.ndarray:
    """Energy of 1–5 kHz over that below 1 kHz, dB, from power (t, 257)."""
    return _decibel(power[:, _1000 : _5000 + 1].sum(1)) - _decibel(power[:, :_1000].sum(1))


def hammarberg_index(power: np.ndarray) -> np.ndarray:
    """Highest peak below 2 kHz over the highest of 2–5 kHz, dB."""
    return _decibel(power[:, :_2000].max(1)) - _decibel(power[:, _2000 : _5000 + 1].max(1))


def slope(power: np.ndarray, low: float, high: float) -> np.ndarray:
    """Slope of the logarithmic power spectrum between two frequencies, dB/Hz."""
    first, last = _bin(low), _bin(high)
    bins = np.arange(first, last + 1, dtype=np.float64)
    steps = last - first
    weights = (bins - bins.sum() / steps) / ((bins**2).sum() - bins.sum() ** 2 / steps)
    return _decibel(power[:, first : last + 1]) @ weights / SHORT_BIN


def flux(magnitude: np.ndarray) -> np.ndarray:
    """Root mean square change of the magnitudes below 5 kHz since the frame before, (t − 1,)."""
    below = magnitude[:, :_5000]
    return np.sqrt(((below[1:] - below[:-1]) ** 2).sum(1) / _5000)


def _decibel(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, _FLOOR))
