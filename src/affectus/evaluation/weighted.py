"""Metrics of weighted items: a resample is a number of copies of each item, so many of them are one matrix product.

`weighted(function, *arrays)` gives what `function` would give on each resample, without making the resamples. A metric
that is not known here gives None, and has to be recomputed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from affectus.evaluation import metrics, profiles, ranking
from affectus.evaluation.catalogue import METRICS, MeanOverLabels, Metric

Weighted = Callable[[np.ndarray], np.ndarray]
"""(b, n) weights, for example how often each item was drawn → (b,) figures."""

_ROUNDING = 1e-14  # relative error of a sum that we take for one


def weighted(function: Callable[..., float], *arrays: np.ndarray) -> Weighted | None:
    """The figure as a function of weights on the items, or None.

    Args:
        function: A metric of this room, a `Metric`, or a `functools.partial` of one.
        *arrays: Its arguments, on which it is defined; one row an item.
    """
    if isinstance(function, Metric):
        function = function.function
    if isinstance(function, MeanOverLabels):
        return _over_labels(function, *arrays)
    bare, options = (function.func, function.keywords) if isinstance(function, partial) else (function, {})
    if bare in _MEANS:
        return _mean(function, arrays)
    form = _FORMS.get(bare)
    return form(*arrays, **options) if form else None


def _mean(function: Callable[..., float], arrays: tuple[np.ndarray, ...]) -> Weighted:
    """The figure is a mean over items, and so the value of an item is the figure of that item alone."""
    values = np.array([function(*(a[i : i + 1] for a in arrays)) for i in range(len(arrays[0]))])
    return lambda w: w @ values / w.sum(1)


def _over_labels(function: MeanOverLabels, gold: np.ndarray, predicted: np.ndarray) -> Weighted | None:
    if gold.ndim == 1:
        return weighted(function.of_series, gold, predicted)
    forms = [weighted(function.of_series, a, b) for a, b in zip(gold.T, predicted.T, strict=True)]
    if None in forms:
        return None
    return lambda w: np.mean([form(w) for form in forms if form], axis=0)


def _ratio(above: np.ndarray, below: np.ndarray, otherwise: float) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, otherwise), where=below > 0)


# -- labels ------------------------------------------------------------------------------------------------------------
def _counts(gold: Any, predicted: Any, classes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Of each item and label: hits (n, k) and gold + predicted (n, k)."""
    a, b = metrics.indicators(gold, predicted, classes)
    return (a & b).astype(float), a.astype(float) + b


def _macro_f1(gold: np.ndarray, predicted: np.ndarray, classes: Any = None) -> Weighted:
    hits, total = _counts(gold, predicted, classes)
    every = gold.ndim == 2 or classes is not None  # else a class that was not drawn does not count

    def figure(w: np.ndarray) -> np.ndarray:
        below = w @ total
        f1 = _ratio(2 * (w @ hits), below, 0.0)
        return f1.mean(1) if every else f1.sum(1) / (below > 0).sum(1)

    return figure


def _weighted_f1(gold: np.ndarray, predicted: np.ndarray, classes: Any = None) -> Weighted:
    hits, total = _counts(gold, predicted, classes)
    support = metrics.indicators(gold, predicted, classes)[0].astype(float)

    def figure(w: np.ndarray) -> np.ndarray:
        f1, share = _ratio(2 * (w @ hits), w @ total, 0.0), w @ support
        return _ratio((f1 * share).sum(1), share.sum(1), np.nan)

    return figure


def _micro_f1(gold: np.ndarray, predicted: np.ndarray, classes: Any = None) -> Weighted:
    hits, total = (counts.sum(1) for counts in _counts(gold, predicted, classes))
    return lambda w: _ratio(2 * (w @ hits), w @ total, 0.0)


def _uar(gold: np.ndarray, predicted: np.ndarray) -> Weighted:
    a, b = metrics.indicators(gold, predicted, np.unique(gold))
    hits, support = (a & b).astype(float), a.astype(float)

    def figure(w: np.ndarray) -> np.ndarray:
        drawn = w @ support
        return _ratio(w @ hits, drawn, 0.0).sum(1) / (drawn > 0).sum(1)

    return figure


