"""TF-IDF and a linear model: the baseline that every trained text reader has to beat.

Words and pairs of words, and pieces of words of two to five letters, weighted by term frequency and inverse document
frequency (Salton and Buckley 1988), each of both kinds brought to length 1; a linear support vector machine for one-of
scales, each label against the rest (liblinear, Fan et al. 2008), a logistic regression for each label of any-of scales,
ridge regression for levels. The vocabulary is kept as hashes, so that no text can be read out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import InputError
from affectus.frontends.tokens import gold_rows
from affectus.nn.fitted import Fitted
from affectus.readout import read_out
from affectus.sample import Item, flatten
from affectus.system import System
from affectus.taxonomy import Target, scale
from affectus.timeline import Timeline

ABSENT = -10.0  # output of a label that no training text has
HASHES = 2**30  # of each kind; two of a million terms then share one with a chance of 1 in 1,000
LONGEST = 20_000  # letters of a text that are read


@dataclass(frozen=True, kw_only=True)
class TfidfLinearConfig(Config):
    """Configuration of `TfidfLinear`.

    Args:
        targets: What the models read.
        words: Shortest and longest run of words.
        letters: Shortest and longest piece of a word.
        least: Texts that a term must stand in to count.
        strength: C of support vector machine and logistic regression, the inverse of the L2 penalty.
        balanced: Whether a label of a one-of scale weighs more the rarer it is: texts / (labels · texts of the label).
        ridge: Penalty of the ridge regression.
        parts: Parts of the training data that are left out of a fit in turn, to calibrate on; 0 does not calibrate.
    """

    words: tuple[int, int] = (1, 2)
    letters: tuple[int, int] = (2, 5)
    least: Annotated[int, Field(ge=1)] = 2
    strength: Annotated[float, Field(gt=0)] = 0.3
    balanced: bool = True
    ridge: Annotated[float, Field(gt=0)] = 1.0
    parts: Annotated[int, Field(ge=0)] = 5


@dataclass(frozen=True)
class TfidfCollate:
    """Texts → counted terms; `notes` are (text, flags) of each.

    `inputs`: `terms` (total,) int64 hashes, words below `HASHES` and pieces above; `counts` (total,) float32; `lengths`
    (b,) int64, how many terms each text has.

    Args:
        targets: Scales whose gold is collected.
        words: As in the configuration.
        letters: Likewise.
    """

    targets: tuple[Target, ...]
    words: tuple[int, int]
    letters: tuple[int, int]

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        notes = []
        for sample in samples:
            if sample.text is None:
                raise InputError(f"sample {sample.id!r} has no text", remedy="transcribe it first")
            flags = [] if sample.text.strip() else ["empty"]
            notes.append((sample.text, flags + ["truncated"] * (len(sample.text) > LONGEST)))
        tables = [h.transform([text[:LONGEST] for text, _ in notes]) for h in _hashers(self.words, self.letters)]
        terms, counts = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
        for row in range(len(samples)):
            for kind, table in enumerate(tables):
                here = slice(table.indptr[row], table.indptr[row + 1])
                terms.append(table.indices[here].astype(np.int64) + kind * HASHES)
                counts.append(table.data[here].astype(np.float32))
        lengths = sum((np.diff(table.indptr) for table in tables), np.zeros(len(samples), np.int64)).astype(np.int64)
        inputs = {"terms": np.concatenate(terms), "counts": np.concatenate(counts), "lengths": lengths}
        targets = {t.scale: rows for t in self.targets if (rows := gold_rows(samples, t.scale)) is not None}
        return Batch(inputs, targets, [s.span for s in samples], notes)


class HeldOut(NamedTuple):
    """Outputs for training items that were left out of a fit, to calibrate on.

    Args:
        outputs: Scale name → (n, k) logits.
        targets: Scale name → (n, k) gold.
    """

    outputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]


class TfidfLinear(System):
    """Reads texts as bags of words and of pieces of words.

    Args:
        config: Terms and penalties.
    """

    Config = TfidfLinearConfig
    modality = "text"
    default_run: ClassVar[dict[str, Any]] = {"method": "fit", "batch": 256}

    def __init__(self, config: TfidfLinearConfig) -> None:
        super().__init__(config)
        self.vocabulary = Fitted(terms=torch.zeros(1, dtype=torch.int64), rarity=torch.ones(1))
        self.models = nn.ModuleDict({
            _key(t.scale): Fitted(weight=torch.zeros(1, len(scale(t.scale))), bias=torch.zeros(len(scale(t.scale))))
            for t in config.targets
        })  # fmt: skip
        self.collate = TfidfCollate(config.targets, config.words, config.letters)

    def weigh(self, terms: Tensor, counts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """TF-IDF of each term: its text (total,), its place in the vocabulary (total,), its weight (total,).

        The weight is (1 + ln count) · (1 + ln((1 + texts) / (1 + texts with the term))), divided by the length over
        all terms of its kind in the text; 0 for a term that is not in the vocabulary.
        """
        known = self.vocabulary.terms
        owner = torch.repeat_interleave(torch.arange(len(lengths), device=terms.device), lengths)
        place = torch.searchsorted(known, terms).clamp(max=len(known) - 1)
        weight = (1 + counts.log()) * self.vocabulary.rarity[place] * (known[place] == terms)
        kind = 2 * owner + (terms >= HASHES)
        squares = weight.new_zeros(2 * len(lengths)).index_add(0, kind, weight.square())
        return owner, place, weight / squares.sqrt().clamp(min=1e-12)[kind]

    def forward(self, terms: Tensor, counts: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Outputs of each target, (b, k): margins, log-odds or levels. Arguments as `TfidfCollate` makes them."""
        owner, place, weight = self.weigh(terms, counts, lengths)
        out = {}
        for target in self.config.targets:
            model: Any = self.models[_key(target.scale)]
            sums = weight.new_zeros(len(lengths), len(model.bias))
            out[target.scale] = sums.index_add(0, owner, weight[:, None] * model.weight[place]) + model.bias
        return out

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings; an empty text gets a flag and no scores."""
        texts, flags = zip(*batch.notes, strict=True)
        empty = np.array([["empty" in f] for f in flags])
        return read_out(
            batch.spans,
            {name: np.where(empty, np.nan, values) for name, values in outputs.items()},
            self.readouts,
            by=self.name,
            modality="text",
            text=texts,
            flags=flags,
        )

    # -- fitting -----------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def fit(self, batches: Iterable[Batch]) -> HeldOut | None:
        """Find vocabulary and models; nothing is drawn at random.

        Args:
            batches: From `collate`, all with gold.

        Returns:
            Outputs of all rows with gold, each from a fit without its part; None if parts would lack a label.
        """
        rows = list(batches)
        if not rows:
            raise InputError("there is nothing to learn from", remedy="check data and splits of the recipe")
        terms, counts, lengths = (np.concatenate([b.inputs[k] for b in rows]) for k in ("terms", "counts", "lengths"))
        known, texts = np.unique(terms, return_counts=True)  # a term is listed once a text
        if (texts >= self.config.least).any():
            known, texts = known[texts >= self.config.least], texts[texts >= self.config.least]
        self.vocabulary.set(terms=known, rarity=1 + np.log((1 + len(lengths)) / (1 + texts)))
        table = self._table(terms, counts, lengths)
        held = HeldOut({}, {})
        for target in self.config.targets:
            if not all(target.scale in b.targets for b in rows):
                raise InputError(f"samples without gold on {target.scale!r} can't be learned from")
            gold = np.concatenate([b.targets[target.scale] for b in rows])
            sure = ~np.isnan(gold).any(1)
            weight, bias = self._model(target, table[sure], gold[sure])
            model: Any = self.models[_key(target.scale)]
            model.set(weight=weight.astype(np.float32), bias=bias.astype(np.float32))
            found = self._left_out(target, table[sure], gold[sure])
            if found is not None:
                held.outputs[target.scale], held.targets[target.scale] = found, gold[sure]
        return held if len(held.outputs) == len(self.config.targets) else None

    def _table(self, terms: np.ndarray, counts: np.ndarray, lengths: np.ndarray) -> Any:
        """Weighted terms of all texts, (n, vocabulary) sparse."""
        from scipy.sparse import csr_matrix

        owner, place, weight = (x.cpu().numpy() for x in self.weigh(*map(torch.as_tensor, (terms, counts, lengths))))
        return csr_matrix((weight.astype(np.float64), (owner, place)), (len(lengths), len(self.vocabulary.terms)))

    def _model(self, target: Target, table: Any, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (vocabulary, k) and biases (k,)."""
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.svm import LinearSVC

        kind, config = scale(target.scale).kind, self.config
        if kind == "level":
            fitted = Ridge(alpha=config.ridge, solver="lsqr").fit(table, gold)
            return np.atleast_2d(fitted.coef_).T, np.atleast_1d(fitted.intercept_)
        wanted = np.eye(gold.shape[1])[gold.argmax(1)] if kind == "one-of" else gold > 0.5
        weight, bias = np.zeros((table.shape[1], gold.shape[1])), np.full(gold.shape[1], ABSENT)
        for label, column in enumerate(wanted.T.astype(int)):
            if column.min() == column.max():
                bias[label] = ABSENT if not column.max() else -ABSENT
                continue
            if kind == "one-of":
                even = {1: len(column) / (gold.shape[1] * column.sum())} if config.balanced else None
                model = LinearSVC(C=config.strength, class_weight=even)
            else:
                model = LogisticRegression(C=config.strength * 10)
            fitted = model.fit(table, column)
            weight[:, label], bias[label] = fitted.coef_[0], fitted.intercept_[0]
        return weight, bias

    def _left_out(self, target: Target, table: Any, gold: np.ndarray) -> np.ndarray | None:
        from sklearn.model_selection import KFold, StratifiedKFold

        parts, top = self.config.parts, gold.argmax(1)
        one_of = scale(target.scale).kind == "one-of"
        least = np.unique(top, return_counts=True)[1].min() if one_of else len(gold) // 2
        if parts < 2 or least < parts:
            return None
        splitter = (StratifiedKFold if one_of else KFold)(parts, shuffle=True, random_state=0)
        out = np.zeros(gold.shape, np.float64)
        for learned, left in splitter.split(table, top if one_of else None):
            weight, bias = self._model(target, table[learned], gold[learned])
            out[left] = table[left] @ weight + bias
        return out


