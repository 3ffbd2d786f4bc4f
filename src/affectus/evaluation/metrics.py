"""Metrics with their exact definitions. Gold comes first, as in scikit-learn.

Labels are given in one of two forms. *Single-label*: (n,) class numbers or names. *Multi-label*: (n, k) zeros and ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from affectus.errors import InputError, unknown
from affectus.evaluation.checks import check_gold, finite, same_length


def indicators(gold: Any, predicted: Any, classes: Iterable[Any] | None) -> tuple[np.ndarray, np.ndarray]:
    """Gold and prediction of single-label or multi-label items, both as (n, k) booleans."""
    a, b = np.asarray(gold), np.asarray(predicted)
    same_length(a, b)
    if a.ndim != b.ndim or a.ndim not in (1, 2) or (a.ndim == 2 and a.shape != b.shape):
        raise InputError(f"gold has shape {a.shape} and the prediction {b.shape}", allowed="two (n,) or two (n, k)")
    if a.ndim == 2:
        check_gold(a, a.shape[1])
        check_gold(b, a.shape[1])
        return a.astype(bool), b.astype(bool)
    names = np.union1d(a, b) if classes is None else np.asarray(list(classes))
    return a[:, None] == names, b[:, None] == names


def _f1(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """F1 of each column, 2·TP / (gold + predicted); 0 where a label is neither in gold nor predicted."""
    hits, total = (a & b).sum(0), a.sum(0) + b.sum(0)
    return np.divide(2.0 * hits, total, out=np.zeros(len(total)), where=total > 0)


def macro_f1(gold: Any, predicted: Any, classes: Iterable[Any] | None = None) -> float:
    """Mean of the labels' F1, each label weighing the same.

    Args:
        gold: (n,) classes or (n, k) zeros and ones.
        predicted: The same form.
        classes: Single-label only: the classes to average over; by default those in gold or prediction. With (n, k)
            all columns count, and a label that occurs in neither counts 0.
    """
    return float(_f1(*indicators(gold, predicted, classes)).mean())


def weighted_f1(gold: Any, predicted: Any, classes: Iterable[Any] | None = None) -> float:
    """Mean of the labels' F1, weighted by how often each is gold; NaN if none is. Arguments as `macro_f1`."""
    a, b = indicators(gold, predicted, classes)
    support = a.sum(0)
    return float((_f1(a, b) * support).sum() / support.sum()) if support.any() else float("nan")


def micro_f1(gold: Any, predicted: Any, classes: Iterable[Any] | None = None) -> float:
    """F1 of all label decisions pooled, 2·TP / (2·TP + FP + FN); 0 if there are none. Arguments as `macro_f1`.

    Over all classes of a single-label task it equals the accuracy; `classes` can leave one out (neutral, others).
    """
    a, b = indicators(gold, predicted, classes)
    total = int(a.sum() + b.sum())
    return float(2 * (a & b).sum() / total) if total else 0.0


def weighted_accuracy(gold: Any, predicted: Any) -> float:
    """Mean over labels of (TP·N/P + TN)/(2N), with P items that have the label and N that have not, from two (n, k).

    It is the mean of the recalls of having a label and of not having it (Bagher Zadeh et al. 2018, CMU-MOSEI). A label
    that all items or none have counts by the one recall there is.
    """
    a, b = indicators(gold, predicted, None)
    with np.errstate(invalid="ignore"):
        recalls = np.array([(a & b).sum(0) / a.sum(0), (~a & ~b).sum(0) / (~a).sum(0)])
    return float(np.nanmean(recalls, axis=0).mean())


def binary_weighted_f1(gold: Any, predicted: Any) -> float:
    """Mean over labels of the weighted F1 of the question whether an item has it, from two (n, k) of 0 and 1."""
    a, b = indicators(gold, predicted, None)
    return float(np.mean([weighted_f1(x, y) for x, y in zip(a.T, b.T, strict=True)]))


