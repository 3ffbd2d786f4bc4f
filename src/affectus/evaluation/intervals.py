"""Bootstrap intervals: how far a figure would move with other items, or with other speakers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.checks import same_length
from affectus.evaluation.weighted import weighted

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

    @classmethod
    def between(cls, value: float, replicates: np.ndarray, level: float, how: str) -> Difference:
        """From the difference itself and that of each resample.

        p is twice the smaller share of resamples on either side of zero, with one added to both counts.
        """
        low, high = percentiles(replicates, level)
        known = replicates[~np.isnan(replicates)]
        tail = min((known <= 0).sum(), (known >= 0).sum())
        return cls(value, low, high, level, how, float(min(1.0, 2 * (tail + 1) / (len(known) + 1))))


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


def resampled(
    function: Callable[..., float],
    *arrays: np.ndarray,
    n: int,
    seed: int = 0,
    groups: Any = None,
    part: np.ndarray | None = None,
) -> np.ndarray:
    """The figure of each resample, (n,), NaN where it is undefined; by weights where the metric allows it.

    Args:
        function: Takes the arrays and returns one number.
        *arrays: Arrays with one row an item.
        n: Number of resamples; the same seed and number of rows give the same ones, whatever is measured.
        seed: Seed of the draws.
        groups: (rows,) cluster of each item, drawn whole, or None.
        part: (rows,) booleans: the figure is that of the drawn items which are in this part.
    """
    if n < 1:
        raise InputError(f"n is {n}", allowed="1 or more")
    clusters = None if groups is None else np.asarray(groups)
    same_length(*arrays, *([] if clusters is None else [clusters]))
    items = len(arrays[0])
    inside = np.ones(items, bool) if part is None else part
    draws = _draws(items, n, seed, clusters)
    by_weight = weighted(function, *(a[inside] for a in arrays))
    if by_weight is None:
        kept = (rows[inside[rows]] for rows in draws)
        return np.array([function(*(a[rows] for a in arrays)) if len(rows) else np.nan for rows in kept], float)
    counts = (np.bincount(rows, minlength=items)[inside] for rows in draws)
    size, out = max(1, _WEIGHTS // items), []
    while block := list(islice(counts, size)):
        weights = np.array(block, float)
        drawn, values = weights.any(1), np.full(len(block), np.nan)
        values[drawn] = by_weight(weights[drawn])
        out.append(values)
    return np.concatenate(out)


def percentiles(replicates: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Both ends of the percentile interval of replicates (Efron & Tibshirani 1993, §13.3).

    Raises:
        InputError: If more than 5 % of them are undefined; fewer are left out.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}", allowed="0 < level < 1")
    undefined = np.isnan(replicates)
    if undefined.mean() > _UNDEFINED_SHARE:
        raise InputError(
            f"the figure is undefined in {undefined.mean():.0%} of the resamples", remedy="use more items or groups"
        )
    low, high = np.quantile(replicates[~undefined], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def how(n: int, groups: Any, level: float) -> str:
    """The method in words, as it stands beside a figure."""
    what = "items" if groups is None else f"{len(np.unique(groups))} groups"
    return f"percentile bootstrap over {what}, {n} resamples, {level:.0%}"


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
    value = float(function(*rows))
    low, high = percentiles(resampled(function, *rows, n=n, seed=seed, groups=groups), level)
    return Interval(value, low, high, level, how(n, groups, level))


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
    value = float(function(truth, one) - function(truth, other))
    ours, theirs = (resampled(function, truth, p, n=n, seed=seed, groups=groups) for p in (one, other))
    return Difference.between(value, ours - theirs, level, how(n, groups, level))
