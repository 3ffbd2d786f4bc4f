"""Hidden anger: posts whose writer felt an emotion much more strongly than readers perceive it.

Nakagawa, Kitada and Iyatomi, Expressions Causing Differences in Emotion Recognition in Social Networking Service
Documents, CIKM 2022 (arXiv:2208.14244). The label compares two perspectives, the writer's own report (felt) with what
readers judge (perceived), so it is only made where both are in the gold. The detector is a BERT with its pooled output.
The body of the paper was not at hand: the detector follows the first author's training code, and both labelling rules
of that code are here by name. Which of them the published AUC of 0.772 belongs to is not known. The equations were
checked by hand and against transformers' `BertForSequenceClassification`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from affectus import backbones
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import ConfigError, InputError, check_option
from affectus.frontends.segment import segmenter
from affectus.frontends.tokens import TextCollate, Tokens, gold_rows
from affectus.frontends.vectors import read_vectors
from affectus.readout import read_out
from affectus.sample import Item, Sample, as_items, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline, align

RATINGS = "wrime-8"  # the scale of writer and readers, 0 to 3 points
HIDDEN = "hidden-2"  # open, hidden: the writer's rating is the higher one
OVERREAD = "overread-2"  # open, overread: the readers' rating is the higher one
FOUR_WAY = "hidden-4"
INTENSITY = "intensity-4"  # one person's rating as a class
STRONG = "strong-2"  # weak, strong: above 1 point
DETECTED = ("hidden", "overread", "strong")  # labels that `rank` ranks by
LINE_BREAK = "\\n"  # a backslash and an n, which the posts of WRIME hold in the place of line breaks


# -- labelling rules ---------------------------------------------------------------------------------------------------
def gap(higher: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Whether one rating exceeds another by more than one point, (n,) bool.

    With the writer's rating w and the rounded average of the readers R: w − R > 1 (hidden); R − w > 1 (overread).
    """
    return np.asarray(higher) - np.asarray(lower) > 1


def four_way(writer: np.ndarray, readers: np.ndarray) -> np.ndarray:
    """Class of each post by readers' mean m and sample deviation s (ddof 1), (n,) int on the scale `hidden-4`.

    0 where s ≥ 1 (readers disagree); else 1 where |w − m| ≤ 1 (open), 2 where w − m > 1 (hidden), 3 where w − m < −1
    (overread). Computed in whole numbers, since the cases on the border (m = 5/3, s = 1) must not hang on rounding.

    Args:
        writer: (n,) whole points.
        readers: (n, r) whole points of at least two readers.
    """
    w, r = np.asarray(writer), np.asarray(readers)
    if r.ndim != 2 or r.shape[1] < 2 or len(r) != len(w):
        raise InputError(f"ratings of readers have shape {r.shape}", allowed=f"({len(w)}, 2 or more)")
    if (w != np.round(w)).any() or (r != np.round(r)).any():
        raise InputError("ratings are not whole points", allowed="integers, for example 0 to 3")
    w, r, count = w.astype(np.int64), r.astype(np.int64), r.shape[1]
    disagree = count * (r**2).sum(1) - r.sum(1) ** 2 >= count * (count - 1)  # s² ≥ 1
    above = count * w - r.sum(1)  # count × (w − m)
    return np.select([disagree, above > count, above < -count], [0, 2, 3], 1)


class Ratings(NamedTuple):
    """What writer and readers said of one emotion in some posts, joined across perspectives.

    Args:
        writer: (n,) points, NaN where there is no rating.
        readers: (n, r) points.
        average: (n,) rounded average of the readers, as the corpus gives it.
    """

    writer: np.ndarray
    readers: np.ndarray
    average: np.ndarray


def classes(ratings: Ratings, target: Target, rule: str) -> np.ndarray:
    """Class number of each post on a target's scale, (n,) float with NaN where a rating is missing.

    Args:
        ratings: Of the emotion in question.
        target: `hidden-2` or `overread-2` by either rule; `hidden-4` by `four-way`; `intensity-4` or `strong-2` of the
            writer (felt) or of the readers' rounded average (perceived).
        rule: `gap` or `four-way`.

    Raises:
        ConfigError: If scale and rule do not fit.
    """
    name = target.scale
    check_target(target, rule)
    if name in (INTENSITY, STRONG):
        points = ratings.writer if target.perspective == "felt" else ratings.average
        return points if name == INTENSITY else np.where(np.isnan(points), np.nan, points > 1)
    if rule == "gap":
        pair = (ratings.writer, ratings.average)
        return np.where(np.isnan(pair).any(0), np.nan, gap(*pair) if name == HIDDEN else gap(*pair[::-1]))
    known = ~np.isnan(np.column_stack([ratings.writer, ratings.readers])).any(1)
    out = np.full(len(known), np.nan)
    out[known] = four_way(ratings.writer[known], ratings.readers[known])
    if name == FOUR_WAY:
        return out
    return np.where(known, out == scale(FOUR_WAY).index(scale(name).labels[1]), np.nan)


