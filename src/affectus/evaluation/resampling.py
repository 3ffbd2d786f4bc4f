"""Resamples of figures that are formulas on means: the bootstrap as matrix products, paired across readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.figures import Figure

_BLOCK = 20_000_000  # weights that are held at once
_UNDEFINED_SHARE = 0.05


@dataclass(frozen=True)
class Draws:
    """How items are drawn; the same draws for every reader make comparisons paired.

    Args:
        items: Number of items.
        count: Resamples; 0 gives none, hence no intervals.
        seed: Of the draws.
        groups: (items,) cluster of each item, drawn whole (Davison and Hinkley 1997, §3.8); None draws items.
        folds: (items,) fold of each item; the figure is then the mean of the folds' figures.
    """

    items: int
    count: int = 10_000
    seed: int = 0
    groups: np.ndarray | None = None
    folds: np.ndarray | None = None

    @property
    def how(self) -> str:
        """The method, as it stands beside a figure."""
        if not self.count:
            return "none"
        what = "items" if self.groups is None else f"{len(np.unique(self.groups)):,} groups"
        return f"percentile bootstrap over {what}, {self.count:,} resamples, 95 %"

    def weights(self) -> Iterator[np.ndarray]:
        """How often each unit (item or group) was drawn, (resamples, units), a block at a time."""
        units = self.items if self.groups is None else len(np.unique(self.groups))
        rng = np.random.default_rng(self.seed)
        size = max(1, _BLOCK // units)
        for at in range(0, self.count, size):
            rows = min(size, self.count - at)
            drawn = rng.integers(0, units, (rows, units)) + np.arange(rows)[:, None] * units
            yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)


def value_of(of: Figure, gold: np.ndarray, answer: np.ndarray, draws: Draws) -> float:
    """The figure on the items as they are."""
    sums, counts = _sums(of, gold, answer, draws)
    return float(_finish(of, sums.sum(0)[None], counts.sum(0)[None])[0])


def replicates(of: Figure, gold: np.ndarray, answer: np.ndarray, draws: Draws) -> np.ndarray:
    """The figure of each resample, (count,); NaN where it is undefined."""
    sums, counts = _sums(of, gold, answer, draws)
    units, parts, terms = sums.shape
    out = [_finish(of, (w @ sums.reshape(units, -1)).reshape(-1, parts, terms), w @ counts) for w in draws.weights()]
    return np.concatenate(out) if out else np.empty(0)


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of replicates (Efron and Tibshirani 1993, §13.3).

    Raises:
        InputError: If the figure is undefined in more than 5 % of them (fewer are left out).
    """
    undefined = np.isnan(values)
    if undefined.mean() > _UNDEFINED_SHARE:
        raise InputError(
            f"the figure is undefined in {undefined.mean():.0%} of the resamples", remedy="use more items or groups"
        )
    low, high = np.quantile(values[~undefined], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_value(differences: np.ndarray) -> float:
    """Two-sided p of "no difference": twice the smaller share on either side of zero, one added to both counts."""
    values = differences[~np.isnan(differences)]
    tail = min((values <= 0).sum(), (values >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(values) + 1)))


def holm(p: np.ndarray) -> np.ndarray:
    """P-values corrected for their number by Holm's step-down method (1979)."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.asarray(p, float)[order] * np.arange(len(p), 0, -1))
    out = np.empty(len(p))
    out[order] = np.minimum(stepped, 1)
    return out


def _sums(of: Figure, gold: np.ndarray, answer: np.ndarray, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Sums of terms, (units, folds, terms), and numbers of items, (units, folds)."""
    terms = of.terms(gold, answer)
    _, fold = np.unique(np.zeros(len(terms)) if draws.folds is None else draws.folds, return_inverse=True)
    unit = np.arange(len(terms)) if draws.groups is None else np.unique(draws.groups, return_inverse=True)[1]
    sums = np.zeros((unit.max() + 1, fold.max() + 1, terms.shape[1]))
    counts = np.zeros(sums.shape[:2])
    np.add.at(sums, (unit, fold), terms)
    np.add.at(counts, (unit, fold), 1)
    return sums, counts


def _finish(of: Figure, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(resamples, folds, terms) sums and (resamples, folds) counts → (resamples,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return of.finish(sums / counts[..., None]).mean(-1)
