"""How well scores rank: ROC AUC and average precision. Gold comes first; an undefined figure is NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.checks import check_gold, finite, same_length


def auc(gold: Any, scores: Any) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, a tie counting half.

    Args:
        gold: (n,) zeros and ones.
        scores: (n,), in any unit; or (n, 2) scores of "no" and "yes", of which the second column counts.

    Returns:
        0 to 1, 0.5 by chance; NaN unless both classes occur.
    """
    g, s = _binary(gold, scores)
    return float(_auc(g, s))


def average_precision(gold: Any, scores: Any) -> float:
    """Average precision: Σ (recall gained) · precision over the distinct scores, from the highest (no interpolation).

    Its chance level is the share of positives, so figures on different data don't compare. Arguments as `auc`; NaN
    unless both classes occur.
    """
    g, s = _binary(gold, scores)
    return float(_average_precision(g, s))


def precision_at(gold: Any, scores: Any, bar: float) -> float:
    """Share of positives among the items that score `bar` or more; NaN where none does. Arguments as `auc`."""
    g, s = _binary(gold, scores)
    return float(g[s >= bar].mean()) if (s >= bar).any() else float("nan")


def recall_at(gold: Any, scores: Any, bar: float) -> float:
    """Share of the positives that score `bar` or more; NaN where there are none. Arguments as `auc`."""
    g, s = _binary(gold, scores)
    return float((s[g] >= bar).mean()) if g.any() else float("nan")


def label_auc(gold: Any, scores: Any) -> np.ndarray:
    """`auc` of each label against the rest, (k,); NaN for a label that all items have, or none.

    Args:
        gold: (n,) class numbers, or (n, k) zeros and ones.
        scores: (n, k).
    """
    return _each(_auc, gold, scores)


def label_average_precision(gold: Any, scores: Any) -> np.ndarray:
    """`average_precision` of each label against the rest, (k,). Arguments as `label_auc`."""
    return _each(_average_precision, gold, scores)


def macro_auc(gold: Any, scores: Any) -> float:
    """Mean of the labels' AUC, each against the rest; labels for which it is undefined do not count.

    Args:
        gold: (n,) class numbers, or (n, k) zeros and ones.
        scores: (n, k).
    """
    return _mean_defined(label_auc(gold, scores))


def macro_average_precision(gold: Any, scores: Any) -> float:
    """Mean of the labels' average precision (mAP). Arguments and undefined labels as `macro_auc`."""
    return _mean_defined(label_average_precision(gold, scores))


def _auc(member: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(member, scores) if member.any() and not member.all() else float("nan")


def _average_precision(member: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import average_precision_score

    return average_precision_score(member, scores) if member.any() and not member.all() else float("nan")


def _each(figure: Callable[[np.ndarray, np.ndarray], float], gold: Any, scores: Any) -> np.ndarray:
    s, g = finite("scores", scores), np.asarray(gold)
    same_length(g, s)
    if s.ndim != 2:
        raise InputError(f"scores have shape {s.shape}", allowed="(n, k)")
    g = g.astype(np.int64) if g.dtype == bool else g
    check_gold(g, s.shape[1])
    member = g[:, None] == np.arange(s.shape[1]) if g.ndim == 1 else g.astype(bool)
    return np.array([figure(a, b) for a, b in zip(member.T, s.T, strict=True)], float)


def _binary(gold: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    g, s = np.asarray(gold), finite("scores", scores)
    same_length(g, s)
    if g.ndim != 1 or not np.isin(g, (0, 1)).all() or s.shape not in (g.shape, (len(g), 2)):
        raise InputError(
            f"gold has shape {g.shape}, {len(np.unique(g))} values, and the scores have shape {s.shape}",
            allowed="(n,) zeros and ones with (n,) or (n, 2) scores",
            remedy="macro_auc and macro_average_precision take more labels",
        )
    return g.astype(bool), s[:, 1] if s.ndim == 2 else s


def _mean_defined(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
