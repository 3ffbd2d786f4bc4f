"""Spectrograms as pictures, as phoneticians draw them: dark is loud, pitch in red over it."""

from __future__ import annotations

import base64
import io

import numpy as np

RATE = 16_000  # Hz
WINDOW, HOP, SIZE = 400, 80, 512  # samples: 25 ms every 5 ms
RANGE = 60.0  # dB between black and white
HIGHEST = 600.0  # Hz at the top of the picture, for pitch
_RED = (196, 30, 58)


def spectrogram(wave: np.ndarray) -> np.ndarray:
    """(257, frames, 3) uint8 RGB, 8 kHz at the top, one column for 5 ms.

    Args:
        wave: (samples,) float at 16 kHz.
    """
    from affectus.frontends.prosody import contours

    padded = np.pad(np.asarray(wave, np.float64), WINDOW // 2)
    views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(views * np.hanning(WINDOW), SIZE)) ** 2
    decibel = 10 * np.log10(power + 1e-12)
    darkness = np.clip((decibel - np.percentile(decibel, 99.5)) / RANGE + 1, 0, 1)
    grey = (255 * (1 - darkness)).astype(np.uint8).T[::-1]
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    pitch = contours(wave).pitch
    column = np.minimum(np.arange(len(pitch)) * 2, picture.shape[1] - 1)
    voiced = ~np.isnan(pitch)
    row = (picture.shape[0] - 1) * (1 - np.clip(pitch[voiced] / HIGHEST, 0, 1))
    for up in (0, 1):
        picture[np.clip(row.astype(int) + up, 0, picture.shape[0] - 1), column[voiced]] = _RED
    return picture


def as_data(picture: np.ndarray) -> str:
    """A picture (h, w, 3) uint8 as a `data:` address of a PNG."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(picture).save(held, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"