def check_target(target: Target, rule: str) -> None:
    """Raise `ConfigError` unless a rule can label a target's scale."""
    check_option("rule", rule, RULES)
    if target.scale not in RULES[rule]:
        raise ConfigError(f"the rule {rule!r} gives no labels on {target.scale!r}", allowed=", ".join(RULES[rule]))
    if target.scale in (INTENSITY, STRONG) and target.perspective not in ("felt", "perceived"):
        raise ConfigError(
            f"the target {target.scale!r} speaks of {target.perspective!r}",
            allowed="felt (writer), perceived (readers)",
        )


RULES = {
    "gap": (HIDDEN, OVERREAD, INTENSITY, STRONG),
    "four-way": (HIDDEN, OVERREAD, FOUR_WAY, INTENSITY, STRONG),
}


def ratings(samples: Sequence[Sample], emotion: str) -> Ratings:
    """Ratings of one emotion, from gold that has rows of the writer (felt) and of readers (perceived) on `wrime-8`.

    A rater whose name holds "average" is the readers' rounded average; without one the mean is rounded here, which is
    unambiguous for three readers.

    Raises:
        UnknownName: If the scale has no such emotion.
        InputError: If no sample has both perspectives.
    """
    column, n = scale(RATINGS).index(emotion), len(samples)
    rows = [(i, s.gold) for i, s in enumerate(samples) if s.gold is not None and RATINGS in s.gold.table.column_names]
    gold = Timeline.concat([g.set_column("item", [i] * len(g)) for i, g in rows])
    felt, perceived = gold.where(perspective="felt"), gold.where(perspective="perceived")
    raters = sorted(set(perceived.column("by")))
    if not len(felt) or not raters:
        raise InputError(
            f"the gold has {len(felt)} ratings of writers (felt) and {len(perceived)} of readers (perceived)",
            allowed=f"both, on the scale {RATINGS!r}",
            remedy="a hidden emotion is the difference of the two: use a corpus such as wrime",
        )
    given = {}
    for rater in raters:
        theirs = perceived.where(by=rater)
        pairs = align(felt, theirs, across=("felt", "perceived"))
        given[rater] = np.full(n, np.nan)
        given[rater][felt.column("item")[pairs.a].astype(int)] = theirs.scores(RATINGS)[pairs.b, column]
    writer = np.full(n, np.nan)
    writer[felt.column("item").astype(int)] = felt.scores(RATINGS)[:, column]
    readers = np.column_stack([v for rater, v in given.items() if "average" not in rater] or [np.full(n, np.nan)])
    average = next((v for rater, v in given.items() if "average" in rater), np.round(readers.mean(1)))
    return Ratings(writer, readers, average)


def label(samples: Sequence[Sample], targets: Sequence[Target], emotion: str, rule: str) -> list[Sample]:
    """The samples, each with its class on the targets' scales as gold; those that have it already stay as they are.

    A sample whose ratings are incomplete loses its gold, so that it counts as unlabelled and not as open.
    """
    names = {t.scale for t in targets}
    todo = [i for i, s in enumerate(samples) if s.gold is None or not names <= set(s.gold.table.column_names)]
    if not todo:
        return list(samples)
    found = ratings([samples[i] for i in todo], emotion)
    scores: dict[str, np.ndarray] = {}
    for target in targets:
        number = classes(found, target, rule)
        known = ~np.isnan(number)
        one_hot = np.full((len(number), len(scale(target.scale))), np.nan, np.float32)
        one_hot[known] = np.eye(one_hot.shape[1], dtype=np.float32)[number[known].astype(int)]
        scores[target.scale] = one_hot
    gold = Timeline.build(
        [samples[i].span for i in todo],
        scores,
        perspective=targets[0].perspective,
        by=f"{rule} rule on {emotion}, felt→perceived",
        modality="text",
    )
    out = list(samples)
    for row, i in enumerate(todo):
        out[i] = replace(samples[i], gold=gold[row : row + 1])
    return out