# -- series ------------------------------------------------------------------------------------------------------------
def _moments(a: np.ndarray, b: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
    """Weights → means of a and b, variances of a and b (exactly 0 for a constant), covariance; each (b,)."""
    table = np.column_stack([a, b, a * a, b * b, a * b])

    def figure(w: np.ndarray) -> tuple[np.ndarray, ...]:
        mean_a, mean_b, square_a, square_b, product = (w @ table / w.sum(1, keepdims=True)).T
        var_a, var_b = square_a - mean_a**2, square_b - mean_b**2
        var_a, var_b = (
            np.where(var_a > _ROUNDING * square_a, var_a, 0),
            np.where(var_b > _ROUNDING * square_b, var_b, 0),
        )
        return mean_a, mean_b, var_a, var_b, product - mean_a * mean_b

    return figure


def _beyond_rounding(values: np.ndarray, size: np.ndarray) -> np.ndarray:
    """0 where a difference of numbers of this size is nothing but their rounding."""
    return np.where(values > _ROUNDING * size, values, 0.0)


def _unit(values: np.ndarray) -> np.ndarray:
    """Centred and scaled, which leaves a correlation as it is and its sums well-conditioned."""
    centred = np.asarray(values, float) - np.mean(values)
    return centred / max(np.abs(centred).max(), np.finfo(float).tiny)


def _pearson(gold: np.ndarray, predicted: np.ndarray, undefined: float = np.nan) -> Weighted:
    moments = _moments(_unit(gold), _unit(predicted))

    def figure(w: np.ndarray) -> np.ndarray:
        _, _, var_a, var_b, cov = moments(w)
        return np.clip(_ratio(cov, np.sqrt(var_a * var_b), undefined), -1, 1)

    return figure


def _ccc(gold: np.ndarray, predicted: np.ndarray) -> Weighted:
    both = _unit(np.concatenate([gold, predicted]))  # one shift and one unit for both leave it as it is
    moments = _moments(both[: len(gold)], both[len(gold) :])

    def figure(w: np.ndarray) -> np.ndarray:
        mean_a, mean_b, var_a, var_b, cov = moments(w)
        apart = _beyond_rounding((mean_a - mean_b) ** 2, mean_a**2 + mean_b**2)
        return _ratio(2 * cov, var_a + var_b + apart, np.nan)

    return figure


def _rmse(gold: np.ndarray, predicted: np.ndarray) -> Weighted:
    squares = ((np.asarray(gold, float) - predicted) ** 2).reshape(len(gold), -1).mean(1)
    return lambda w: np.sqrt(w @ squares / w.sum(1))


def _ap_emotion(gold: np.ndarray, predicted: np.ndarray, form: profiles.Form = "corrected") -> Weighted:
    columns = [_pearson(a, b, undefined=0.0) for a, b in zip(np.asarray(gold).T, np.asarray(predicted).T, strict=True)]

    def figure(w: np.ndarray) -> np.ndarray:
        r, n = np.mean([column(w) for column in columns], axis=0), w.sum(1)
        return r * n / np.maximum(n - 1, 1) if form == "official" else r

    return figure


# -- scores ------------------------------------------------------------------------------------------------------------
def _by_score(member: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """Weights → for each label the weight of its positives and of its negatives at falling scores, each (b, s).

    Equal scores stand together, and so do the scores between two that positives have, where nothing changes but the
    sum of negatives.
    """
    from scipy.sparse import csc_array, hstack

    n, parts = len(member), []
    for hit, score in zip(member.T, scores.T, strict=True):
        values, place = np.unique(-score, return_inverse=True)
        held = np.bincount(place, hit, len(values)) > 0
        starts = np.append(True, held[1:] | held[:-1])
        step = (np.cumsum(starts) - 1)[place]
        for weight in (hit, ~hit):
            parts.append(csc_array((weight.astype(float), (np.arange(n), step)), (n, step.max() + 1)))
    table = hstack(parts, format="csr")
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]

    def figure(w: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        sums = np.split(w @ table, ends, axis=1)
        return list(zip(sums[::2], sums[1::2], strict=True))

    return figure


def _auc(yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    below = no.sum(1, keepdims=True) - no.cumsum(1) + no / 2
    return _ratio((yes * below).sum(1), yes.sum(1) * no.sum(1), np.nan)


def _average_precision(yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    found, passed = yes.cumsum(1), no.cumsum(1)
    precision = _ratio(found, found + passed, 0.0)
    return np.where(passed[:, -1] > 0, _ratio((yes * precision).sum(1), found[:, -1], np.nan), np.nan)


def _binary(of: Callable[..., np.ndarray], gold: np.ndarray, scores: np.ndarray) -> Weighted:
    by_score = _by_score(np.asarray(gold, bool)[:, None], np.asarray(scores, float).reshape(len(gold), -1)[:, -1:])
    return lambda w: of(*by_score(w)[0])


def _at_bar(gold: np.ndarray, scores: np.ndarray, bar: float, *, of_positives: bool) -> Weighted:
    member, over = np.asarray(gold, bool), np.asarray(scores, float).reshape(len(gold), -1)[:, -1] >= bar
    hits, among = (member & over).astype(float), (member if of_positives else over).astype(float)
    return lambda w: _ratio(w @ hits, w @ among, np.nan)


def _macro(of: Callable[..., np.ndarray], gold: np.ndarray, scores: np.ndarray) -> Weighted:
    member = gold[:, None] == np.arange(scores.shape[1]) if gold.ndim == 1 else gold.astype(bool)
    by_score = _by_score(member, np.asarray(scores, float))

    def figure(w: np.ndarray) -> np.ndarray:
        each = np.array([of(yes, no) for yes, no in by_score(w)])
        known = ~np.isnan(each)
        return _ratio(np.where(known, each, 0).sum(0), known.sum(0), np.nan)

    return figure


_MEANS = {
    metrics.accuracy,
    metrics.brier,
    metrics.jaccard,
    metrics.mae,
    metrics.set_coverage,
    metrics.set_size,
    metrics.interval_coverage,
    METRICS["brier"].function,
    METRICS["set_coverage"].function,
    METRICS["set_size"].function,
    profiles.acc_at_1,
    profiles.ap_document,
    profiles.brier,
    profiles.cosine,
    profiles.cross_entropy,
    profiles.jensen_shannon,
    profiles.kullback_leibler,
    profiles.total_variation,
    profiles.wasserstein_ordered,
    profiles.wasserstein_values,
}
_FORMS: dict[Any, Callable[..., Weighted]] = {
    metrics.macro_f1: _macro_f1,
    metrics.weighted_f1: _weighted_f1,
    metrics.micro_f1: _micro_f1,
    metrics.uar: _uar,
    metrics.pearson: _pearson,
    metrics.ccc: _ccc,
    metrics.rmse: _rmse,
    profiles.ap_emotion: _ap_emotion,
    ranking.auc: partial(_binary, _auc),
    ranking.average_precision: partial(_binary, _average_precision),
    ranking.precision_at: partial(_at_bar, of_positives=False),
    ranking.recall_at: partial(_at_bar, of_positives=True),
    ranking.macro_auc: partial(_macro, _auc),
    ranking.macro_average_precision: partial(_macro, _average_precision),
}
