"""Speech taken apart: pitch, spectral envelope and noisiness of every 5 ms, which can be changed each for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

RATE = 16_000  # Hz
HOP = 80
"""Samples between frames, 5 ms."""
BINS = 513
"""Frequencies of an envelope, 0 to 8 kHz."""
FREQUENCIES = np.linspace(0.0, RATE / 2, BINS)
SHORTEST = 1_600
"""Samples below which nothing can be taken apart, 0.1 s."""


@dataclass(frozen=True)
class Parts:
    """One stretch of speech, 200 frames a second; frame i is centred on i · 5 ms.

    Args:
        pitch: (t,) Hz, 0 where there is none.
        envelope: (t, 513) power of the spectral envelope, above 0.
        noise: (t, 513) share of noise in the amplitude, 0 (harmonics only) to 1 (noise only).
        samples: Length of the sound.
    """

    pitch: np.ndarray
    envelope: np.ndarray
    noise: np.ndarray
    samples: int


class Vocoder(Protocol):
    """Takes speech apart and puts it together."""

    name: str

    def analyse(self, wave: np.ndarray) -> Parts:
        """(samples,) float in [-1, 1] at 16 kHz, at least `SHORTEST` → its parts."""
        ...

    def synthesise(self, parts: Parts) -> np.ndarray:
        """Parts → (samples,) float64."""
        ...
