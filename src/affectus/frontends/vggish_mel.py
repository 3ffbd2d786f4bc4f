"""Log-mel patches for VGGish: the arithmetic of the released TensorFlow code (AudioSet, Apache-2.0) in NumPy.

Magnitudes, not power, of 25 ms every 10 ms; 64 triangles of equal height between 125 Hz and 7500 Hz on the mel scale of
HTK; log(x + 0.01).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from affectus.nn.vggish import BANDS, FRAMES

RATE = 16_000  # Hz
WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms, 10 ms
LOWEST, HIGHEST = 125.0, 7500.0  # Hz
OFFSET = 0.01  # keeps the logarithm finite
SECOND = RATE // HOP  # columns


def _to_mel(hertz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


@cache
def _filters() -> np.ndarray:
    """(257, 64): triangles in mels; the constant term counts nowhere. Read-only."""
    bins = _to_mel(np.arange(FFT // 2 + 1) * RATE / FFT)[:, None]
    corners = np.linspace(_to_mel(LOWEST), _to_mel(HIGHEST), BANDS + 2)
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    weights = np.maximum(0.0, np.minimum((bins - left) / (middle - left), (right - bins) / (right - middle)))
    weights[0] = 0.0
    weights.flags.writeable = False
    return weights


def log_mel(wave: np.ndarray) -> np.ndarray:
    """Log magnitudes in mel bands.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz.

    Returns:
        (1 + (samples − 400) // 160, 64) float32; no row where the wave is shorter than a window.
    """
    if len(wave) < WINDOW:
        return np.zeros((0, BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(wave, np.float64), WINDOW)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    return np.log(np.abs(np.fft.rfft(frames * window, FFT)) @ _filters() + OFFSET).astype(np.float32)


def patches(wave: np.ndarray, times: np.ndarray) -> np.ndarray:
    """A patch of 0.96 s for each time, beginning there; the last sample is held on where the sound ends before.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz.
        times: (t,) seconds from the wave's start, at or above 0.

    Returns:
        (t, 96, 64) float32.
    """
    first = np.round(np.asarray(times, np.float64) * SECOND).astype(int)
    wanted = (int(first.max(initial=0)) + FRAMES - 1) * HOP + WINDOW
    held = wave if len(wave) else np.zeros(1, np.float32)
    table = log_mel(np.pad(held, (0, max(0, wanted - len(held))), mode="edge"))
    return table[first[:, None] + np.arange(FRAMES)]
