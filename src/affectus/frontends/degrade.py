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
    return at_speed(wave, rng.uniform(0.9, 1.1))


def reverberate(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A room: noise that decays by 60 dB in 0.15 to 0.6 s, 6 to 20 dB below the direct sound."""
    tail = decaying(rng.uniform(0.15, 0.6), rng)
    return in_room(wave, tail * rng.uniform(0.1, 0.5))


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
    noise = sloped(rng.standard_normal(len(wave)), rng.uniform(0, 1))
    return mixed(wave, noise, rng.uniform(10, 35))


# -- the same with a chosen strength ----------------------------------------------------------------------------------
def at_speed(wave: np.ndarray, factor: float) -> np.ndarray:
    """Played so many times as fast, pitch and formants included: (about samples / factor,)."""
    import soxr

    return soxr.resample(wave, RATE, RATE / factor)


def decaying(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """The tail of a room as noise of unit energy that decays by 60 dB in so many seconds."""
    time = np.arange(int(seconds * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    return tail / np.sqrt((tail**2).sum())


def in_room(wave: np.ndarray, tail: np.ndarray) -> np.ndarray:
    """The direct sound and a tail that begins with it; as long as the wave."""
    response = np.concatenate([[1.0], tail[1:]])
    size = 1 << (len(wave) + len(response)).bit_length()
    return np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)[: len(wave)]


def sloped(noise: np.ndarray, slope: float) -> np.ndarray:
    """White noise with amplitudes that fall as f⁻ˢˡᵒᵖᵉ above 20 Hz: 0.5 is pink, 1 brown."""
    spectrum = np.fft.rfft(noise) / np.maximum(np.fft.rfftfreq(len(noise), 1 / RATE), 20) ** slope
    return np.fft.irfft(spectrum, len(noise))


def mixed(wave: np.ndarray, noise: np.ndarray, decibel: float) -> np.ndarray:
    """The sum of a wave and a noise so many dB below it, over the whole of both."""
    power = (noise**2).mean()
    if power == 0:
        return wave
    return wave + noise * np.sqrt((wave**2).mean() / power) * 10 ** (-decibel / 20)