# -- loss --------------------------------------------------------------------------------------------------------------
def weighted_cross_entropy(logits: Tensor, gold: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy with class weights, −Σ w_y log p_y / Σ w_y over the rows that have gold.

    Args:
        logits: (b, k).
        gold: (b, k) zeros and ones, NaN where unknown.
        weights: (k,), for example 1 / n of each class.
    """
    rows = ~gold.isnan().any(1)
    if not rows.any():
        return logits.sum() * 0
    return F.cross_entropy(logits[rows], gold[rows].argmax(1), weight=weights)


# -- attention ---------------------------------------------------------------------------------------------------------
def rollout(attentions: Sequence[Tensor]) -> Tensor:
    """How much of the first position's state comes from each token: attention rollout.

    Abnar and Zuidema 2020 (arXiv:2005.00928), section 3: the product over layers of (A + I) / 2, A the mean over heads;
    its first row. It says where the network looked, which is not what its answer depends on.

    Args:
        attentions: One (b, h, t, t) a layer, rows sum to 1.

    Returns:
        (b, t), rows sum to 1.
    """
    flow = torch.eye(attentions[0].shape[-1], dtype=attentions[0].dtype).expand_as(attentions[0][:, 0])
    for layer in attentions:
        own = torch.eye(layer.shape[-1], dtype=layer.dtype)
        flow = (layer.mean(1) + own) / 2 @ flow
    return flow[:, 0]


# -- the detector ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class _Labelling(Config):
    """What both detectors share.

    Args:
        targets: One of the scales that `classes` knows, or the labels of a table of one's own. Its perspective is the
            writer's (felt): what is read is a feeling of the writer, compared with what readers see.
        compat: `double-balance`: class weights 1 / n in the loss, which the training code has on top of its balanced
            sampler; `raw-logit`: `rank` gives the logit of the hidden class, as the official ROC takes it, not p.
        emotion: Label of `wrime-8` whose ratings are compared.
        rule: `gap` or `four-way`.
    """

    emotion: str = "anger"
    rule: Literal["gap", "four-way"] = "gap"

    def label(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples with gold on the target's scale, made from the ratings of writer and readers by the rule."""
        return label(samples, self.targets, self.emotion, self.rule)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of a BERT; the defaults are those of the published Japanese one.

    Args:
        vocabulary: Pieces, special ones included.
        width: Features of a state.
        layers: Transformer layers.
        heads: Attention heads of a layer.
        inner: Features inside the feed-forward part.
    """

    vocabulary: Annotated[int, Field(ge=1)] = 32_000
    width: Annotated[int, Field(ge=1)] = 768
    layers: Annotated[int, Field(ge=1)] = 12
    heads: Annotated[int, Field(ge=1)] = 12
    inner: Annotated[int, Field(ge=1)] = 3072


@dataclass(frozen=True, kw_only=True)
class HiddenAngerConfig(_Labelling):
    """Configuration of `HiddenAnger`; targets, compat, emotion and rule as in `_Labelling`.

    Args:
        backbone: Text encoder whose first token is pooled: `asset:`, `hf:`, `tiny:` or a folder. With sizes, only its
            tokenizer is taken.
        sizes: Random weights of these sizes instead of those of the backbone.
        dropout: Share of pooled features that are dropped in training.
        max_length: Tokens that are read, special ones included; the rest is cut off and flagged.
    """

    backbone: str = "asset:minilm-l6"
    sizes: Sizes | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    max_length: Annotated[int, Field(ge=8)] = 512


@dataclass(frozen=True)
class PostCollate(TextCollate):
    """Batches of posts: literal line breaks become spaces, and what does not fit into one window is cut off."""

    def encode(self, samples: Sequence[Sample]) -> list[Tokens]:
        """One window a text.

        Raises:
            InputError: If a sample has no text.
        """
        plain = [replace(s, text=s.text.replace(LINE_BREAK, " ")) if s.text else s for s in samples]
        return [_first_window(tokens) for tokens in super().encode(plain)]


def _first_window(tokens: Tokens) -> Tokens:
    if len(tokens.windows) == 1:
        return tokens
    return Tokens(tokens.text, tokens.windows[:1], (*(f for f in tokens.flags if f != "truncated"), "truncated"))


class Pooler(nn.Module):
    """BERT's pooler: tanh(W h + b) of the first token's state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)

    def forward(self, first: Tensor) -> Tensor:
        """(b, f) → (b, f)."""
        return torch.tanh(self.dense(first))


