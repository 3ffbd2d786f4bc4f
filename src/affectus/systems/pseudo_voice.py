"""Pseudo-voice: what is said, and how, in a voice that nobody has; an own system after the order of EmoAnon.

Speech is taken apart by a vocoder. Pitch level, vocal tract and long-term spectrum are replaced by those of a voice
drawn at random, whatever the speaker's were; melody, rhythm and loudness stay. What is replaced also tells of emotion,
and is put back in part. As in Miao et al. 2024 (arXiv:2408.05928) signed distances of the original from the boundaries
of emotions say how it is spoken, and the new voice is moved accordingly. There a speaker vector is moved, which drives
a vocoder; here a linear map, learned within speakers, turns the distances, the level of the pitch and the long-term
spectrum into how far this is from the speaker's own neutral voice, and the drawn voice goes as far from its own.
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
from affectus.frontends.vocoder.parts import Parts
from affectus.frontends.vocoder.reshape import NEUTRAL, OCTAVES, REGIONS, Target, reshape, traits
from affectus.frontends.waves import VoiceChanger
from affectus.nn.boundaries import Boundaries, fit_boundary, normalised
from affectus.nn.fitted import Fitted

CHECKPOINT = "affectus/pseudo-voice"
_LIMIT = 8.0  # dB of colour at most
_TRAITS = 1 + len(OCTAVES)
_MOST = np.array([14.0, *[24.0] * len(OCTAVES)])  # semitones and dB that emotion moves pitch and spectrum at most


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
        strength: How far the new voice goes from its neutral, as a multiple of how far the speaker is read to be.
        neutral: How far the spectrum of a drawn voice goes from the usual one (0) to the mean neutral one that was
            learned (1), which also tells of room and microphone.
        ridge: Penalty of the map from what is heard to the way from the speaker's neutral voice.
    """

    engine: Literal["auto", "world", "lpc"] = "auto"
    pitch: Annotated[float, Field(ge=0, le=2)] = 0.7
    tract: Annotated[float, Field(ge=1, le=2)] = 1.2
    agree: Annotated[float, Field(ge=0, le=1)] = 0.6
    spread: tuple[float, float] = (0.85, 1.2)
    colour: Annotated[float, Field(ge=0, le=10)] = 1.2
    detail: Annotated[int, Field(ge=1, le=60)] = 12
    emotions: tuple[str, ...] = ()
    strength: Annotated[float, Field(ge=0, le=10)] = 1.3
    neutral: Annotated[float, Field(ge=0, le=1)] = 0.6
    ridge: Annotated[float, Field(gt=0)] = 100.0


