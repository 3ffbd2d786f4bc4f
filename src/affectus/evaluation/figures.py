"""The figures of a protocol: which metric on which columns, its value, its resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectus.evaluation.catalogue import Metric, metric
from affectus.evaluation.intervals import how, resampled
from affectus.evaluation.protocols import Protocol
from affectus.evaluation.repeated import over_folds


@dataclass(frozen=True)
class Figure:
    """One figure.

    Args:
        key: Name in results, for example `macro_f1` or `pearson_empathy`.
        title: As tables show it.
        metric: What is computed.
        columns: Of gold and answers that it is computed of.
    """

    key: str
    title: str
    metric: Metric
    columns: tuple[int, ...]


def figures(protocol: Protocol) -> list[Figure]:
    """The figures of a protocol, in its order. Several levels give their mean first, then one each."""
    labels = protocol.labels("all")
    counted = tuple(labels.index(label) for label in protocol.labels(protocol.classes))
    out = []
    for name in protocol.metrics:
        of = metric(name)
        several = protocol.compare == "levels" and len(labels) > 1
        out.append(Figure(name, f"mean {of.title}" if several else of.title, of, counted))
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
        folds: (n,) fold of each item; a figure is then the mean of the folds' figures.
    """

    count: int = 10_000
    seed: int = 0
    groups: np.ndarray | None = None
    folds: np.ndarray | None = None

    @property
    def how(self) -> str:
        """The method, as it stands beside a figure."""
        return how(self.count, self.groups, 0.95) if self.count else "none"

    def value(self, of: Figure, gold: np.ndarray, answer: np.ndarray) -> float:
        """The figure on the items as they are; NaN where it is undefined."""
        sides = gold[:, of.columns], answer[:, of.columns]
        return of.metric(*sides) if self.folds is None else over_folds(of.metric, self.folds, *sides).mean

    def replicates(self, of: Figure, gold: np.ndarray, answer: np.ndarray) -> np.ndarray:
        """The figure of each resample, (count,); NaN where it is undefined."""
        sides = gold[:, of.columns], answer[:, of.columns]
        parts = [None] if self.folds is None else [self.folds == fold for fold in np.unique(self.folds)]
        each = [
            resampled(of.metric, *sides, n=self.count, seed=self.seed, groups=self.groups, part=part) for part in parts
        ]
        return np.mean(each, axis=0)