class _Detector(System):
    """What both detectors share: labels, class weights, loss, scores."""

    modality = "text"
    config: Any
    class_counts: Tensor

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if len(config.targets) != 1:
            raise ConfigError(f"a detector has {len(config.targets)} targets", allowed="one")
        self.target: str = config.targets[0].scale
        if scale(self.target).kind != "one-of":
            raise ConfigError(f"the target {self.target!r} is {scale(self.target).kind}", allowed="a one-of scale")
        if self.target in {name for names in RULES.values() for name in names}:
            check_target(config.targets[0], config.rule)
        labels = scale(self.target).labels
        self.hidden = next((i for i, name in enumerate(labels) if name in DETECTED), len(labels) - 1)
        self.register_buffer("class_counts", torch.ones(len(scale(self.target))))

    def prepare(self, samples: Sequence[Sample]) -> None:
        """Note how often each class occurs in the training samples: the class weights of the loss are 1 / n.

        Raises:
            InputError: If a class does not occur.
        """
        gold = np.stack([s.gold.scores(self.target)[0] for s in samples if s.gold is not None])
        counts = np.nansum(gold, axis=0)
        if not counts.all():
            missing = [name for name, n in zip(scale(self.target).labels, counts, strict=True) if not n]
            raise InputError(f"no training sample is {', '.join(missing)}", remedy="use more data or another rule")
        self.class_counts.copy_(torch.as_tensor(counts))

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy; with `double-balance`, weighted by 1 / n of each class."""
        if self.target not in batch.targets:
            raise ConfigError(f"the batch has no gold on {self.target!r}", remedy="label the samples: config.label(…)")
        even = "double-balance" not in self.config.compat
        weights = torch.ones_like(self.class_counts) if even else 1 / self.class_counts
        return {self.target: weighted_cross_entropy(outputs[self.target], batch.targets[self.target], weights)}

    def logits(self, items: Iterable[Item | str], batch_size: int = 32) -> dict[str, np.ndarray]:
        """Uncalibrated outputs of each text, scale name → (texts, k); NaN for an empty text."""
        parts = [np.empty((0, len(scale(self.target))))]
        parts += [_known(outputs[self.target], batch.notes) for outputs, batch in self.run(items, batch_size)]
        return {self.target: np.concatenate(parts)}

    def rank(self, items: Iterable[Item | str], batch_size: int = 32) -> np.ndarray:
        """One number a text by which texts are ranked, (n,); NaN for an empty text.

        The probability of the hidden class (`DETECTED`, else the last label) but for `compat: raw-logit`, which gives
        its logit alone; the two rank differently, since the logit of the other class is not constant.
        """
        logits, at = self.logits(items, batch_size)[self.target], self.hidden
        return logits[:, at] if "raw-logit" in self.config.compat else self.readouts[0].probabilities(logits)[:, at]

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings; the detected texts are those whose decided label is the hidden one (argmax)."""
        return read_out(
            batch.spans,
            {self.target: _known(outputs[self.target], batch.notes)},
            self.readouts,
            by=self.name,
            modality="text",
            text=[tokens.text for tokens in batch.notes],
            flags=[tokens.flags for tokens in batch.notes],
        )


def _known(logits: np.ndarray, notes: Sequence[Any]) -> np.ndarray:
    """Logits, NaN where a text is empty."""
    empty = np.array([["empty" in tokens.flags] for tokens in notes], bool).reshape(-1, 1)
    return np.where(empty, np.nan, logits)