class PerLabel(NamedTuple):
    """What single labels achieve.

    Args:
        precision: (k,) share of the decisions for the label that are right; 0 where it is never decided.
        recall: (k,) share of the label's items that are found; 0 where it is never gold.
        f1: (k,) 2·TP / (gold + predicted); 0 where it is neither.
        support: (k,) items that have it as gold.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray


def per_label(gold: Any, predicted: Any, classes: Iterable[Any] | None = None) -> PerLabel:
    """Precision, recall, F1 and support of each label. Arguments as `macro_f1`."""
    a, b = indicators(gold, predicted, classes)
    hits, support, decided = (a & b).sum(0), a.sum(0), b.sum(0)
    zeros = np.zeros((2, len(hits)))
    precision = np.divide(hits, decided, out=zeros[0], where=decided > 0)
    recall = np.divide(hits, support, out=zeros[1], where=support > 0)
    return PerLabel(precision, recall, _f1(a, b), support)


def uar(gold: Any, predicted: Any) -> float:
    """Unweighted average recall: the mean of the recalls of the classes that occur in gold (single-label)."""
    a, b = indicators(gold, predicted, np.unique(np.asarray(gold)))
    occurs = a.any(0)
    return float(((a & b).sum(0)[occurs] / a.sum(0)[occurs]).mean()) if occurs.any() else float("nan")


def accuracy(gold: Any, predicted: Any) -> float:
    """Share of items that are right; with (n, k) an item is right when all its labels are (subset accuracy)."""
    a, b = np.asarray(gold), np.asarray(predicted)
    same_length(a, b)
    return float((a == b).reshape(len(a), -1).all(1).mean())


def jaccard(gold: Any, predicted: Any) -> float:
    """Mean over items of |gold ∩ predicted| / |gold ∪ predicted| for (n, k) labels; 1 where both are empty.

    The "multi-label accuracy" of SemEval-2018 task 1 E-c (Mohammad et al. 2018).
    """
    a, b = indicators(gold, predicted, None)
    both, either = (a & b).sum(1), (a | b).sum(1)
    return float(np.divide(both, either, out=np.ones(len(a)), where=either > 0).mean())


def _equal_shapes(gold: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    a, b = finite("gold values", gold), finite("predicted values", predicted)
    same_length(a, b)
    if a.shape != b.shape:
        raise InputError(f"gold has shape {a.shape} and the prediction {b.shape}", allowed="the same shape")
    return a, b


def _pair(gold: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    a, b = _equal_shapes(gold, predicted)
    if a.ndim != 1:
        raise InputError(f"gold and prediction have shape {a.shape}", allowed="two (n,)")
    return a, b


def pearson(gold: Any, predicted: Any) -> float:
    """Pearson's r of two (n,) series; NaN if one is constant."""
    a, b = _pair(gold, predicted)
    if _constant(a) or _constant(b):
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    a, b = a / np.abs(a).max(), b / np.abs(b).max()  # so that tiny or huge units neither vanish nor overflow
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def _constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())  # the deviations of a constant from its rounded mean need not be 0


def ccc(gold: Any, predicted: Any) -> float:
    """Concordance correlation coefficient (Lin 1989) of two (n,) series.

    2·cov / (var_a + var_b + (mean_a − mean_b)²) with population moments (division by n, as in the AVEC challenges);
    NaN if both are one and the same constant.
    """
    a, b = _pair(gold, predicted)
    if _constant(a) and _constant(b) and a[0] == b[0]:
        return float("nan")
    mean_a, mean_b = a.mean(), b.mean()
    below = a.var() + b.var() + (mean_a - mean_b) ** 2
    return float(2 * ((a - mean_a) * (b - mean_b)).mean() / below)


def spearman(gold: Any, predicted: Any) -> float:
    """Spearman's ρ of two (n,) series: Pearson's r of their ranks, equals sharing the mean rank; NaN if constant."""
    from scipy.stats import rankdata

    a, b = _pair(gold, predicted)
    return pearson(rankdata(a), rankdata(b))


def rmse(gold: Any, predicted: Any) -> float:
    """Root of the squared error's mean over all values, in their unit; arrays of the same shape, (n,) or (n, k)."""
    a, b = _equal_shapes(gold, predicted)
    return float(np.sqrt(((a - b) ** 2).mean()))


def mae(gold: Any, predicted: Any) -> float:
    """Mean absolute error over all values, in their unit; arrays of the same shape."""
    a, b = _equal_shapes(gold, predicted)
    return float(np.abs(a - b).mean())


