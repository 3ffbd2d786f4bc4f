"""WORLD (Morise, Yokomori & Ozawa 2016) through pyworld: DIO with StoneMask, CheapTrick, D4C."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from affectus.errors import require
from affectus.frontends.vocoder.parts import BINS, HOP, RATE, Parts

LOWEST, HIGHEST = 60.0, 600.0  # Hz, the range in which pitch is searched
_SIZE = 2 * (BINS - 1)
_PERIOD = 1000 * HOP / RATE  # ms


class World:
    """The vocoder of choice where pyworld is installed.

    Raises:
        MissingDependency: If it is not.
    """

    name = "world"

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it asks setuptools for its own version
            self._pyworld: Any = require("pyworld", extra="anonymize", purpose="the vocoder WORLD")

    def analyse(self, wave: np.ndarray) -> Parts:
        """See `Vocoder`."""
        sound = np.ascontiguousarray(wave, np.float64)
        coarse, times = self._pyworld.dio(sound, RATE, f0_floor=LOWEST, f0_ceil=HIGHEST, frame_period=_PERIOD)
        pitch = self._pyworld.stonemask(sound, coarse, times, RATE)
        envelope = self._pyworld.cheaptrick(sound, pitch, times, RATE, fft_size=_SIZE)
        noise = self._pyworld.d4c(sound, pitch, times, RATE, fft_size=_SIZE)
        return Parts(pitch, envelope, noise, len(sound))

    def synthesise(self, parts: Parts) -> np.ndarray:
        """See `Vocoder`."""
        pitch, envelope, noise = (
            np.ascontiguousarray(a, np.float64) for a in (parts.pitch, parts.envelope, parts.noise)
        )
        wave = self._pyworld.synthesize(pitch, envelope, noise, RATE, _PERIOD)[: parts.samples]
        return np.pad(wave, (0, parts.samples - len(wave)))
