"""Emotion cause: which turn so far brought an emotion about, and an emotion that is read by way of it. An own system.

The task is causal emotion entailment of Poria et al. 2021, "Recognizing Emotion Cause in Conversations", Cognitive
Computation, arXiv:2012.11820: of a turn with an emotion and of each turn up to it, did the latter cause the former? The
paper fine-tunes a RoBERTa on each pair of texts; here a frozen encoder reads each turn once, and a small network looks
at the two vectors, how far they are apart, and whether one person said both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.affect import Evidence
from affectus.backbones import Backbone
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import ConfigError
from affectus.frontends.tokens import TextCollate, gold_rows
from affectus.nn.by_length import states_by_length
from affectus.nn.losses import losses_on
from affectus.nn.pooling import means
from affectus.nn.standard import Standardised
from affectus.readout import read_out
from affectus.sample import Dialogue, Item, Sample, conversations
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

CAUSE = "cause"  # kind of evidence, and name of the outputs
_NAMED = 3  # causes of a turn that are told


@dataclass(frozen=True, kw_only=True)
class EmotionCauseConfig(Config):
    """Configuration of `EmotionCause`.

    Args:
        targets: One scale of kind one-of: the emotion of a turn.
        backbone: Frozen text encoder whose mean state over a turn's tokens is read.
        hidden: Features of a turn and of a pair.
        reach: Turns that are asked, from the turn itself backwards.
        dropout: Share of features dropped in training.
        max_length: Tokens of one window of a text.
        bar: Probability from which a turn is told as a cause.
        speakers: Whether it is looked at if one person said both.
    """

    backbone: str = "asset:minilm-l6"
    hidden: Annotated[int, Field(ge=1)] = 192
    reach: Annotated[int, Field(ge=1)] = 12
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    max_length: Annotated[int, Field(ge=8)] = 128
    bar: Annotated[float, Field(ge=0, le=1)] = 0.5
    speakers: bool = True


@dataclass(frozen=True)
class EmotionCauseCollate:
    """Dialogues → turns in one row each.

    `inputs`: `back` (turns,) how many turns of the dialogue stand before each; `same` (turns, reach) bool, whether the
    turn so many before was said by the same person; `ids`, `valid`, `content` (windows, tokens) and `owner` (windows,).
    `targets`: the emotions, and `cause` (turns, reach) with 1 for a cause, 0 for none, NaN where nobody said.
    `notes` is a list of (text, flags, items): the items are those of the turns from this one backwards.

    Args:
        config: Of the system.
    """

    config: EmotionCauseConfig

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues; a sample by itself is a dialogue of one turn.

        Raises:
            InputError: If a turn has no text.
        """
        talks = [item.turns if isinstance(item, Dialogue) else (item,) for item in items]
        turns = [turn for talk in talks for turn in talk]
        reach, target = self.config.reach, self.config.targets[0]
        inputs, notes = TextCollate(self.config.backbone, (), self.config.max_length).owned(turns)
        back = np.array([at for talk in talks for at in range(len(talk))], np.int64)
        same, causes = np.zeros((len(turns), reach), bool), np.full((len(turns), reach), np.nan, np.float32)
        told: list[list[int | None]] = []
        for row, (at, turn) in enumerate(zip(back.tolist(), turns, strict=True)):
            before = turns[row - min(at, reach - 1) : row + 1][::-1]
            same[row, : len(before)] = [turn is other or (turn.track is not None and turn.track == other.track)
                                        for other in before]  # fmt: skip
            told.append([other.item if other.item is not None else at - j for j, other in enumerate(before)])
            if (named := _gold_causes(turn)) is not None:
                causes[row, : len(before)] = [item in named for item in told[-1]]
        gold = gold_rows(turns, target.scale, target.perspective)
        targets = {} if gold is None else {target.scale: gold, CAUSE: causes}
        kept = [(turn.text, list(n.flags), t) for turn, n, t in zip(turns, notes, told, strict=True)]
        return Batch({"back": back, "same": same} | inputs, targets, [turn.span for turn in turns], kept)


def _gold_causes(turn: Sample) -> set[int | None] | None:
    """Items of the turns that gold names as causes; None where gold names none and denies none."""
    evidence = [e for row in turn.gold or () for e in row.evidence if e.kind == CAUSE]
    return {e.item for e in evidence} if evidence else None