def scored(probabilities: Any, gold: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, k) float64, and gold of either form as (n, k) zeros and ones; both checked."""
    p, g = finite("probabilities", probabilities), np.asarray(gold)
    same_length(p, g)
    if p.ndim != 2 or p.min() < -1e-6 or p.max() > 1 + 1e-6:
        raise InputError(
            f"probabilities have shape {p.shape}, range [{p.min():.3g}, {p.max():.3g}]", allowed="(n, k) in [0, 1]"
        )
    g = g.astype(np.int64) if g.dtype == bool else g
    check_gold(g, p.shape[1])
    return np.clip(p, 0, 1), (np.eye(p.shape[1])[g] if g.ndim == 1 else g.astype(np.float64))


def ece_top_label(probabilities: Any, gold: Any, bins: int = 15) -> float:
    """Expected calibration error of the highest label (Guo et al. 2017).

    Σ over bins of (share of items) · |share of hits − mean probability|. Bins are of equal width on [0, 1], closed
    above. A hit is: the highest label is the gold class (one-of), or is a member of the gold labels (any-of).

    Args:
        probabilities: (n, k).
        gold: (n,) class numbers, or (n, k) zeros and ones.
        bins: Number of bins.
    """
    p, member = scored(probabilities, gold)
    rows, top = np.arange(len(p)), p.argmax(1)
    confidence, hit = p[rows, top], member[rows, top]
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left")
    gap = np.bincount(place, hit, bins) - np.bincount(place, confidence, bins)
    return float(np.abs(gap).sum() / len(p))


def brier(probabilities: Any, gold: Any) -> float:
    """Brier score, lower is better.

    One-of gold (n,): the mean over items of Σ over labels of (p − y)², from 0 to 2 (Brier 1950). Any-of gold (n, k):
    the mean over items and labels of (p − y)², from 0 to 1.
    """
    p, member = scored(probabilities, gold)
    squares = (p - member) ** 2
    return float(squares.sum(1).mean() if np.asarray(gold).ndim == 1 else squares.mean())


def membership(rows: Iterable[Iterable[str]], labels: Sequence[str]) -> np.ndarray:
    """Lists of label names as (n, k) booleans, for example `Readout.decide` or `Readout.sets`.

    Raises:
        UnknownName: For a name that is not in `labels`.
    """
    place = {label: i for i, label in enumerate(labels)}
    listed = [list(row) for row in rows]
    out = np.zeros((len(listed), len(labels)), bool)
    for i, row in enumerate(listed):
        for label in row:
            if label not in place:
                raise unknown("label", label, labels)
            out[i, place[label]] = True
    return out


class Coverage(NamedTuple):
    """How conformal sets did.

    Args:
        coverage: Share of items whose gold labels are all in the set.
        size: Mean number of labels in a set.
        empty: Share of sets without a label.
    """

    coverage: float
    size: float
    empty: float


def coverage_and_size(sets: Any, gold: Any) -> Coverage:
    """Coverage and mean size of label sets.

    Args:
        sets: (n, k) booleans; `membership` makes them from lists of names.
        gold: (n,) class numbers, or (n, k) zeros and ones; an item is covered when all its gold labels are in its set.
    """
    inside, member = scored(np.asarray(sets, np.float64), gold)
    missed = (member.astype(bool) & ~inside.astype(bool)).any(1)
    size = inside.sum(1)
    return Coverage(float(1 - missed.mean()), float(size.mean()), float((size == 0).mean()))


def set_coverage(sets: Any, gold: Any) -> float:
    """Share of items whose gold labels are all in their set. Arguments as `coverage_and_size`."""
    return coverage_and_size(sets, gold).coverage


def set_size(sets: Any, gold: Any) -> float:
    """Mean number of labels in a set. Arguments as `coverage_and_size`."""
    return coverage_and_size(sets, gold).size


def interval_coverage(gold: Any, ends: Any) -> float:
    """Share of levels (n, k) that lie between their two ends, (n, k, 2), these included."""
    values, (low, high) = finite("gold values", gold), np.moveaxis(finite("ends", ends), -1, 0)
    same_length(values, low)
    return float(((low <= values) & (values <= high)).mean())
