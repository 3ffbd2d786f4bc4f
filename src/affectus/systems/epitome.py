"""EPITOME: three mechanisms of empathy in a response to somebody in distress, and the words that show them.

Sharma, Miner, Atkins and Althoff 2020, "A Computational Approach to Understanding Empathy Expressed in Text-Based
Mental Health Support", EMNLP, arXiv:2009.08441; official code github.com/behavioral-data/Empathy-Mental-Health (no
weights released). Verified: the whole forward and the loss against the paper's equations in float64. Not verified: the
figures of the paper, whose encoders were trained further on posts that are not public.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.affect import Evidence
from affectus.backbones import Backbone
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import ConfigError
from affectus.frontends.tokens import TextCollate, Tokens, gold_rows
from affectus.frontends.turns import odd_turns
from affectus.nn.attention import Attention
from affectus.nn.by_length import states_by_length
from affectus.nn.losses import losses_on
from affectus.readout import read_out
from affectus.sample import Dialogue, Item, Sample, conversations
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

RATIONALE = ".rationale"  # behind a scale's name: the logits of its rationale


@dataclass(frozen=True, kw_only=True)
class EpitomeConfig(Config):
    """Configuration of `Epitome`; the defaults are those of the public training script but for the encoder.

    Args:
        targets: Scales of kind one-of whose first label says that there is nothing of it: the mechanisms.
        backbone: Text encoder of the response: a reference, or a `Backbone` that says how it takes part in training.
            The seeker's post is read by another copy of it, which is frozen.
        seeker: Whether the seeker's post is looked at.
        pooling: What the level is read from: `first`, the state of the first token, or `mean`, that of the response's
            tokens.
        heads: Attention heads.
        max_length: Tokens of a post and of a response, special ones included; the rest is left out and flagged.
        dropout: Share of features and of attention weights dropped in training.
        level_weight: Of the levels in the loss.
        weights: Of each level of a mechanism, scale → numbers, by which its part in the loss of the levels is
            multiplied; a mechanism that is not named has all alike, as in the paper.
        rationale_weight: Of the rationales in the loss.
    """

    backbone: str | Backbone = "asset:minilm-l6"
    seeker: bool = True
    pooling: Literal["first", "mean"] = "first"
    heads: Annotated[int, Field(ge=1)] = 1
    max_length: Annotated[int, Field(ge=8)] = 64
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    level_weight: Annotated[float, Field(ge=0)] = 0.5
    weights: dict[str, tuple[Annotated[float, Field(ge=0)], ...]] = field(default_factory=dict)
    rationale_weight: Annotated[float, Field(ge=0)] = 0.5


class Notes(NamedTuple):
    """What `decode` needs.

    Args:
        rows: (b,) number of each response among all turns.
        responses: The responses as encoded.
        texts: Of all turns.
        flags: Of all turns.
    """

    rows: np.ndarray
    responses: list[Tokens]
    texts: list[str | None]
    flags: list[list[str]]


@dataclass(frozen=True)
class EpitomeCollate:
    """Dialogues → one row for each turn that answers somebody.

    A turn answers the last one before it that somebody else said. `inputs`: `ids`, `valid`, `content` (b, t) of the
    responses, and `post_ids`, `post_valid` (b, s) of what they answer. `targets`: the levels (b, k) by scale, and with
    `RATIONALE` behind the scale's name the rationale (b, t): 1 at its tokens, NaN where nobody said.

    Args:
        config: Of the system.
    """

    config: EpitomeConfig

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues; a sample by itself answers nobody.

        Raises:
            InputError: If a turn has no text.
        """
        turns: list[Sample] = []
        flags: list[list[str]] = []
        answered: list[tuple[int, Sample]] = []
        for item in items:
            talk = item.turns if isinstance(item, Dialogue) else (item,)
            for at, (turn, odd) in enumerate(zip(talk, odd_turns(talk), strict=True)):
                before = next((t for t in reversed(talk[:at]) if not turn.track or t.track != turn.track), None)
                flags.append([*odd, *(["nothing-before"] if before is None else [])])
                if before is not None:
                    answered.append((len(turns), before))
                turns.append(turn)
        rows = np.array([row for row, _ in answered], np.int64)
        responses, posts = [turns[row] for row in rows], [post for _, post in answered]
        arrays, told = self._texts.first_windows(responses)
        post_arrays, post_told = self._texts.first_windows(posts)
        inputs = arrays | {f"post_{name}": post_arrays[name] for name in ("ids", "valid")}
        for row, own, other in zip(rows, told, post_told, strict=True):
            flags[row] += [f for f in ("empty",) if f in own.flags]
            flags[row] += ["truncated"] * (_cut(own) or _cut(other)) + ["empty-post"] * ("empty" in other.flags)
        targets = self._gold(responses, told, arrays["content"])
        notes = Notes(rows, told, [turn.text for turn in turns], flags)
        return Batch(inputs, targets, [turn.span for turn in turns], notes)

    def lengths(self, items: Sequence[Item]) -> list[int]:
        """Number of tokens of each item's longest turn: what batches are sorted by."""
        return [max(self._texts.lengths(i.turns if isinstance(i, Dialogue) else (i,)), default=0) for i in items]

    @property
    def _texts(self) -> TextCollate:
        return TextCollate(str(self.config.backbone), (), self.config.max_length)

    def _gold(self, responses: Sequence[Sample], told: Sequence[Tokens], content: np.ndarray) -> dict[str, np.ndarray]:
        out: dict[str, np.ndarray] = {}
        for target in self.config.targets:
            levels = gold_rows(responses, target.scale, target.perspective)
            if levels is None:
                continue
            marked = np.full(content.shape, np.nan, np.float32)
            for row, response, tokens, level, is_text in zip(marked, responses, told, levels, content, strict=True):
                if (found := rationale(response, tokens, target.scale, level)) is not None:
                    row[is_text] = found
            out |= {target.scale: levels, target.scale + RATIONALE: marked}
        return out


