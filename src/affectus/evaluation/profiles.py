"""Figures on emotion profiles: a gold distribution over k labels for each document, as readers' votes give it.

Gold and prediction are (n, k), gold first. The definitions are those of the readers' emotion literature (SemEval-2007
task 14; Kadan et al. 2024, arXiv:2301.08995), where its habits differ from the textbook, both forms are given by name.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from affectus.errors import InputError, check_option
from affectus.evaluation.checks import finite, same_length

Form = Literal["corrected", "official"]


def _profiles(gold: Any, predicted: Any, *, distributions: bool = False) -> tuple[np.ndarray, np.ndarray]:
    a, b = finite("gold values", gold), finite("predicted values", predicted)
    same_length(a, b)
    if a.shape != b.shape or a.ndim != 2 or a.shape[1] < 2:
        raise InputError(f"gold has shape {a.shape} and the prediction {b.shape}", allowed="two (n, k), k ≥ 2")
    if distributions:
        for name, values in (("gold", a), ("the prediction", b)):
            if values.min() < 0 or np.abs(values.sum(1) - 1).max() > 1e-3:
                raise InputError(
                    f"{name} has rows that sum to {values.sum(1).min():.3g} to {values.sum(1).max():.3g}, "
                    f"least value {values.min():.3g}",
                    allowed="distributions: no value below 0, each row summing to 1",
                )
        a, b = a / a.sum(1, keepdims=True), b / b.sum(1, keepdims=True)
    return a, b


def acc_at_1(gold: Any, predicted: Any) -> float:
    """Share of documents whose highest predicted label is the highest of gold; of equals the first in order counts."""
    a, b = _profiles(gold, predicted)
    return float((a.argmax(1) == b.argmax(1)).mean())


def wasserstein_values(gold: Any, predicted: Any) -> float:
    """Mean over documents of the Wasserstein-1 distance between the two *sets of k values*.

    The figure that Kadan et al. report: `scipy.stats.wasserstein_distance(x, y)` takes both profiles as samples, so it
    compares sorted values and is blind to which label has which. Mean |sorted x − sorted y|.
    """
    a, b = _profiles(gold, predicted)
    return float(np.abs(np.sort(a, 1) - np.sort(b, 1)).mean())


def wasserstein_ordered(gold: Any, predicted: Any) -> float:
    """Mean over documents of the Wasserstein-1 distance between *distributions over ordered labels*, one step apart.

    Σ over labels of |difference of the cumulative shares|, from 0 to k − 1. Only for labels with an order, for example
    the answers 0 to 3 to "how strongly?".
    """
    a, b = _profiles(gold, predicted, distributions=True)
    return float(np.abs((a - b).cumsum(1)[:, :-1]).sum(1).mean())


def cosine(gold: Any, predicted: Any) -> float:
    """Mean over documents of the cosine of the two profiles; 0 where one is all zeros."""
    a, b = _profiles(gold, predicted)
    below = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.divide((a * b).sum(1), below, out=np.zeros(len(a)), where=below > 0).mean())


def kullback_leibler(gold: Any, predicted: Any) -> float:
    """Mean over documents of KL(gold ‖ prediction) in nats; infinite if a label of gold is given no share at all."""
    from scipy.special import rel_entr

    a, b = _profiles(gold, predicted, distributions=True)
    return float(rel_entr(a, b).sum(1).mean())


def jensen_shannon(gold: Any, predicted: Any) -> float:
    """Mean over documents of the Jensen–Shannon divergence in bits, 0 to 1 (not its root, the distance)."""
    from scipy.special import rel_entr

    a, b = _profiles(gold, predicted, distributions=True)
    middle = (a + b) / 2
    return float((rel_entr(a, middle) + rel_entr(b, middle)).sum(1).mean() / (2 * np.log(2)))


def total_variation(gold: Any, predicted: Any) -> float:
    """Mean over documents of half the sum of |differences|: the largest difference in the share of any set of labels.

    Where every two labels are equally far from each other, this is the Wasserstein-1 distance in units of that.
    """
    a, b = _profiles(gold, predicted, distributions=True)
    return float(np.abs(a - b).sum(1).mean() / 2)


def cross_entropy(gold: Any, predicted: Any) -> float:
    """Mean over documents of −Σ gold · log prediction in nats: what a network with soft labels minimises.

    A perfect prediction reaches the mean entropy of gold, not 0; infinite if a label of gold is given no share at all.
    """
    from scipy.special import xlogy

    a, b = _profiles(gold, predicted, distributions=True)
    with np.errstate(divide="ignore"):
        return float(-xlogy(a, b).sum(1).mean())


def brier(gold: Any, predicted: Any) -> float:
    """Mean over documents of the squared distance Σ (gold − prediction)², 0 to 2: the Brier score with soft labels."""
    a, b = _profiles(gold, predicted, distributions=True)
    return float(((a - b) ** 2).sum(1).mean())


class Correlations(NamedTuple):
    """Several correlations as one figure.

    Args:
        mean: Their mean.
        variance: Their population variance.
        each: (m,) the single ones, undefined ones as 0.
    """

    mean: float
    variance: float
    each: np.ndarray


def _correlations(a: np.ndarray, b: np.ndarray, form: Form) -> Correlations:
    """Pearson's r of each row of two (m, d) arrays; the official form times d / (d − 1)."""
    check_option("form", form, ["corrected", "official"])
    constant = (np.ptp(a, 1) == 0) | (np.ptp(b, 1) == 0)
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    below = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    defined = ~constant & (below > 0)
    each = np.divide((a * b).sum(1), below, out=np.zeros(len(a)), where=defined)
    if form == "official":
        each = each * a.shape[1] / max(a.shape[1] - 1, 1)
    return Correlations(float(each.mean()), float(each.var()), each)


def document_correlations(gold: Any, predicted: Any, form: Form = "corrected") -> Correlations:
    """AP_document: Pearson's r of each document over its labels.

    A document whose gold or predicted profile is constant counts 0.

    Args:
        gold: (n, k).
        predicted: (n, k).
        form: `corrected` is Pearson's r. `official` divides by (k − 1) times two population deviations, as the
            published code does, and so is k / (k − 1) times r: 1.25 · r for five labels, with a maximum of 1.25.
    """
    return _correlations(*_profiles(gold, predicted), form)


def emotion_correlations(gold: Any, predicted: Any, form: Form = "corrected") -> Correlations:
    """AP_emotion: Pearson's r of each label over the documents, (k,); a constant label counts 0.

    Args:
        gold: (n, k).
        predicted: (n, k).
        form: As in `document_correlations`; `official` is n / (n − 1) times r.
    """
    a, b = _profiles(gold, predicted)
    return _correlations(a.T, b.T, form)


def ap_document(gold: Any, predicted: Any, form: Form = "corrected") -> float:
    """Mean of `document_correlations`."""
    return document_correlations(gold, predicted, form).mean


def ap_emotion(gold: Any, predicted: Any, form: Form = "corrected") -> float:
    """Mean of `emotion_correlations`."""
    return emotion_correlations(gold, predicted, form).mean