@lru_cache(maxsize=8)
def _hashers(words: tuple[int, int], letters: tuple[int, int]) -> tuple[Any, ...]:
    from sklearn.feature_extraction.text import HashingVectorizer

    common: dict[str, Any] = {"n_features": HASHES, "alternate_sign": False, "norm": None}
    return (
        HashingVectorizer(analyzer="word", ngram_range=words, token_pattern=r"(?u)\w+|[^\w\s]+", **common),
        HashingVectorizer(analyzer="char_wb", ngram_range=letters, **common),
    )


def _key(name: str) -> str:
    """A scale's name as a module name, in which torch allows no dot."""
    return name.replace(".", "_")


CARD = Card(
    system="tfidf-linear",
    cls="TfidfLinear",
    roles=("reader",),
    modalities=("text",),
    unit="turn",
    title="TF-IDF of words and pieces of words, a linear model",
    paper="Salton and Buckley 1988; Fan et al. 2008 (liblinear)",
    licence="code Apache-2.0; weights as the data that they learned from",
    proof="equations",
    limits="Blind to the order of words beyond pairs; knows the words of its training data alone.",
    expected_failures={"check_onnx": "terms are found in the vocabulary by binary search, which ONNX has not"},
    ablation={"words": (1, 1)},
    ablated="Words are weighed one by one, without pairs.",
    task="affectus.testing.tasks.word_pairs:word_pairs",
)

VARIANTS = {
    "tiny": TfidfLinearConfig(targets=(Target("tweeteval-emotion-4", "perceived"),), words=(1, 2), letters=(2, 3)),
    "base": TfidfLinearConfig(targets=(Target("tweeteval-emotion-4", "perceived"),)),
}
