"""The figures of a protocol: which metric on which columns, its value, its resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectus.evaluation.answers import Answers, Cases
from affectus.evaluation.catalogue import Metric, metric
from affectus.evaluation.intervals import how, resampled
from affectus.evaluation.protocols import Protocol
from affectus.evaluation.repeated import Folds, over_folds


@dataclass(frozen=True)
class Figure:
    """One figure.

    Args:
        key: Name in results, for example `macro_f1` or `pearson_empathy`.
        title: As tables show it.
        metric: What is computed.
        columns: Of gold and answers that it is computed of.
        single: Whether an item has one label.
    """

    key: str
    title: str
    metric: Metric
    columns: tuple[int, ...]
    single: bool = False

    def sides(self, gold: np.ndarray, given: Answers) -> tuple[np.ndarray, np.ndarray] | None:
        """Gold and prediction in the form that the metric takes; None if the reader gives no such prediction."""
        wanted, columns = self.metric, list(self.columns)
        if wanted.predicted == "labels" or wanted.gold == wanted.predicted == "scores":
            return gold[:, columns], given.values[:, columns]
        predicted = given.sets if wanted.predicted == "sets" else given.filled()
        if predicted is None:
            return None
        numbers = self.single and wanted.gold == "labels"
        return (gold[:, columns].argmax(1) if numbers else gold[:, columns]), predicted[:, columns]


def figures(protocol: Protocol) -> list[Figure]:
    """The figures of a protocol, in its order. Several levels give their mean first, then one each."""
    labels = protocol.labels("all")
    counted = tuple(labels.index(label) for label in protocol.labels(protocol.classes) if label not in protocol.without)
    several, single = protocol.compare == "levels" and len(labels) > 1, protocol.compare == "label"
    out = []
    for name in protocol.metrics:
        of = metric(name)
        title = f"mean {of.title}" if several else f"{of.title} of {labels[1]}" if of.two else of.title
        # Probabilities are judged over all labels, since one that gold can't reach takes its share from the others.
        whole = of.gold == "labels" and of.predicted != "labels"
        out.append(Figure(name, title, of, tuple(range(len(labels))) if whole else counted, single))
        if several:
            out += [Figure(f"{name}_{label}", f"{of.title} of {label}", of, (i,)) for i, label in enumerate(labels)]
    return out


@dataclass(frozen=True, eq=False)
class Draws:
    """How items are resampled; readers that share it are compared on the same resamples.

    Args:
        count: Resamples; 0 gives none, hence no intervals.
        seed: Of the draws.
        groups: (n,) cluster of each item, drawn whole; None draws items.
        folds: (n,) fold of each item.
        pooled: Whether a figure is that of all items at once; else it is the mean of the folds' figures.
    """

    count: int = 10_000
    seed: int = 0
    groups: np.ndarray | None = None
    folds: np.ndarray | None = None
    pooled: bool = False

    @classmethod
    def of(cls, protocol: Protocol, compared: Cases, count: int, seed: int) -> Draws:
        """The draws from what a protocol compares."""
        pooled = protocol.folds is not None and protocol.folds.pooled
        return cls(count, seed, compared.groups, compared.folds, pooled)

    @property
    def how(self) -> str:
        """The method, as it stands beside a figure."""
        return how(self.count, self.groups, 0.95) if self.count else "none"

    def value(self, of: Figure, gold: np.ndarray, given: Answers) -> float:
        """The figure on the items as they are; NaN where it is undefined."""
        sides = of.sides(gold, given)
        if sides is None:
            return float("nan")
        return (
            of.metric(*sides) if self.folds is None or self.pooled else over_folds(of.metric, self.folds, *sides).mean
        )

    def by_fold(self, of: Figure, gold: np.ndarray, given: Answers) -> Folds | None:
        """The figure of each fold and of all answers at once; None without folds or such answers."""
        sides = of.sides(gold, given)
        return None if sides is None or self.folds is None else over_folds(of.metric, self.folds, *sides)

    def replicates(self, of: Figure, gold: np.ndarray, given: Answers) -> np.ndarray:
        """The figure of each resample, (count,); NaN where it is undefined."""
        sides = of.sides(gold, given)
        if sides is None:
            return np.full(self.count, np.nan)
        parts = [None] if self.folds is None or self.pooled else [self.folds == fold for fold in np.unique(self.folds)]
        each = [
            resampled(of.metric, *sides, n=self.count, seed=self.seed, groups=self.groups, part=part) for part in parts
        ]
        # Whole groups are drawn, so a resample may hold nothing of a fold: its figure is the mean of the others.
        drawn = ~np.isnan(each) | (self.groups is None)
        return np.where(drawn.any(0), np.where(drawn, each, 0).sum(0) / np.maximum(drawn.sum(0), 1), np.nan)
