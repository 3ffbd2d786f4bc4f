"""How a stretch of speech sounds, as named qualities: an own, measured stand-in for describers of voices by services.

Each quality is one prosodic descriptor, set against how acted speech usually is: 0.3 at the median, and more or less by
the normal distribution, up to 0.6. The text approach of Richet et al. (2024, arXiv:2407.12927) calls a quality high
above 0.3; its own 48 words come from a commercial service, and these are none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import erf, sqrt
from typing import NamedTuple, Protocol

import numpy as np

from affectus.frontends.prosody.summary import DESCRIPTORS, prosody
from affectus.frontends.speech.vad import Segment
from affectus.frontends.textualise import HIGH, Quality


class VoiceDescriber(Protocol):
    """What names the qualities of a voice."""

    def __call__(self, wave: np.ndarray) -> Mapping[str, float]:
        """Quality → score in [0, 1] of a wave (samples,) at 16 kHz; empty where there is nothing to say."""
        ...


class Usual(NamedTuple):
    """How a descriptor usually is.

    Args:
        descriptor: Name among `DESCRIPTORS`.
        median: In its unit.
        deviation: Interquartile range / 1.349.
    """

    descriptor: str
    median: float
    deviation: float


# Medians and interquartile ranges / 1.349 over 170 recordings of EMO-DB and 80 of RAVDESS speech, all classes.
QUALITIES: Mapping[str, Usual] = {
    "pitch": Usual("pitch mean", 34.44, 7.05),
    "pitch variation": Usual("pitch deviation", 3.51, 1.54),
    "loudness variation": Usual("loudness range (10–90 %)", 26.8, 4.09),
    "clearness": Usual("harmonicity mean", 10.79, 1.63),
    "brightness": Usual("spectral centroid mean", 1097.0, 351.0),
    "speed": Usual("loudness peaks", 3.18, 1.15),
    "pauses": Usual("pause share", 0.034, 0.051),
}
"""Quality → the descriptor that it names."""

_PLACE = {descriptor.name: at for at, descriptor in enumerate(DESCRIPTORS)}


def voice_qualities(wave: np.ndarray) -> dict[str, float]:
    """Quality → score in [0, 0.6] of a wave; those that are not defined (pitch where nothing is voiced) are left out.

    Args:
        wave: (samples,) float in [-1, 1] at 16 kHz.
    """
    values = prosody(wave)
    known = {name: (float(values[_PLACE[usual.descriptor]]), usual) for name, usual in QUALITIES.items()}
    return {
        name: HIGH * (1 + erf((value - usual.median) / usual.deviation / sqrt(2)))
        for name, (value, usual) in known.items()
        if np.isfinite(value)
    }


def qualities_of(
    spoken: Iterable[tuple[Segment, np.ndarray]], describe: VoiceDescriber = voice_qualities
) -> tuple[Quality, ...]:
    """Qualities of all speech of a file, in time.

    Args:
        spoken: Segments with their sound, as `SpeechDetector.spoken` gives them.
        describe: What names them.
    """
    return tuple(
        Quality(name, score, segment.start, segment.end)
        for segment, wave in spoken
        for name, score in describe(wave).items()
    )
