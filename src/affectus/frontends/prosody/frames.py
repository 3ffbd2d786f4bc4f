"""The two rasters of eGeMAPS: short frames of 20 ms for spectra, long ones of 60 ms for pitch, both every 10 ms."""

from __future__ import annotations

import numpy as np
from scipy import fft

RATE = 16_000  # Hz; other rates are resampled first
HOP = 160  # samples = 10 ms
SHORT, SHORT_FFT = 320, 512  # samples
LONG, LONG_FFT = 960, 1024
SHORT_BIN, LONG_BIN = RATE / SHORT_FFT, RATE / LONG_FFT  # Hz
_DEVIATION = 0.4  # of the Gaussian window, in half window lengths


def count(samples: int, size: int) -> int:
    """How many frames of `size` begin and end inside so many samples; frame i begins at i · 10 ms."""
    return max(0, (samples - size) // HOP + 1)


def cut(wave: np.ndarray, size: int, frames: int) -> np.ndarray:
    """The first frames of a wave, (frames, size), without copying it."""
    if not frames:
        return np.empty((0, size), wave.dtype)
    return np.lib.stride_tricks.sliding_window_view(wave[: (frames - 1) * HOP + size], size)[::HOP]


def short_spectra(frames: np.ndarray) -> np.ndarray:
    """Spectra (t, 257) complex64 of short frames (t, 320) under a Hamming window in the middle of 512 samples."""
    padded = np.zeros((len(frames), SHORT_FFT), np.float32)
    before = (SHORT_FFT - SHORT) // 2
    np.multiply(frames, _HAMMING, out=padded[:, before : before + SHORT])
    return fft.rfft(padded)


def long_windowed(frames: np.ndarray) -> np.ndarray:
    """Long frames (t, 960) under a Gaussian window."""
    return frames * _GAUSS


def long_magnitudes(windowed: np.ndarray) -> np.ndarray:
    """Magnitudes (t, 513) float32 of windowed long frames (t, 960)."""
    return np.abs(fft.rfft(windowed, LONG_FFT))


_HAMMING = np.hamming(SHORT).astype(np.float32)
_CENTRE = (LONG - 1) / 2
_GAUSS = np.exp(-0.5 * ((np.arange(LONG) - _CENTRE) / (_DEVIATION * _CENTRE)) ** 2).astype(np.float32)