class HiddenAnger(_Detector):
    """Detects posts whose writer felt more than readers see: encoder, pooled first token, dropout, one linear layer."""

    Config = HiddenAngerConfig
    default_run: ClassVar[dict[str, Any]] = {"sampler": "balanced", "epochs": 3, "optim": [{"lr": 2e-5}]}

    def __init__(self, config: HiddenAngerConfig) -> None:
        super().__init__(config)
        self.backbone = backbones.text_encoder(config.backbone) if config.sizes is None else _random(config.sizes)
        width = self.backbone.config.hidden_size
        self.pooler = Pooler(width)
        if (given := getattr(self.backbone, "pooler", None)) is not None:
            self.pooler.dense.load_state_dict(given.dense.state_dict())
            self.backbone.pooler = None  # here it is trained with the head, also where the encoder is frozen
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(width, len(scale(self.target)))
        self.collate = PostCollate(config.backbone, config.targets, config.max_length)

    def train(self, mode: bool = True) -> HiddenAnger:
        """Training mode; an encoder that is frozen stays in evaluation, so that its outputs can be kept."""
        super().train(mode)
        if not any(p.requires_grad for p in self.backbone.parameters()):
            self.backbone.eval()
        return self

    def encode(self, ids: Tensor, valid: Tensor, content: Tensor) -> dict[str, Tensor]:
        """State of the first token, `first` (b, f), from token ids (b, t) and where they are (b, t) bool."""
        return {"first": self.backbone(input_ids=ids, attention_mask=valid.long()).last_hidden_state[:, 0]}

    def head(self, first: Tensor) -> dict[str, Tensor]:
        """Logits (b, k) from the first token's state (b, f): pooler, dropout, linear."""
        return {self.target: self.classifier(self.dropout(self.pooler(first)))}

    def forward(self, ids: Tensor, valid: Tensor, content: Tensor) -> dict[str, Tensor]:
        """Logits (b, k) by the target's scale.

        Args:
            ids: (b, t) int64 token ids.
            valid: (b, t) bool, True where a token is.
            content: (b, t) bool, True where the token belongs to the text; not used.
        """
        return self.head(**self.encode(ids, valid, content))

    @torch.no_grad()
    def attentions(self, text: str) -> list[Tensor]:
        """Attention weights of all layers on one text, each (1, h, t, t), special tokens included; see `rollout`."""
        inputs = self.collate(as_items(text)).to(self.device).inputs
        before, how = self.training, self.backbone.config._attn_implementation
        self.eval()
        self.backbone.set_attn_implementation("eager")  # the fused kernels don't give their weights
        try:
            found = self.backbone(
                input_ids=inputs["ids"], attention_mask=inputs["valid"].long(), output_attentions=True
            )
        finally:
            self.backbone.set_attn_implementation(how)
            self.train(before)
        return list(found.attentions)

    def looked_at(self, text: str) -> list[tuple[str, float]]:
        """Words of a text in order, each with the share of the pooled token that comes from it by `rollout`."""
        batch = self.collate(as_items(text))
        shares = rollout(self.attentions(text))[0][torch.as_tensor(batch.inputs["content"][0])].cpu().numpy()
        words, numbers = batch.notes[0].words()
        return list(zip(words, np.bincount(numbers, shares, len(words)).tolist(), strict=True)) if words else []


def _random(sizes: Sizes) -> Any:
    """A BERT with random weights."""
    from transformers import BertConfig, BertModel

    return BertModel(
        BertConfig(
            vocab_size=sizes.vocabulary,
            hidden_size=sizes.width,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            intermediate_size=sizes.inner,
        )
    )


# -- the LSTM baseline -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class HiddenAngerLstmConfig(_Labelling):
    """Configuration of `HiddenAngerLstm`; targets, compat, emotion and rule as in `_Labelling`.

    Args:
        words: Vocabulary; each has a frozen vector. Other words have the zero vector.
        segment: How texts are cut into words; see `affectus.frontends.segment`.
        width: Numbers in a word vector.
        units: Of each direction.
        layers: Of the LSTM.
        longest: Words that are read; the rest is cut off and flagged.
    """

    words: tuple[str, ...] = ()
    segment: Literal["spaces", "ja"] = "ja"
    width: Annotated[int, Field(ge=1)] = 200
    units: Annotated[int, Field(ge=1)] = 64
    layers: Annotated[int, Field(ge=1)] = 2
    longest: Annotated[int, Field(ge=1)] = 512


