"""Loudness after the auditory spectrum of perceptual linear prediction (Hermansky 1990; Eyben et al. 2016)."""

from __future__ import annotations

import numpy as np

from affectus.frontends.prosody.frames import SHORT_BIN, SHORT_FFT

BANDS = 26
_LOW, _HIGH = 20.0, 8000.0  # Hz
_COMPRESSION = 0.33  # power law of hearing
_UNIT = 3.0323e-4  # of a band's power
_CORNER = 4606.0  # Hz, from which the ear's sensitivity falls steeply
_FIRST = 2  # bin; what lies below, where rooms hum, is left out as openSMILE does


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    return 1127 * np.log1p(np.asarray(hertz) / 700)


_EDGES = np.linspace(_mel(_LOW), _mel(_HIGH), BANDS + 2)
CENTRES = 700 * np.expm1(_EDGES[1:-1] / 1127)  # Hz


def _filters() -> np.ndarray:
    """Triangles on the mel scale, (257, 26)."""
    bins = _mel(np.arange(SHORT_FFT // 2 + 1) * SHORT_BIN)[:, None]
    low, middle, high = _EDGES[:-2], _EDGES[1:-1], _EDGES[2:]
    filters = np.clip(np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)), 0, None)
    filters[:_FIRST] = 0
    return filters


FILTERS = _filters().astype(np.float32)


def _equal_loudness() -> np.ndarray:
    """How loud equal powers are heard at the centres of the bands (Hermansky 1990, eq. 4).

    The fall towards high frequencies is steeper than the paper's sixth power, and the unit is openSMILE's.
    """
    square = (2 * np.pi * CENTRES) ** 2
    heard = (square + 56.8e6) * square**2 / ((square + 6.3e6) ** 2 * (square + 0.38e9))
    return _UNIT * heard / (1 + (CENTRES / _CORNER) ** 7)


_WEIGHTS = _equal_loudness() ** _COMPRESSION


def bands(power: np.ndarray) -> np.ndarray:
    """Powers of the 26 mel bands, (t, 26), from power (t, 257)."""
    return power @ FILTERS


def loudness(banded: np.ndarray) -> np.ndarray:
    """Sum of the compressed and weighted bands, (t,), in arbitrary units that grow with the recording level."""
    return banded**_COMPRESSION @ _WEIGHTS