class PseudoVoice(VoiceChanger):
    """Gives each sample a voice drawn at random.

    Args:
        config: Vocoder, ranges of the draws, and which emotions are kept.
    """

    Config = PseudoVoiceConfig

    def __init__(self, config: PseudoVoiceConfig) -> None:
        super().__init__(config)
        self.boundaries = Boundaries(config.emotions, SIZE)
        size = len(config.emotions) + _TRAITS
        self.edit = Fitted(
            centre=np.zeros(size), scale=np.ones(size), map=np.zeros((size, _TRAITS)), mean=np.zeros(_TRAITS),
            neutral=np.zeros(len(OCTAVES)),
        )  # fmt: skip

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
        return self.speak(*self.listen(wave), choice)

    def listen(self, wave: np.ndarray) -> tuple[Parts, np.ndarray | None]:
        """(samples,) → its parts, and how far it is read to be from the speaker's neutral voice, (8,).

        The second is None where emotion is not kept, and of what is too short to be told.

        Raises:
            CheckpointError: If the emotion should be kept and nothing was learned.
        """
        parts = vocoder(self.config.engine).analyse(wave)
        if not self.config.emotions:
            return parts, None
        if not self.boundaries.fitted:
            raise CheckpointError(f"{self.name!r} has learned no emotions", remedy=f"affectus.load({CHECKPOINT!r})")
        vector = speaker_vector(wave)
        if vector is None:
            return parts, None
        return parts, self.way(vector[None], traits(parts, self.config.detail)[None])[0]

    def speak(self, parts: Parts, way: np.ndarray | None, choice: Target) -> np.ndarray:
        """What `listen` heard, in a voice that was drawn, (samples,)."""
        voice = choice if way is None else self.moved(choice, way)
        return vocoder(self.config.engine).synthesise(reshape(parts, voice, self.config.detail))

    def moved(self, choice: Target, way: np.ndarray) -> Target:
        """The drawn voice, as far from its neutral as the speaker is read to be from theirs, times the strength."""
        steps = np.clip(self.config.strength * way, -_MOST, _MOST)
        colour = choice.colour + self.config.neutral * self.edit.neutral.numpy() + steps[1:]
        return replace(choice, pitch=choice.pitch * 2 ** (float(steps[0]) / 12), colour=colour)

    def way(self, vectors: np.ndarray, found: np.ndarray) -> np.ndarray:
        """How far recordings are from their speakers' neutral voices, as heard in themselves alone.

        Args:
            vectors: (n, 256) GE2E vectors.
            found: (n, 8), as `traits` gives them.

        Returns:
            (n, 8) semitones and dB.
        """
        edit = {name: values.numpy() for name, values in self.edit.named_buffers()}
        heard = np.concatenate([self.boundaries.decide(vectors), found], axis=1)
        return (heard - edit["centre"]) / edit["scale"] @ edit["map"] + edit["mean"]

    # -- learning ----------------------------------------------------------------------------------------------------
    def learn(self, vectors: np.ndarray, found: np.ndarray, emotions: Sequence[str], speakers: Sequence[str]) -> None:
        """Find boundaries and the map, in closed form, from unchanged speech.

        Args:
            vectors: (n, 256) GE2E vectors.
            found: (n, 8), as `traits` gives them.
            emotions: Label of each.
            speakers: Of each, two or more; the way from neutral is learned within speakers.

        Raises:
            InputError: If an emotion of the configuration is missing, a speaker is never neutral, or there is only one.
        """
        z, labels, people = normalised(vectors), np.array(emotions), np.array(speakers)
        absent = sorted(set(self.config.emotions) - set(emotions))
        if absent:
            raise InputError(f"no recording shows {absent[0]!r}", allowed="several of each emotion")
        own = {}
        for who in np.unique(people):
            rows = (people == who) & (labels == "neutral")
            if not rows.any():
                raise InputError(
                    f"speaker {str(who)!r} has no neutral recording", allowed="one or more of each speaker"
                )
            own[who] = found[rows].mean(0)
        if len(own) < 2:
            raise InputError("all recordings are of one speaker", allowed="two speakers or more")
        self._fit(z, labels)
        heard = np.concatenate([self._unseen(z, labels, people), found], axis=1)
        away = found - np.stack([own[who] for who in people])
        centre, scale, mean = heard.mean(0), heard.std(0) + 1e-9, away.mean(0)
        x = (heard - centre) / scale
        solved = np.linalg.solve(x.T @ x + self.config.ridge * np.eye(x.shape[1]), x.T @ (away - mean))
        neutral = np.mean(list(own.values()), axis=0)[1:]
        self.edit.set(centre=centre, scale=scale, map=solved, mean=mean, neutral=neutral)

    def _fit(self, z: np.ndarray, labels: np.ndarray) -> None:
        planes = [fit_boundary(z, labels == emotion) for emotion in self.config.emotions]
        self.boundaries.set(normals=np.stack([n for n, _ in planes]), offsets=np.array([b for _, b in planes]))

    def _unseen(self, z: np.ndarray, labels: np.ndarray, people: np.ndarray) -> np.ndarray:
        """Distances from the boundaries that the others give: those of the own vectors are larger than new ones."""
        others = PseudoVoice(self.config)
        out = np.zeros((len(z), len(self.config.emotions)))
        for who in np.unique(people):
            others._fit(z[people != who], labels[people != who])
            out[people == who] = others.boundaries.decide(z[people == who])
        return out


def speaker_vector(wave: np.ndarray) -> np.ndarray | None:
    """GE2E vector (256,) of a stretch of speech; None below 0.4 s or in silence."""
    prints = _encoder().voice(np.asarray(wave, np.float32)).prints
    return centroid(prints) if len(prints) else None


@cache
def _encoder() -> VoiceEncoder:
    return VoiceEncoder()


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
