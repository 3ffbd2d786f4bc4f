"""Bootstrap intervals: how far a figure would move with other items, or with other speakers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.checks import same_length
from affectus.evaluation.weighted import weighted

Rows = tuple[np.ndarray, ...]

_UNDEFINED_SHARE = 0.05
_WEIGHTS = 2_000_000  # numbers of copies that are held at a time


@dataclass(frozen=True)
class Interval:
    """A figure with its interval.

    Args:
        value: The figure on the data as they are.
        low: Lower end.
        high: Upper end.
        level: Coverage that the interval aims at.
        how: How it was made, as it stands on a card.
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    how: str = ""

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"


@dataclass(frozen=True)
class Difference(Interval):
    """A difference of two figures on the same items.

    Args:
        p: Two-sided bootstrap p-value of "no difference".
    """

    p: float = 1.0


def _draws(rows: int, n: int, seed: int, groups: np.ndarray | None) -> Iterator[np.ndarray]:
    """Row numbers of each resample: items, or whole groups, drawn with replacement."""
    rng = np.random.default_rng(seed)
    if groups is None:
        for _ in range(n):
            yield rng.integers(0, rows, rows)
        return
    _, which = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(which == g) for g in range(which.max() + 1)]
    for _ in range(n):
        yield np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])


def _figures(function: Callable[..., float], arrays: Rows, draws: Iterable[np.ndarray]) -> np.ndarray:
    """The figure of each resample, by weights where the metric allows it."""
    by_weight = weighted(function, *arrays)
    if by_weight is None:
        return np.array([function(*(a[rows] for a in arrays)) for rows in draws], float)
    items = len(arrays[0])
    counts = (np.bincount(rows, minlength=items) for rows in draws)
    size = max(1, _WEIGHTS // items)
    return np.concatenate([by_weight(np.array(some, float)) for some in iter(lambda: list(islice(counts, size)), [])])


def _checked(arrays: Rows, n: int, groups: Any, level: float) -> tuple[np.ndarray | None, str]:
    if n < 1 or not 0 < level < 1:
        raise InputError(f"n is {n} and level {level}", allowed="n ≥ 1, 0 < level < 1")
    groups = None if groups is None else np.asarray(groups)
    same_length(*arrays, *([] if groups is None else [groups]))
    what = "items" if groups is None else f"{len(np.unique(groups))} groups"
    return groups, f"percentile bootstrap over {what}, {n} resamples, {level:.0%}"


def _defined(values: np.ndarray) -> np.ndarray:
    undefined = np.isnan(values)
    if undefined.mean() > _UNDEFINED_SHARE:
        raise InputError(
            f"the figure is undefined in {undefined.mean():.0%} of the resamples", remedy="use more items or groups"
        )
    return values[~undefined]


def bootstrap(
    function: Callable[..., float],
    *arrays: Any,
    n: int = 10000,
    seed: int = 0,
    groups: Any = None,
    level: float = 0.95,
) -> Interval:
    """Percentile bootstrap of a figure (Efron & Tibshirani 1993, §13.3).

    Args:
        function: Takes the arrays and returns one number, for example `uar`. Metrics of this room are computed for
            many resamples at once.
        *arrays: Arrays with one row an item; the same rows are drawn from each.
        n: Number of resamples.
        seed: Seed of the draws; the same seed gives the same interval.
        groups: (rows,) speaker, document or other cluster of each item. Whole clusters are then drawn, which gives the
            honest, wider interval where items of a cluster resemble each other (Davison & Hinkley 1997, §3.8).
        level: Coverage of the interval.

    Raises:
        InputError: If lengths differ, or the figure is NaN in more than 5 % of the resamples (fewer are left out).
    """
    rows = tuple(np.asarray(a) for a in arrays)
    clusters, how = _checked(rows, n, groups, level)
    value = float(function(*rows))
    values = _defined(_figures(function, rows, _draws(len(rows[0]), n, seed, clusters)))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level, how)


def paired_bootstrap(
    function: Callable[..., float],
    gold: Any,
    first: Any,
    second: Any,
    *,
    n: int = 10000,
    seed: int = 0,
    groups: Any = None,
    level: float = 0.95,
) -> Difference:
    """Interval of function(gold, first) − function(gold, second) on the same items.

    The p-value is twice the smaller share of resamples on either side of zero, with one added to both counts.

    Args:
        function: A metric that takes gold and prediction.
        gold: Gold of each item.
        first: Prediction of one reader.
        second: Prediction of the other.
        n: Number of resamples.
        seed: Seed of the draws.
        groups: As in `bootstrap`.
        level: Coverage of the interval.
    """
    truth, one, other = (np.asarray(a) for a in (gold, first, second))
    clusters, how = _checked((truth, one, other), n, groups, level)
    value = float(function(truth, one) - function(truth, other))
    ours, theirs = (_figures(function, (truth, p), _draws(len(truth), n, seed, clusters)) for p in (one, other))
    values = _defined(ours - theirs)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    tail = min((values <= 0).sum(), (values >= 0).sum())
    p = min(1.0, 2 * (tail + 1) / (len(values) + 1))
    return Difference(value, float(low), float(high), level, how, float(p))
