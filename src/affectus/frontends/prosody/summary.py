"""A small set of prosodic descriptors of speech in NumPy alone: pitch, voicing, loudness, spectral balance, rate.

Pitch follows YIN (de Cheveigné & Kawahara 2002), computed for all frames at once through the FFT. Nothing depends on
the absolute recording level, since gain says more about the microphone than about the speaker.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

RATE = 16_000  # Hz
HOP = 160  # samples = 10 ms
LOWEST, HIGHEST = 60.0, 500.0  # Hz, the range in which pitch is searched
_WINDOW = 512  # samples = 32 ms that are compared with themselves, shifted
_LAGS = int(RATE / LOWEST) + 2
_FFT = 1024  # ≥ _WINDOW + _LAGS
_DIP = 0.15  # YIN's absolute threshold: the first dip below it is the period
_VOICED = 0.25  # normalised difference below which a frame counts as voiced
_SOUNDING = 40.0  # dB below the loudest frames at which a frame counts as silence
_FLOOR = 1e-14  # power that keeps logarithms finite, far below the last bit of a recording
_SILENCE = -90.0  # dB of full scale
_SHORTEST_RUN = 3  # frames; shorter voiced runs are noise
_BLOCK = 2048  # frames at a time, so that memory does not grow with length
_SEMITONE_REFERENCE = 27.5  # Hz


class Descriptor(NamedTuple):
    """What one value of `prosody` is."""

    name: str
    unit: str


DESCRIPTORS = (
    Descriptor("pitch mean", "semitones re 27.5 Hz"),
    Descriptor("pitch deviation", "semitones"),
    Descriptor("pitch range (10–90 %)", "semitones"),
    Descriptor("pitch movement", "semitones/s"),
    Descriptor("harmonicity mean", "dB"),
    Descriptor("harmonicity deviation", "dB"),
    Descriptor("loudness deviation", "dB"),
    Descriptor("loudness range (10–90 %)", "dB"),
    Descriptor("loudness movement", "dB/s"),
    Descriptor("spectral centroid mean", "Hz"),
    Descriptor("spectral centroid deviation", "Hz"),
    Descriptor("spectral tilt mean", "dB/octave"),
    Descriptor("spectral tilt deviation", "dB/octave"),
    Descriptor("energy above 1 kHz mean", "dB"),
    Descriptor("energy above 1 kHz deviation", "dB"),
    Descriptor("voiced share", "1"),
    Descriptor("voiced run length", "s"),
    Descriptor("voiced runs", "1/s"),
    Descriptor("loudness peaks", "1/s"),
    Descriptor("pause share", "1"),
)


@dataclass(frozen=True)
class Contours:
    """Frame-wise measures, 100 frames a second; frame i is centred on i · 10 ms.

    Args:
        pitch: (t,) Hz, NaN where unvoiced.
        aperiodicity: (t,) YIN's normalised difference at the period, 0 (periodic) to about 1 (noise).
        level: (t,) dB of full scale.
        centroid: (t,) spectral centre of gravity, Hz.
        tilt: (t,) slope of the spectrum from 100 Hz to 5 kHz, dB an octave.
        balance: (t,) power of 1–5 kHz over that of 50 Hz–1 kHz, dB.
        sounding: (t,) bool, whether the frame is within 40 dB of the loudest.
    """

    pitch: np.ndarray
    aperiodicity: np.ndarray
    level: np.ndarray
    centroid: np.ndarray
    tilt: np.ndarray
    balance: np.ndarray
    sounding: np.ndarray


def contours(wave: np.ndarray) -> Contours:
    """Measure all frames of a wave.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz; values that are not finite count as silence. Any length.
    """
    wave = np.nan_to_num(np.asarray(wave, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    half = _FFT // 2
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave, (half, half)), _FFT)[::HOP]
    parts = [_measure(frames[at : at + _BLOCK]) for at in range(0, len(frames), _BLOCK)]
    lag, aperiodicity, level, centroid, tilt, balance = (np.concatenate(column) for column in zip(*parts, strict=True))
    sounding = (level > np.percentile(level, 98) - _SOUNDING) & (level > _SILENCE)
    voiced = _long_runs(sounding & (aperiodicity < _VOICED))
    pitch = np.where(voiced, RATE / lag, np.nan)
    return Contours(pitch, aperiodicity, level, centroid, tilt, balance, sounding)


def _measure(frames: np.ndarray) -> tuple[np.ndarray, ...]:
    """Period in samples, aperiodicity, level, centroid, tilt and balance of (t, _FFT) frames."""
    lag, aperiodicity = _yin(frames[:, (_FFT - _WINDOW - _LAGS) // 2 :][:, : _WINDOW + _LAGS])
    bins, window, octaves, high, low, shape = _bands()
    power = np.abs(np.fft.rfft(frames[:, (_FFT - _WINDOW) // 2 :][:, :_WINDOW] * window)) ** 2 / (window**2).sum()
    power = power / _WINDOW + _FLOOR / _WINDOW
    total = power.sum(1)
    level = 10 * np.log10(2 * total)
    centroid = power @ bins / total
    decibel = 10 * np.log10(power[:, shape])
    tilt = (decibel - decibel.mean(1, keepdims=True)) @ octaves
    balance = 10 * np.log10(power[:, high].sum(1) / power[:, low].sum(1))
    return lag, aperiodicity, level, centroid, tilt, balance


@cache
def _bands() -> tuple[np.ndarray, ...]:
    """Bin frequencies, window, least-squares weights of the tilt, and the masks of the three bands."""
    bins = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    window = np.hanning(_WINDOW + 1)[:-1]
    shape = (bins >= 100) & (bins <= 5000)
    octaves = np.log2(bins[shape]) - np.log2(bins[shape]).mean()
    return (
        bins,
        window,
        octaves / (octaves**2).sum(),
        (bins > 1000) & (bins <= 5000),
        (bins >= 50) & (bins <= 1000),
        shape,
    )


def _yin(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interpolated period in samples and the normalised difference there, of (t, _WINDOW + _LAGS) frames (eq. 6–8)."""
    frames = frames.astype(np.float64)
    spectrum = np.fft.rfft(frames, _FFT)
    head = np.fft.rfft(frames[:, :_WINDOW], _FFT)
    product = np.fft.irfft(spectrum * head.conj(), _FFT)[:, :_LAGS]
    squares = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    energy = squares[:, _WINDOW : _WINDOW + _LAGS] - squares[:, :_LAGS]
    difference = np.maximum(energy[:, :1] + energy - 2 * product, 0)
    running = np.cumsum(difference[:, 1:], axis=1)
    normal = np.ones_like(difference)
    lags = np.arange(1, _LAGS)
    np.divide(difference[:, 1:] * lags, running, out=normal[:, 1:], where=running > 1e-12)

    first = int(RATE / HIGHEST)
    inner = normal[:, first:-1]
    dip = (inner <= normal[:, first - 1 : -2]) & (inner < normal[:, first + 1 :])
    deep = dip & (inner < _DIP)
    best = np.where(deep.any(1), deep.argmax(1), np.where(dip, inner, np.inf).argmin(1)) + first
    rows = np.arange(len(frames))
    left, middle, right = normal[rows, best - 1], normal[rows, best], normal[rows, best + 1]
    bend = left - 2 * middle + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=np.abs(bend) > 1e-12)
    return best + np.clip(shift, -0.5, 0.5), middle