class EmotionCause(System):
    """Reads the emotion of each turn of a dialogue and which turns so far brought it about.

    Args:
        config: Sizes and names.
    """

    Config = EmotionCauseConfig
    modality = "dialogue"
    collate: EmotionCauseCollate
    default_run: ClassVar[dict[str, Any]] = {"epochs": 8, "batch": 16, "cache": True, "optim": [{"lr": 1e-3}]}

    def __init__(self, config: EmotionCauseConfig) -> None:
        super().__init__(config)
        if len(config.targets) != 1 or scale(config.targets[0].scale).kind != "one-of":
            raise ConfigError(f"targets are {config.targets!r}", allowed="one scale of kind one-of")
        self.target = config.targets[0].scale
        self.backbone: Any = backbones.text_encoder(Backbone(name=config.backbone, train=False))
        if getattr(self.backbone, "pooler", None) is not None:  # a layer that the mean never reads
            self.backbone.pooler = None
        width, hidden = self.backbone.config.hidden_size, config.hidden
        drop = nn.Dropout(config.dropout)
        self.turn = nn.Sequential(Standardised(width), drop, nn.Linear(width, hidden), nn.GELU())
        self.effect, self.other, self.both = (nn.Linear(hidden, hidden, bias=i == 0) for i in range(3))
        self.place = nn.Embedding(config.reach, hidden)
        self.speaker = nn.Embedding(2, hidden)
        self.cause = nn.Sequential(nn.GELU(), drop, nn.Linear(hidden, 1))
        self.emotion = nn.Sequential(drop, nn.Linear(2 * hidden, len(scale(self.target))))
        self.collate = EmotionCauseCollate(config)

    def forward(self, back: Tensor, same: Tensor, ids: Tensor, valid: Tensor, content: Tensor, owner: Tensor
                ) -> dict[str, Tensor]:  # fmt: skip
        """Logits of the emotions (turns, k), and of the causes (turns, reach); arguments as in the collate."""
        return self.head(**self.encode(back, same, ids, valid, content, owner))

    def encode(self, back: Tensor, same: Tensor, ids: Tensor, valid: Tensor, content: Tensor, owner: Tensor
               ) -> dict[str, Tensor]:  # fmt: skip
        """States of the turns (turns, width), 0 of an empty one, with what the head needs beside them."""
        if not len(back):
            return {"states": back.new_zeros(0, self.backbone.config.hidden_size).float(), "back": back, "same": same}
        found = states_by_length(self.backbone, ids, valid)
        return {"states": means(found, content, owner, len(back)), "back": back, "same": same}

    def head(self, states: Tensor, back: Tensor, same: Tensor) -> dict[str, Tensor]:
        """Logits from the states of the turns (turns, width); a turn that is not there has the logit −30."""
        x = self.turn(states)
        steps = torch.arange(self.config.reach, device=x.device)
        there = steps <= back.long()[:, None]
        rows = (torch.arange(len(x), device=x.device)[:, None] - steps).clamp(min=0)
        known = same.long() * self.config.speakers
        pair = self.effect(x)[:, None] + self.other(x)[rows] + self.both(x[:, None] * x[rows])
        logits = self.cause(pair + self.place.weight + self.speaker(known))[..., 0].masked_fill(~there, -30.0)
        share = logits.sigmoid()
        brought = (share[..., None] * x[rows]).sum(1) / (share.sum(1, keepdim=True) + 1)
        return {self.target: self.emotion(torch.cat([x, brought], -1)), CAUSE: logits}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the emotions, and of the causes over the pairs that gold speaks of."""
        terms = losses_on(outputs, batch.targets, [self.target])
        gold = batch.targets[CAUSE]
        known = torch.isfinite(gold)
        if known.any():
            terms[CAUSE] = nn.functional.binary_cross_entropy_with_logits(outputs[CAUSE][known], gold[known])
        return terms

    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each turn, scale name → (turns, k); neighbours of one source are a dialogue."""
        parts = [outputs[self.target] for outputs, _ in self.run(conversations(items), batch_size)]
        return {self.target: np.concatenate([np.empty((0, len(scale(self.target)))), *parts])}

    def causes(self, outputs: dict[str, np.ndarray], batch: Batch) -> list[list[Evidence]]:
        """The likeliest causes of each turn: evidence whose weight is their probability and whose item is the turn's.

        They are told from `bar` upwards, whatever emotion is read.
        """
        out = []
        for row, (_, _, items) in zip(outputs[CAUSE], batch.notes, strict=True):
            p = 1 / (1 + np.exp(-row[: len(items)].astype(np.float64)))
            best = [j for j in np.argsort(-p, kind="stable")[:_NAMED] if p[j] >= self.config.bar]
            out.append([Evidence(CAUSE, weight=float(p[j]), item=items[j]) for j in best])
        return out

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Emotions of the turns, with their likely causes as evidence; an empty turn has neither."""
        empty = np.array(["empty" in flags for _, flags, _ in batch.notes], bool)
        evidence = [[] if quiet else found for quiet, found in zip(empty, self.causes(outputs, batch), strict=True)]
        return read_out(
            batch.spans,
            {self.target: np.where(empty[:, None], np.nan, outputs[self.target])},
            self.readouts,
            by=self.name,
            modality=self.modality,
            text=[text for text, _, _ in batch.notes],
            evidence=evidence,
            flags=[flags for _, flags, _ in batch.notes],
        )


CARD = Card(
    system="emotion-cause",
    cls="EmotionCause",
    roles=("reader",),
    modalities=("dialogue",),
    unit="turn",
    title="Emotion of each turn and which turns so far brought it about: pairs of frozen vectors",
    paper="own system on the task of Poria et al. 2021, arXiv:2012.11820",
    licence="code Apache-2.0; weights as on the checkpoint's card",
    proof="own system",
    limits="Names turns, not words, that people would name as a cause; it knows nothing of what really caused it. "
    "On RECCON its positive F1 is 0.673; always naming the turn itself and the one before has 0.641.",
)

_DIALOGUES = (Target("dailydialog-7", "perceived"),)

VARIANTS = {
    "tiny": EmotionCauseConfig(targets=_DIALOGUES, backbone="tiny:bert", hidden=16, reach=4, dropout=0.0),
    "minilm-l6": EmotionCauseConfig(targets=_DIALOGUES),
}
