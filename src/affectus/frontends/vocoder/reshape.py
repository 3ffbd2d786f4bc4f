"""Another voice for the same words: pitch level, tract and long-term spectrum are replaced, movements are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectus.frontends.vocoder.parts import BINS, FREQUENCIES, RATE, Parts

OCTAVES = np.array([100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0])
"""Hz between which a colour is drawn."""
REGIONS = np.array([500.0, 1500.0, 3000.0])
"""Hz about which the first three formants lie; each region is moved by a factor of its own."""
NEUTRAL = 150.0  # Hz, geometric middle of men's and women's speech
_LOWEST, _HIGHEST = 55.0, 600.0  # Hz that pitch is kept between
_FALL = -8.0 * np.log2(np.maximum(FREQUENCIES, 500.0) / 500.0)
_USUAL = _FALL - _FALL.mean()  # dB: the long-term spectrum of speech falls by about 8 dB an octave above 500 Hz
_LOUD = 30.0  # dB below the loudest frame at which a frame has no say in the mean spectrum
_STRONGEST = 25.0  # dB that any frequency is raised or lowered
_FLOOR = 1e-12
_MEL = 2595 * np.log10(1 + FREQUENCIES / 700)
_GRID = np.linspace(0.0, _MEL[-1], 129)


@dataclass(frozen=True)
class Target:
    """A voice that nobody has.

    Args:
        pitch: Hz, where the median of the pitch comes to stand.
        spread: Factor on the movements of the pitch about its median, in logarithms.
        tract: (3,) factors on the frequencies of the `REGIONS`; above 1 the tract is shorter.
        colour: (7,) dB at the `OCTAVES`, added to the usual long-term spectrum.
    """

    pitch: float
    spread: float
    tract: np.ndarray
    colour: np.ndarray


def traits(parts: Parts, detail: int = 12) -> np.ndarray:
    """What `reshape` replaces: the level of the pitch and the colour that the long-term spectrum has already.

    Args:
        parts: Of a stretch of speech.
        detail: As in `reshape`.

    Returns:
        (8,): median pitch in semitones about 150 Hz (0 without any); mean spectrum at `OCTAVES`, dB above the usual.
    """
    voiced = parts.pitch[parts.pitch > 0]
    level = 12 * np.log2(np.median(voiced) / NEUTRAL) if len(voiced) else 0.0
    own = _smooth(10 * np.log10(np.maximum(parts.envelope, _FLOOR))[_loud(parts)].mean(0), detail)
    return np.append(level, np.interp(OCTAVES, FREQUENCIES, own - own.mean() - _USUAL))


def reshape(parts: Parts, target: Target, detail: int = 12) -> Parts:
    """Parts of the same words in another voice.

    The mean spectrum of the loud voiced frames, smoothed over mel frequency, is what a speaker and a microphone have of
    their own; it gives way to a usual one with the colour of the target. The power of every frame stays.

    Args:
        parts: Of the speaker.
        target: Of the voice to be heard.
        detail: Cepstral coefficients over mel frequency up to which the mean spectrum is replaced.
    """
    decibel = 10 * np.log10(np.maximum(_moved(parts.envelope, target.tract), _FLOOR))
    own = _smooth(decibel[_loud(parts)].mean(0), detail)
    colour = np.interp(np.log2(np.maximum(FREQUENCIES, OCTAVES[0])), np.log2(OCTAVES), target.colour)
    gain = _USUAL - (own - own.mean()) + colour
    envelope = 10 ** ((decibel + np.clip(gain, -_STRONGEST, _STRONGEST)) / 10)
    envelope *= (parts.envelope.sum(1) / envelope.sum(1))[:, None]
    return Parts(_pitch(parts.pitch, target), envelope, parts.noise, parts.samples)


def _pitch(pitch: np.ndarray, target: Target) -> np.ndarray:
    voiced = pitch > 0
    if not voiced.any():
        return pitch
    steps = np.log(np.where(voiced, pitch, 1.0))
    moved = target.pitch * np.exp((steps - np.median(steps[voiced])) * target.spread)
    return np.where(voiced, np.clip(moved, _LOWEST, _HIGHEST), 0.0)


def _moved(envelope: np.ndarray, tract: np.ndarray) -> np.ndarray:
    """Envelopes with each frequency taken from where it stood before the tract changed."""
    factor = np.exp(np.interp(np.log(np.maximum(FREQUENCIES, 50.0)), np.log(REGIONS), np.log(tract)))
    place = np.clip(FREQUENCIES / factor, 0, RATE / 2) / FREQUENCIES[1]
    low = np.minimum(place.astype(int), BINS - 2)
    share = place - low
    return envelope[:, low] * (1 - share) + envelope[:, low + 1] * share


def _loud(parts: Parts) -> np.ndarray:
    """Frames that tell of the speaker: voiced and within 30 dB of the loudest; all where there are few."""
    power = parts.envelope.sum(1)
    chosen = (power > power.max() * 10 ** (-_LOUD / 10)) & (parts.pitch > 0)
    return chosen if chosen.sum() >= 10 else np.ones(len(power), bool)


def _smooth(decibel: np.ndarray, detail: int) -> np.ndarray:
    """A spectrum (513,) without what is finer than `detail` half waves over mel frequency."""
    cepstrum = np.fft.irfft(np.interp(_GRID, _MEL, decibel))
    cepstrum[detail + 1 : len(cepstrum) - detail] = 0
    return np.interp(_MEL, _GRID, np.fft.rfft(cepstrum).real)
