"""Mel spectrograms in NumPy, as Whisper and the GE2E speaker encoder expect them.

Filters follow Slaney's Auditory Toolbox (1998): linear below 1 kHz, logarithmic above, each of unit area.
"""

from __future__ import annotations

from functools import cache

import numpy as np

RATE = 16_000  # Hz
WINDOW = 400  # samples = 25 ms
HOP = 160  # samples = 10 ms
FRAMES_PER_SECOND = RATE // HOP  # 100
WHISPER_MELS = 80
_BLOCK = 4096  # frames at a time, so that memory stays below 30 MB for any length

_LINEAR = 200 / 3  # Hz a mel below the break
_BREAK = 1000.0  # Hz
_BREAK_MEL = _BREAK / _LINEAR  # 15
_STEP = np.log(6.4) / 27  # one mel above the break


def _to_hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < _BREAK_MEL, mel * _LINEAR, _BREAK * np.exp(_STEP * (mel - _BREAK_MEL)))


def _to_mel(hertz: float) -> float:
    return hertz / _LINEAR if hertz < _BREAK else _BREAK_MEL + float(np.log(hertz / _BREAK)) / _STEP


@cache
def filters(mels: int = WHISPER_MELS) -> np.ndarray:
    """Triangular filters from 0 Hz to 8 kHz, shape (mels, WINDOW // 2 + 1), float64; read-only."""
    corners = _to_hertz(np.linspace(0.0, _to_mel(RATE / 2), mels + 2))
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    width = np.diff(corners)
    rising = (bins - corners[:-2, None]) / width[:-1, None]
    falling = (corners[2:, None] - bins) / width[1:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (corners[2:] - corners[:-2]))[:, None]
    weights.flags.writeable = False
    return weights


def mel_power(wave: np.ndarray, mels: int = WHISPER_MELS) -> np.ndarray:
    """Power in mel bands: Hann windows of 25 ms every 10 ms, centred, the ends mirrored.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz, at least 201 samples (a mirror image needs them).
        mels: Number of bands.

    Returns:
        (mels, 1 + samples // 160) float64.
    """
    wave = np.asarray(wave, dtype=np.float64)
    padded = np.pad(wave, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    out = np.empty((mels, len(frames)))
    for start in range(0, len(frames), _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * window)
        out[:, start : start + _BLOCK] = filters(mels) @ (spectrum.real**2 + spectrum.imag**2).T
    return out


def log_mel(wave: np.ndarray, mels: int = WHISPER_MELS) -> np.ndarray:
    """Whisper's input (Radford et al. 2022, section 2.2): log10 power, at most 8 below the loudest, scaled to about ±1.

    The wave is not padded to 30 seconds. Waves too short to be mirrored are filled with zeros up to 25 ms.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz.
        mels: Number of bands.

    Returns:
        (mels, samples // 160) float32, at least two frames.
    """
    if len(wave) < WINDOW:
        wave = np.pad(wave, (0, WINDOW - len(wave)))
    power = np.log10(np.maximum(mel_power(wave, mels), 1e-10))[:, :-1]
    return ((np.maximum(power, power.max() - 8.0) + 4.0) / 4.0).astype(np.float32)
