"""VADER: the valence of English text by a lexicon and rules for negation, degree, capitals and punctuation.

Hutto and Gilbert 2014, ICWSM; the authors' package vaderSentiment (MIT) does the scoring. There is nothing to train.
The polarity follows their rule: positive from a compound of 0.05 upwards, negative from −0.05 downwards, else neutral.
How probable each is, the rule does not say; here the log-odds grow with the distance from its bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from affectus.affect import Evidence
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import InputError
from affectus.frontends.tokens import WORD
from affectus.readout import read_out
from affectus.sample import Item, flatten
from affectus.system import System
from affectus.taxonomy import Target
from affectus.timeline import Timeline

LONGEST = 20_000  # letters of a text that are scored: the rules take time that grows with the square of the length
SHOWN = 5  # words of evidence in one reading


@dataclass(frozen=True, kw_only=True)
class VaderConfig(Config):
    """Configuration of `Vader`.

    Args:
        targets: Valence and polarity.
        neutral: Compound below which, on either side, a text is neutral.
        steepness: Log-odds that a polarity gains with a step of 1 in the compound.
    """

    targets: tuple[Target, ...] = (Target("valence", "perceived"), Target("polarity-3", "perceived"))
    neutral: Annotated[float, Field(ge=0, lt=1)] = 0.05
    steepness: Annotated[float, Field(gt=0)] = 10.0


class VaderCollate:
    """Texts → `compound` (b, 1) float32 in [-1, 1]; `notes` are (text, flags) of each."""

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        compound, notes = [], []
        for sample in samples:
            if sample.text is None:
                raise InputError(f"sample {sample.id!r} has no text", remedy="transcribe it first")
            flags = [] if sample.text.strip() else ["empty"]
            flags += ["truncated"] if len(sample.text) > LONGEST else []
            compound.append(_analyser().polarity_scores(sample.text[:LONGEST])["compound"])
            notes.append((sample.text, flags))
        values = np.array(compound, np.float32).reshape(-1, 1)
        return Batch({"compound": values}, {}, [s.span for s in samples], notes)


class Vader(System):
    """Reads valence and polarity of English texts; has no weights.

    Args:
        config: Bounds of the rule.
    """

    Config = VaderConfig
    modality = "text"

    def __init__(self, config: VaderConfig) -> None:
        super().__init__(config)
        self.collate = VaderCollate()

    def forward(self, compound: Tensor) -> dict[str, Tensor]:
        """`valence` (b, 1) as it is, and `polarity-3` (b, 3) logits of negative, neutral, positive.

        The polarity's highest logit is that of the authors' rule, except within 0.0001 of its bounds.
        """
        past = torch.cat([-compound, torch.full_like(compound, self.config.neutral - 1e-4), compound], 1)
        return {"valence": compound, "polarity-3": past * self.config.steepness}

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings with the words of the lexicon as evidence; an empty text gets a flag and no scores."""
        texts, flags = zip(*batch.notes, strict=True)
        empty = np.array([["empty" in f] for f in flags])
        return read_out(
            batch.spans,
            {name: np.where(empty, np.nan, values) for name, values in outputs.items()},
            self.readouts,
            by=self.name,
            modality="text",
            text=texts,
            evidence=[_words(text) for text in texts],
            flags=flags,
        )


@cache
def _analyser() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def _words(text: str) -> list[Evidence]:
    """The words with the strongest valence in the lexicon, −4 to 4, in the order of the text."""
    lexicon = _analyser().lexicon
    found = [(word, lexicon[word.lower()]) for word in WORD.findall(text[:LONGEST]) if word.lower() in lexicon]
    chosen = sorted(np.argsort([-abs(weight) for _, weight in found], kind="stable")[:SHOWN])
    return [Evidence("word", text=found[i][0], weight=float(found[i][1])) for i in chosen]


CARD = Card(
    system="vader",
    cls="Vader",
    roles=("reader",),
    modalities=("text",),
    unit="turn",
    title="Valence by a lexicon and rules, without training",
    paper="Hutto and Gilbert 2014, VADER, ICWSM",
    licence="code Apache-2.0; vaderSentiment with its lexicon MIT",
    proof="official code",
    limits="English; blind to irony, to what is meant without a word of the lexicon, and to which emotion it is.",
    weightless=True,
)

VARIANTS = {"tiny": VaderConfig(), "lexicon": VaderConfig()}
