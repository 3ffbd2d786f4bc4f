"""Pseudo-voice: what is said, and how, in a voice that nobody has; an own system after the order of EmoAnon.

Speech is taken apart by a vocoder. Pitch level, vocal tract and long-term spectrum are replaced by those of a voice
drawn at random, whatever the speaker's were; melody, rhythm and loudness stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from affectus.card import Card
from affectus.config import Config
from affectus.frontends.vocoder import vocoder
from affectus.frontends.vocoder.reshape import NEUTRAL, OCTAVES, REGIONS, Target, reshape
from affectus.frontends.waves import VoiceChanger

_LIMIT = 8.0  # dB of colour at most


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
    """

    engine: Literal["auto", "world", "lpc"] = "auto"
    pitch: Annotated[float, Field(ge=0, le=2)] = 0.7
    tract: Annotated[float, Field(ge=1, le=2)] = 1.2
    agree: Annotated[float, Field(ge=0, le=1)] = 0.6
    spread: tuple[float, float] = (0.85, 1.2)
    colour: Annotated[float, Field(ge=0, le=10)] = 2.0
    detail: Annotated[int, Field(ge=1, le=60)] = 12


class PseudoVoice(VoiceChanger):
    """Gives each sample a voice drawn at random.

    Args:
        config: Vocoder and ranges of the draws.
    """

    Config = PseudoVoiceConfig

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
        """(samples,) → as many samples in the voice of the choice."""
        engine = vocoder(self.config.engine)
        return engine.synthesise(reshape(engine.analyse(wave), choice, self.config.detail))


CARD = Card(
    system="pseudo-voice",
    cls="PseudoVoice",
    roles=("anonymizer",),
    modalities=("voice",),
    unit="turn",
    title="The same words in a voice that nobody has, by a vocoder and without training",
    paper="own system; the order of work is that of Miao et al. 2024, arXiv:2408.05928",
    licence="Apache-2.0; WORLD through pyworld: MIT and modified BSD, an optional extra",
    proof="own system",
    limits="Words, accent, rhythm and melody stay, and can tell who speaks; no anonymity in the sense of the law.",
    weightless=True,
    expected_failures={"check_onnx": "a vocoder has no graph"},
)

VARIANTS = {
    "tiny": PseudoVoiceConfig(engine="lpc"),
    "base": PseudoVoiceConfig(),
}