class Words(NamedTuple):
    """A text as the LSTM sees it."""

    text: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class WordCollate:
    """Texts → word numbers (b, t) int64, 0 for unknown words, and their count `lengths` (b,) int64, at least 1."""

    target: str
    words: tuple[str, ...]
    segment: str
    longest: int

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues.

        Raises:
            InputError: If a sample has no text.
        """
        samples, cut = flatten(items), segmenter(self.segment)
        numbers = {word: i for i, word in enumerate(self.words, start=1)}
        rows, notes = [], []
        for sample in samples:
            if sample.text is None:
                raise InputError(f"sample {sample.id!r} has no text", remedy="transcribe it first")
            text = sample.text.replace(LINE_BREAK, " ")
            found = cut(text)
            rows.append([numbers.get(word, 0) for word in found[: self.longest]])
            notes.append(Words(text, ("empty",) if not found else ("truncated",) * (len(found) > self.longest)))
        lengths = np.array([max(len(row), 1) for row in rows], np.int64)
        ids = np.zeros((len(rows), lengths.max(initial=1)), np.int64)
        for line, row in zip(ids, rows, strict=True):
            line[: len(row)] = row
        gold = gold_rows(samples, self.target)
        targets = {} if gold is None else {self.target: gold}
        return Batch({"ids": ids, "lengths": lengths}, targets, [s.span for s in samples], notes)


class HiddenAngerLstm(_Detector):
    """The baseline: frozen word vectors, a bidirectional LSTM, the last states of both directions, one linear layer."""

    Config = HiddenAngerLstmConfig
    vectors: Tensor

    def __init__(self, config: HiddenAngerLstmConfig) -> None:
        super().__init__(config)
        vectors = torch.randn(len(config.words) + 1, config.width)
        vectors[0] = 0
        self.register_buffer("vectors", vectors)
        self.lstm = nn.LSTM(config.width, config.units, config.layers, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(2 * config.units, len(scale(self.target)))
        self.collate = WordCollate(self.target, config.words, config.segment, config.longest)

    def forward(self, ids: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Logits (b, k) from word numbers (b, t) and how many each text has (b,)."""
        packed = nn.utils.rnn.pack_padded_sequence(
            F.embedding(ids, self.vectors), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        last = self.lstm(packed)[1][0]  # (2 × layers, b, units)
        return {self.target: self.classifier(torch.cat([last[-2], last[-1]], 1))}


def vocabulary(texts: Iterable[str], segment: str = "ja", least: int = 10) -> tuple[str, ...]:
    """Words that occur at least so many times in some texts, the most frequent first."""
    cut = segmenter(segment)
    counts = Counter(word for text in texts for word in cut(text.replace(LINE_BREAK, " ")))
    return tuple(word for word, n in counts.most_common() if n >= least)


def with_vectors(path: Path, texts: Iterable[str], config: HiddenAngerLstmConfig, least: int = 10) -> HiddenAngerLstm:
    """The baseline with given word vectors, for the words of some training texts that have one.

    Args:
        path: Word vectors; see `affectus.frontends.vectors.read_vectors`.
        texts: Training texts.
        config: Its words and width are replaced.
        least: How often a word must occur.

    Raises:
        FileError: If the vectors can't be read.
        InputError: If no word has a vector.
    """
    words = vocabulary(texts, config.segment, least)
    found = read_vectors(path).only(set(words))
    if not found.words:
        raise InputError(f"none of {len(words)} words has a vector in {str(path)!r}", remedy="check the language")
    system = HiddenAngerLstm(replace(config, words=found.words, width=found.vectors.shape[1]))
    system.vectors[1:] = torch.as_tensor(found.vectors)
    system.name = system.variant = "hidden-anger/lstm"
    return system


CARD = Card(
    system="hidden-anger",
    cls="HiddenAnger",
    roles=("reader",),
    modalities=("text",),
    unit="turn",
    title="Posts whose writer felt much more of an emotion than readers see",
    paper="Nakagawa, Kitada and Iyatomi 2022, CIKM (arXiv:2208.14244)",
    licence="code Apache-2.0; the authors published no weights; WRIME is CC BY-NC-ND 4.0 and user-supplied",
    proof="equations",
    limits="No lie detector: it knows posts like those it learned from, not their writer. Without corpora that hold "
    "both perspectives it can't be trained.",
    ablation={"learned": "strong-2"},
    ablated="The label is the writer's rating alone, without that of the readers.",
    task="affectus.testing.tasks.two_judges:two_judges",
)

_HIDDEN = (Target(HIDDEN, "felt"),)

VARIANTS = {
    "tiny": HiddenAngerConfig(targets=_HIDDEN, backbone="tiny:bert", dropout=0.0, max_length=128),
    "minilm": HiddenAngerConfig(targets=_HIDDEN),
    "base": HiddenAngerConfig(
        targets=_HIDDEN, backbone="hf:cl-tohoku/bert-base-japanese-whole-word-masking", sizes=Sizes()
    ),
    "tiny-lstm": HiddenAngerLstmConfig(
        targets=_HIDDEN, words=("happy", "angry", "day", "home"), segment="spaces", width=8, units=4
    ),
    "lstm": HiddenAngerLstmConfig(targets=_HIDDEN),
}
