"""Pseudo-voice: what is said, and how, in a voice that nobody has; an own system after the order of EmoAnon.

Speech is taken apart by a vocoder. Pitch level, vocal tract and long-term spectrum are replaced by those of a voice
drawn at random, whatever the speaker's were; melody, rhythm and loudness stay. What is replaced also tells of emotion,
and is put back in part: the edit of Miao et al. 2024 (arXiv:2408.05928) sets the distance of a speaker vector from the
boundary of the predicted emotion. There the vector drives a vocoder; here a linear map, learned from speech, turns the
edit of a GE2E vector into what a vocoder can be told: a shift of the pitch and of the long-term spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from affectus.card import Card
from affectus.config import Config
from affectus.errors import CheckpointError, InputError
from affectus.frontends.speech.voiceprint import SIZE, VoiceEncoder, centroid
from affectus.frontends.vocoder import vocoder
from affectus.frontends.vocoder.reshape import NEUTRAL, OCTAVES, REGIONS, Target, reshape
from affectus.frontends.waves import VoiceChanger
from affectus.nn.boundaries import Boundaries, fit_boundary, normalised, set_distance, signed_distance
from affectus.nn.fitted import Fitted

CHECKPOINT = "affectus/pseudo-voice"
_LIMIT = 8.0  # dB of colour at most
_SHIFT = 9.0  # semitones that the emotion moves the pitch at most
_TINT = 12.0  # dB that it moves the spectrum at most


@dataclass(frozen=True, kw_only=True)
class PseudoVoiceConfig(Config):
    """Configuration of `PseudoVoice`.

    Args:
        engine: Vocoder: `world`, `lpc`, or `auto` for the first that is installed.
        pitch: Octaves about 150 Hz within which the level of the pitch is drawn.
        tract: Largest factor on formants, upwards and downwards.
        agree: How much pitch and tract go together, 0 (each for itself) to 1: small people have high voices.
        spread: Range of the factor on the movements of the pitch.
        colour: Standard deviation of a step of the long-term spectrum from octave to octave, dB.
        detail: Cepstral coefficients of the long-term spectrum that are replaced.
        emotions: Whose boundaries a checkpoint knows; none leaves emotion as the change of voice leaves it.
        strength: Distance from the boundary that is set, as a multiple of what the emotion has in unchanged speech.
        ridge: Penalty of the map from speaker vectors to pitch and spectrum.
    """

    engine: Literal["auto", "world", "lpc"] = "auto"
    pitch: Annotated[float, Field(ge=0, le=2)] = 0.7
    tract: Annotated[float, Field(ge=1, le=2)] = 1.2
    agree: Annotated[float, Field(ge=0, le=1)] = 0.6
    spread: tuple[float, float] = (0.85, 1.2)
    colour: Annotated[float, Field(ge=0, le=10)] = 2.0
    detail: Annotated[int, Field(ge=1, le=60)] = 12
    emotions: tuple[str, ...] = ()
    strength: Annotated[float, Field(ge=0, le=10)] = 6.0
    ridge: Annotated[float, Field(gt=0)] = 300.0


class PseudoVoice(VoiceChanger):
    """Gives each sample a voice drawn at random.

    Args:
        config: Vocoder, ranges of the draws, and which emotions are kept.
    """

    Config = PseudoVoiceConfig

    def __init__(self, config: PseudoVoiceConfig) -> None:
        super().__init__(config)
        self.boundaries = Boundaries(config.emotions, SIZE)
        self.edit = Fitted(distances=np.zeros(len(config.emotions)), map=np.zeros((SIZE, 1 + len(OCTAVES))))

    # -- changing ----------------------------------------------------------------------------------------------------
    def draw(self, n: int, rng: np.random.Generator | None = None) -> Sequence[Target]:
        """Voices of n samples; without a generator always the same ones."""
        rng = rng or np.random.default_rng(0)
        return [self._voice(rng) for _ in range(n)]

    def _voice(self, rng: np.random.Generator) -> Target:
        of, size = self.config, rng.uniform(-1, 1)
        height = of.agree * size + (1 - of.agree) * rng.uniform(-1, 1)
        regions = of.tract ** (0.75 * size + 0.25 * rng.uniform(-1, 1, len(REGIONS)))
        colour = np.cumsum(rng.normal(0, of.colour, len(OCTAVES)))
        return Target(
            pitch=NEUTRAL * 2 ** (of.pitch * height),
            spread=float(rng.uniform(*of.spread)),
            tract=regions,
            colour=np.clip(colour - colour.mean(), -_LIMIT, _LIMIT),
        )

    def change(self, wave: np.ndarray, choice: Any) -> np.ndarray:
        """(samples,) → as many samples in the voice of the choice, the emotion put back if its boundaries are known."""
        return self.both(wave, choice)[1] if self.config.emotions else self.both(wave, choice)[0]

    def both(self, wave: np.ndarray, choice: Target) -> tuple[np.ndarray, np.ndarray]:
        """The sound in another voice, and that with the emotion put back, (samples,) each.

        Raises:
            CheckpointError: If the emotion should be kept and nothing was learned.
        """
        engine = vocoder(self.config.engine)
        parts = engine.analyse(wave)
        plain = engine.synthesise(reshape(parts, choice, self.config.detail))
        if not self.config.emotions:
            return plain, plain
        if not self.boundaries.fitted:
            raise CheckpointError(f"{self.name!r} has learned no emotions", remedy=f"affectus.load({CHECKPOINT!r})")
        before, after = speaker_vector(wave), speaker_vector(plain)
        if before is None or after is None:  # too short to be told
            return plain, plain
        moved = self._compensated(choice, before, after)
        return plain, engine.synthesise(reshape(parts, moved, self.config.detail))

    def _compensated(self, choice: Target, before: np.ndarray, after: np.ndarray) -> Target:
        """The voice moved along the boundary of the emotion that the original is predicted to show."""
        [emotion] = self.boundaries.predict(before[None])
        distance = float(self.edit.distances[self.config.emotions.index(emotion)])
        z = normalised(after)
        moved = set_distance(z, self.boundaries.normal(emotion), self.config.strength * distance)
        shift = (moved - z) @ self.edit.map.numpy()
        return replace(
            choice,
            pitch=choice.pitch * 2 ** (float(np.clip(shift[0], -_SHIFT, _SHIFT)) / 12),
            colour=choice.colour + np.clip(shift[1:], -_TINT, _TINT),
        )

    # -- learning ----------------------------------------------------------------------------------------------------
    def learn(self, vectors: np.ndarray, found: np.ndarray, emotions: Sequence[str], speakers: Sequence[str]) -> None:
        """Find boundaries, their distances and the map, in closed form, from unchanged speech.

        Args:
            vectors: (n, 256) GE2E vectors.
            found: (n, 8), as `traits` gives them.
            emotions: Label of each.
            speakers: Of each; the map is learned from differences within speakers.

        Raises:
            InputError: If an emotion of the configuration is missing.
        """
        labels = np.array(emotions)
        absent = sorted(set(self.config.emotions) - set(emotions))
        if absent:
            raise InputError(f"no recording shows {absent[0]!r}", allowed="several of each emotion")
        z = normalised(vectors)
        planes = [fit_boundary(z, labels == emotion) for emotion in self.config.emotions]
        self.boundaries.set(normals=np.stack([n for n, _ in planes]), offsets=np.array([b for _, b in planes]))
        own = [
            signed_distance(z[labels == e], n).mean() for e, (n, _) in zip(self.config.emotions, planes, strict=True)
        ]
        x, y = (_within(rows, labels, np.array(speakers)) for rows in (z, found))
        self.edit.set(distances=np.array(own), map=np.linalg.solve(x.T @ x + self.config.ridge * np.eye(SIZE), x.T @ y))


def speaker_vector(wave: np.ndarray) -> np.ndarray | None:
    """GE2E vector (256,) of a stretch of speech; None below 0.4 s or in silence."""
    prints = _encoder().voice(np.asarray(wave, np.float32)).prints
    return centroid(prints) if len(prints) else None


@cache
def _encoder() -> VoiceEncoder:
    return VoiceEncoder()


def _within(rows: np.ndarray, labels: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Rows less the mean of their speaker, in which every emotion weighs the same."""
    out = np.array(rows, np.float64)
    for who in np.unique(speakers):
        own = speakers == who
        out[own] -= np.mean([rows[own & (labels == e)].mean(0) for e in np.unique(labels[own])], axis=0)
    return out


CARD = Card(
    system="pseudo-voice",
    cls="PseudoVoice",
    roles=("anonymizer",),
    modalities=("voice",),
    unit="turn",
    title="The same words in a voice that nobody has, by a vocoder",
    paper="own system; the order of work and the edit are those of Miao et al. 2024, arXiv:2408.05928",
    licence="Apache-2.0; WORLD through pyworld: MIT and modified BSD, an optional extra",
    proof="own system",
    limits="Words, accent, rhythm and melody stay, and can tell who speaks; no anonymity in the sense of the law.",
    weightless=True,
    expected_failures={"check_onnx": "a vocoder has no graph"},
)

VARIANTS = {
    "tiny": PseudoVoiceConfig(engine="lpc"),
    "keep-emotion": PseudoVoiceConfig(emotions=("anger", "happiness", "neutral", "sadness")),
    "base": PseudoVoiceConfig(),
}