def rationale(response: Sample, tokens: Tokens, name: str, level: np.ndarray) -> np.ndarray | None:
    """Whether each token of the first window belongs to what gold evidence of the kind `name` quotes, (t,) 0 or 1.

    Where the level is the scale's first label, nothing does. None where gold has another level and quotes nothing.

    Args:
        response: With gold.
        tokens: The same as encoded.
        name: Of the scale.
        level: (k,) gold on it, NaN where nobody judged.
    """
    quoted = {e.text for row in response.gold or () for e in row.evidence if e.kind == name and e.text}
    places = tokens.windows[0].offsets
    if np.isnan(level).any() or not (quoted or level.argmax() == 0):
        return None
    starts = [(at, at + len(text)) for text in quoted if (at := tokens.text.find(text)) >= 0]
    return np.array([any(a < end and b > start for start, end in starts) for a, b in places], np.float32)


def _cut(tokens: Tokens) -> bool:
    return len(tokens.windows) > 1 or "truncated" in tokens.flags


class Mechanism(nn.Module):
    """What one mechanism looks for: attention over the seeker's post, a head for the level, one for the rationale.

    Args:
        config: Sizes.
        width: Features of a token.
        levels: Labels of the scale.
    """

    def __init__(self, config: EpitomeConfig, width: int, levels: int) -> None:
        super().__init__()
        self.attention = Attention(width, config.heads, dropout=config.dropout) if config.seeker else None
        self.dropout = nn.Dropout(config.dropout)
        self.dense, self.level = nn.Linear(width, width), nn.Linear(width, levels)
        self.rationale = nn.Linear(width, 1)

    def forward(self, states: Tensor, pooled: Tensor, post: Tensor | None, post_valid: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the levels (b, k) and of each token's part in the rationale (b, t).

        Args:
            states: (b, t, width) of the response.
            pooled: (b, t) weight of each token in what the level is read from.
            post: (b, s, width) of the seeker's post.
            post_valid: (b, s) bool.
        """
        if self.attention is not None:
            states = states + self.dropout(self.attention(states, post, post, valid=post_valid))
        whole = torch.einsum("bt,btf->bf", pooled, states)
        level = self.level(self.dropout(torch.relu(self.dense(self.dropout(whole)))))
        return level, self.rationale(self.dropout(states))[..., 0]


class Epitome(System):
    """Reads how strongly a response communicates each mechanism of empathy, and which of its words do.

    Args:
        config: Sizes and names.
    """

    Config = EpitomeConfig
    modality = "dialogue"
    collate: EpitomeCollate
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 4,
        "batch": 32,
        "sampler": "length",
        "optim": [{"match": "backbone.*", "lr": 2e-5, "weight_decay": 0.01}, {"lr": 3e-4, "weight_decay": 0.01}],
    }

    def __init__(self, config: EpitomeConfig) -> None:
        super().__init__(config)
        if not config.targets or any(scale(t.scale).kind != "one-of" for t in config.targets):
            raise ConfigError(f"targets are {[t.scale for t in config.targets]}", allowed="scales of kind one-of")
        for name, numbers in config.weights.items():
            if name not in {t.scale for t in config.targets} or len(numbers) != len(scale(name)):
                raise ConfigError(
                    f"weights has {len(numbers)} numbers for {name!r}", allowed="one for each level of a target"
                )
        self.backbone = _encoder(config.backbone)
        self.post = _encoder(Backbone(name=str(config.backbone), train=False)) if config.seeker else None
        width = self.backbone.config.hidden_size
        self.mechanisms = nn.ModuleDict(
            {_key(t.scale): Mechanism(config, width, len(scale(t.scale))) for t in config.targets}
        )
        self.collate = EpitomeCollate(config)

    def forward(
        self, ids: Tensor, valid: Tensor, content: Tensor, post_ids: Tensor, post_valid: Tensor
    ) -> dict[str, Tensor]:
        """Logits of the levels, scale name → (b, k), and of the rationales, name with `RATIONALE` → (b, t).

        Args:
            ids: (b, t) int64 token ids of the responses.
            valid: (b, t) bool, True where a token is.
            content: (b, t) bool, True where it is no special one.
            post_ids: (b, s) of the seekers' posts.
            post_valid: (b, s).
        """
        states = states_by_length(self.backbone, ids, valid)
        post = None if self.post is None else states_by_length(self.post, post_ids, post_valid)
        pooled = self._pooled(content, states)
        out: dict[str, Tensor] = {}
        for target in self.config.targets:
            level, words = self.mechanisms[_key(target.scale)](states, pooled, post, post_valid)
            out |= {target.scale: level, target.scale + RATIONALE: words}
        return out

    def _pooled(self, content: Tensor, states: Tensor) -> Tensor:
        if self.config.pooling == "mean":
            return content.to(states.dtype) / content.sum(1, keepdim=True).clamp(min=1)
        first = torch.arange(content.shape[1], device=content.device) == 0
        return first.to(states.dtype).expand(content.shape)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the levels, and of the tokens of the rationales that gold speaks of, with their weights.

        Raises:
            ConfigError: If there is gold for no target.
        """
        config, names = self.config, [t.scale for t in self.config.targets]
        levels = losses_on(outputs, batch.targets, names, config.weights)
        terms = {name: config.level_weight * loss for name, loss in levels.items()}
        for name in list(terms):
            gold, logits = batch.targets[name + RATIONALE], outputs[name + RATIONALE]
            known = gold.isfinite()
            found = F.binary_cross_entropy_with_logits(logits[known], gold[known]) if known.any() else logits.sum() * 0
            terms[name + RATIONALE] = config.rationale_weight * found
        return terms

    def run(self, items: Iterable[Item | str], batch_size: int = 32) -> Iterator[tuple[dict[str, np.ndarray], Batch]]:
        """As every system; neighbouring samples of one source are a dialogue."""
        return super().run(conversations(items), batch_size)

    def read(self, items: Iterable[Item | str], batch_size: int = 32) -> Timeline:
        """One row a turn; who answers nobody has no scores."""
        return super().read(items, batch_size)

    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Uncalibrated logits of each turn, scale name → (turns, k); NaN where a turn answers nobody."""
        parts = [self._placed(*found) for found in self.run(items, batch_size)]
        empty = {r.scale: np.empty((0, len(r.of))) for r in self.readouts}
        return {r.scale: np.concatenate([part[r.scale] for part in [empty, *parts]]) for r in self.readouts}

    def _placed(self, outputs: Mapping[str, np.ndarray], batch: Batch) -> dict[str, np.ndarray]:
        notes: Notes = batch.notes
        out = {}
        for readout in self.readouts:
            placed = np.full((len(notes.texts), len(readout.of)), np.nan)
            placed[notes.rows] = outputs[readout.scale]
            placed[["empty" in flags for flags in notes.flags]] = np.nan
            out[readout.scale] = placed
        return out

    def rationales(self, outputs: Mapping[str, np.ndarray], batch: Batch) -> list[list[Evidence]]:
        """What of each turn shows a mechanism: runs of tokens whose probability is one half or more.

        The kind is the mechanism's scale, the weight the mean probability.
        """
        out: list[list[Evidence]] = [[] for _ in batch.spans]
        for at, (row, tokens) in enumerate(zip(batch.notes.rows, batch.notes.responses, strict=True)):
            places, content = tokens.windows[0].offsets, np.asarray(batch.inputs["content"][at], bool)
            for readout in self.readouts:
                p = 1 / (1 + np.exp(-outputs[readout.scale + RATIONALE][at][content].astype(np.float64)))
                for shown, run in groupby(enumerate(p >= 0.5), key=itemgetter(1)):
                    if shown:
                        found = [i for i, _ in run]
                        text = tokens.text[places[found[0]][0] : places[found[-1]][1]]
                        out[row].append(Evidence(readout.scale, text=text, weight=float(p[found].mean())))
        return out

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings of each turn with the levels of the mechanisms and their rationales."""
        return read_out(
            batch.spans,
            self._placed(outputs, batch),
            self.readouts,
            by=self.name,
            modality=self.modality,
            text=batch.notes.texts,
            evidence=self.rationales(outputs, batch),
            flags=batch.notes.flags,
        )


def _encoder(reference: str | Backbone) -> Any:
    encoder = backbones.text_encoder(reference)
    if getattr(encoder, "pooler", None) is not None:  # a layer on the first token, which nothing reads
        encoder.pooler = None
    return encoder


def _key(name: str) -> str:
    """A scale's name as a module name, in which torch allows no dot."""
    return name.replace(".", "_")


CARD = Card(
    system="epitome",
    cls="Epitome",
    roles=("reader",),
    modalities=("dialogue",),
    unit="turn",
    title="Three mechanisms of empathy in a response, with rationales: bi-encoder, attention over the seeker's post",
    paper="Sharma et al. 2020, EMNLP, arXiv:2009.08441",
    licence="code Apache-2.0; official code with a licence of its own and without weights",
    proof="equations",
    limits="Learned from responses in public forums on mental health; says how empathy is worded, not if it helps.",
    ablation={"seeker": False},
    ablated="The seeker's post is not looked at.",
    task="affectus.testing.tasks.answered_post:answered_post",
)

_MECHANISMS = (
    Target("epitome-emotional-reactions", "perceived"),
    Target("epitome-interpretations", "perceived"),
    Target("epitome-explorations", "perceived"),
)

VARIANTS = {
    "tiny": EpitomeConfig(targets=_MECHANISMS, backbone="tiny:bert", dropout=0.0),
    "base": EpitomeConfig(targets=_MECHANISMS[:1], backbone="hf:FacebookAI/roberta-base"),
    "minilm-l6": EpitomeConfig(targets=_MECHANISMS),
}
