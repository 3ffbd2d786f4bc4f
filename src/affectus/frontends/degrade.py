"""Recording conditions: the same speech as another microphone, room or vocal tract would give it.

A reader that learned from one studio takes the studio for a property of speech. Copies in random conditions teach it
otherwise, both what to ignore and what still counts as familiar.
"""

from __future__ import annotations

import numpy as np

RATE = 16_000  # Hz
_OCTAVES = np.log2([50, 100, 200, 400, 800, 1600, 3200, 8000])


def degrade(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy in random conditions: speed, reverberation, colour and noise, each with its own chance.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz.
        rng: Source of the draws.

    Returns:
        (about samples,) float32; the speed changes length and pitch by up to a tenth.
    """
    wave = np.asarray(wave, np.float64)
    if wave.size < 2:
        return wave.astype(np.float32)
    for chance, change in ((0.7, speed), (0.5, reverberate), (0.8, colour), (0.7, add_noise)):
        if rng.random() < chance:
            wave = change(wave, rng)
    return wave.astype(np.float32)


def speed(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Played 0.9 to 1.1 times as fast, which moves pitch and formants as another speaker's would be."""
    import soxr

    return soxr.resample(wave, RATE, RATE / rng.uniform(0.9, 1.1))


def reverberate(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A room: noise that decays by 60 dB in 0.15 to 0.6 s, 6 to 20 dB below the direct sound."""
    decay = rng.uniform(0.15, 0.6)
    time = np.arange(int(decay * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / decay)
    tail *= rng.uniform(0.1, 0.5) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    size = 1 << (len(wave) + len(tail)).bit_length()
    return np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)[: len(wave)]


def colour(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A microphone: a smooth frequency response within ± 12 dB, a random walk of 3 dB an octave."""
    gain = np.cumsum(rng.normal(0, 3, len(_OCTAVES)))
    gain = np.clip(gain - gain.mean(), -12, 12)
    size = 2 * len(wave)
    bins = np.fft.rfftfreq(size, 1 / RATE)
    response = 10 ** (np.interp(np.log2(np.maximum(bins, 50)), _OCTAVES, gain) / 20)
    return np.fft.irfft(np.fft.rfft(wave, size) * response, size)[: len(wave)]


def add_noise(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise whose power falls as anything from f⁰ (white) to f⁻² (brown), at 10 to 35 dB signal to noise."""
    spectrum = np.fft.rfft(rng.standard_normal(len(wave)))
    spectrum /= np.maximum(np.fft.rfftfreq(len(wave), 1 / RATE), 20) ** rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum, len(wave))
    power = (noise**2).mean()
    if power == 0:
        return wave
    return wave + noise * np.sqrt((wave**2).mean() / power) * 10 ** (-rng.uniform(10, 35) / 20)