def _runs(mask: np.ndarray) -> np.ndarray:
    """First and last (exclusive) index of each stretch of True, (runs, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def _long_runs(mask: np.ndarray) -> np.ndarray:
    out = np.zeros_like(mask)
    for start, end in _runs(mask):
        if end - start >= _SHORTEST_RUN:
            out[start:end] = True
    return out


def prosody(wave: np.ndarray) -> np.ndarray:
    """Prosodic descriptors of a stretch of speech.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz.

    Returns:
        (20,) float32 in the order of `DESCRIPTORS`; NaN where one is undefined (pitch if unvoiced, all in silence).
    """
    found = contours(wave)
    voiced, sounding = ~np.isnan(found.pitch), found.sounding
    if not sounding.any():
        return np.full(len(DESCRIPTORS), np.nan, np.float32)
    spoken = np.arange(len(sounding))[sounding]
    inside = slice(spoken[0], spoken[-1] + 1)  # silence before and after the speech says nothing about it
    seconds = (spoken[-1] + 1 - spoken[0]) * HOP / RATE
    tone = 12 * np.log2(found.pitch / _SEMITONE_REFERENCE)
    clear = 10 * np.log10((1 - np.clip(found.aperiodicity, 1e-4, 0.9999)) / np.clip(found.aperiodicity, 1e-4, 0.9999))
    runs = _runs(voiced)
    level = found.level
    values = [
        _mean(tone[voiced]),
        _deviation(tone[voiced]),
        _spread(tone[voiced]),
        _movement(tone, voiced),
        _mean(clear[voiced]),
        _deviation(clear[voiced]),
        _deviation(level[sounding]),
        _spread(level[sounding]),
        _movement(level, sounding),
        _mean(found.centroid[sounding]),
        _deviation(found.centroid[sounding]),
        _mean(found.tilt[sounding]),
        _deviation(found.tilt[sounding]),
        _mean(found.balance[sounding]),
        _deviation(found.balance[sounding]),
        float(voiced[inside].mean()),
        _mean((runs[:, 1] - runs[:, 0]) * HOP / RATE),
        len(runs) / seconds,
        _peaks(level[inside], voiced[inside]) / seconds,
        float(1 - sounding[inside].mean()),
    ]
    return np.asarray(values, np.float32)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan


def _deviation(values: np.ndarray) -> float:
    return float(values.std()) if len(values) > 1 else np.nan


def _spread(values: np.ndarray) -> float:
    return float(np.subtract(*np.percentile(values, [90, 10]))) if len(values) > 1 else np.nan


def _movement(values: np.ndarray, where: np.ndarray) -> float:
    """Mean absolute change a second, within stretches of True."""
    both = where[1:] & where[:-1]
    return float(np.abs(np.diff(values)[both]).mean() * RATE / HOP) if both.any() else np.nan


def _peaks(level: np.ndarray, voiced: np.ndarray, height: float = 2.0) -> int:
    """Peaks in voiced sound, `height` dB above the dips beside them: a proxy of syllables (de Jong & Wempe 2009)."""
    smooth = np.convolve(np.pad(level, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    count, low, high, at = 0, np.inf, -np.inf, 0
    for i, value in enumerate(smooth):
        if value > high:
            high, at = value, i
        if high - low >= height and value <= high - height:  # risen and fallen enough: the peak is complete
            count += bool(voiced[at])
            low, high = value, -np.inf
        low = min(low, value)
        if value == low:
            high, at = value, i
    return count + bool(high - low >= height and voiced[at])
