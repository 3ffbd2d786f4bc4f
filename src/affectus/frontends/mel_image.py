"""Sound as a picture: mel bands in decibels between 0 and 1, of a fixed length; noise and warping in training.

Frames of 400 samples every 160 at 16 kHz and 128 bands, as in M2FNet (Chudasama et al. 2022, section 3.2). How loudness
becomes colour, how long a picture is, and the strengths of noise and warping are not published there and ours.
"""

from __future__ import annotations

import numpy as np

from affectus.backbones.mel import WINDOW, mel_power

RATE = 16_000  # Hz
MELS = 128
RANGE = 80.0  # dB below the loudest that still differ
_SNR = (15.0, 30.0)  # dB, of the added noise
_WARP = 0.2  # of the length, by which the middle is moved at most


def mel_image(wave: np.ndarray, frames: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """The picture of a wave; a longer one is cut to its middle, a shorter one is followed by silence.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz.
        frames: Columns of the picture, 10 ms each.
        rng: Source of noise and warping; None has neither.

    Returns:
        (128, frames) float32 in [0, 1].
    """
    wave = np.pad(wave, (0, max(0, WINDOW - len(wave))))
    if rng is not None:
        wave = noisy(wave, rng.uniform(*_SNR), rng)
    power = 10 * np.log10(np.maximum(mel_power(wave, MELS), 1e-10))
    picture = np.clip((power - power.max()) / RANGE + 1, 0, 1) if power.max() > -99 else np.zeros_like(power)
    if rng is not None:
        picture = warped(picture, rng.uniform(-_WARP, _WARP))
    start = max(0, picture.shape[1] - frames) // 2
    picture = picture[:, start : start + frames]
    return np.pad(picture, ((0, 0), (0, frames - picture.shape[1]))).astype(np.float32)


def noisy(wave: np.ndarray, snr: float, rng: np.random.Generator) -> np.ndarray:
    """The wave with white Gaussian noise of `snr` dB below its own power."""
    return wave + np.sqrt(np.square(wave).mean() / 10 ** (snr / 10)) * rng.standard_normal(len(wave))


def warped(picture: np.ndarray, shift: float) -> np.ndarray:
    """The picture with its middle column moved by a share of its length, and the rest stretched along.

    Args:
        picture: (bands, frames).
        shift: Above −0.5 and below 0.5.
    """
    n = picture.shape[1]
    source = np.interp(np.arange(n), [0, (0.5 + shift) * (n - 1), n - 1], [0, 0.5 * (n - 1), n - 1])
    left = np.floor(source).astype(int)
    right = np.minimum(left + 1, n - 1)
    return picture[:, left] * (1 - (source - left)) + picture[:, right] * (source - left)
