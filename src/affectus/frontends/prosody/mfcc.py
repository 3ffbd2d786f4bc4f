"""Mel-frequency cepstral coefficients 1–4 of 26 bands, liftered (Davis & Mermelstein 1980; Eyben et al. 2016)."""

from __future__ import annotations

import numpy as np

from affectus.frontends.prosody.loudness import BANDS

COEFFICIENTS = 4
_LIFTER = 22
_FLOOR = 2.0**-30  # band power, of one step of 16 bits

_ORDER = np.arange(1, COEFFICIENTS + 1)
_BASIS = (
    np.cos(np.pi * _ORDER * (np.arange(BANDS)[:, None] + 0.5) / BANDS)
    * np.sqrt(2 / BANDS)
    * (1 + _LIFTER / 2 * np.sin(np.pi * _ORDER / _LIFTER))
)


def mfcc(banded: np.ndarray) -> np.ndarray:
    """Coefficients (t, 4) of band powers (t, 26)."""
    return np.log(np.maximum(banded, _FLOOR)) @ _BASIS
