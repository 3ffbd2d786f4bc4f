"""One figure from several runs or folds: what varies besides the items of the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.checks import finite, same_length
from affectus.evaluation.intervals import Interval


def over_runs(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval:
    """Mean of a figure over runs that differ by their seed, with Student's t interval: mean ± t · s / √runs.

    It tells how much another run would move the figure; the bootstrap tells how much other items would.

    Args:
        values: (runs,) the figure of each run, at least two.
        level: Coverage of the interval.
    """
    from scipy.stats import t

    runs = finite("figures", values)
    if runs.ndim != 1 or len(runs) < 2 or not 0 < level < 1:
        raise InputError(f"{runs.size} runs, level {level}", allowed="at least two runs, 0 < level < 1")
    mean = float(runs.mean())
    half = float(t.ppf((1 + level) / 2, len(runs) - 1) * runs.std(ddof=1) / np.sqrt(len(runs)))
    return Interval(mean, mean - half, mean + half, level, f"t interval over {len(runs)} runs, {level:.0%}")


class Folds(NamedTuple):
    """A figure in cross-validation, in the two ways in which it is reported.

    Args:
        mean: Mean over the folds.
        sd: Sample standard deviation over the folds; NaN for a single one.
        pooled: The figure on all items at once.
        each: Fold → its figure.
    """

    mean: float
    sd: float
    pooled: float
    each: dict[Any, float]


def over_folds(function: Callable[..., float], folds: Any, *arrays: Any) -> Folds:
    """A figure averaged over folds, and pooled over their items.

    The two differ for correlations and F1. Pooling predictions of several models adds the differences between the
    models' means, and folds of few items make the averaged one noisy, so a protocol says which one it means.

    Args:
        function: Takes the arrays and returns one number.
        folds: (n,) fold of each item.
        *arrays: Arrays with one row an item.
    """
    which, rows = np.asarray(folds), tuple(np.asarray(a) for a in arrays)
    same_length(which, *rows)
    each = {fold: float(function(*(a[which == fold] for a in rows))) for fold in np.unique(which).tolist()}
    values = np.array(list(each.values()))
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return Folds(float(values.mean()), sd, float(function(*rows)), each)
