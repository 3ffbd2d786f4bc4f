"""The figures that a protocol can name, each split into terms of single items and a formula on their means.

F1, accuracy, correlations and errors are all functions of means over items. So the figure of a resample is a formula on
a weighted mean, ten thousand resamples are one matrix product, and a protocol's figures share their draws.
Gold and answer are (n, k): zeros and ones for labels, quantities for levels, shares for profiles.
The plain definitions stand in `affectus.evaluation.metrics` and `profiles`, which tests hold equal to these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from affectus.errors import unknown

Kind = Literal["labels", "levels", "profiles"]


@dataclass(frozen=True)
class Figure:
    """One figure.

    Args:
        name: Key in results, for example `"macro_f1"`.
        title: As tables show it.
        kinds: What it can be computed of.
        terms: Gold (n, k) and answer (n, k) → (n, s) terms of each item.
        finish: Means of the terms (…, s) → the figure (…); NaN where it is undefined.
        lower: Whether a lower value is better.
    """

    name: str
    title: str
    kinds: tuple[Kind, ...]
    terms: Callable[[np.ndarray, np.ndarray], np.ndarray]
    finish: Callable[[np.ndarray], np.ndarray]
    lower: bool = False


def _counts(gold: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Hits, gold and answers of each label."""
    return np.concatenate([gold & answer, gold, answer], 1).astype(np.float64)


def _thirds(means: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.split(means, 3, axis=-1))


def _ratio(above: np.ndarray, below: np.ndarray, otherwise: float = 0.0) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, otherwise), where=below > 0)


def _f1(means: np.ndarray) -> np.ndarray:
    hits, gold, answers = _thirds(means)
    return _ratio(2 * hits, gold + answers)


def _weighted(means: np.ndarray) -> np.ndarray:
    gold = _thirds(means)[1]
    return _ratio((_f1(means) * gold).sum(-1), gold.sum(-1), np.nan)


def _micro(means: np.ndarray) -> np.ndarray:
    hits, gold, answers = (part.sum(-1) for part in _thirds(means))
    return _ratio(2 * hits, gold + answers)


def _recall(means: np.ndarray) -> np.ndarray:
    hits, gold, _ = _thirds(means)
    present = gold > 0
    return _ratio(_ratio(hits, gold).sum(-1), present.sum(-1), np.nan)


def _moments(gold: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Both, their squares and their product; moved by the mean of gold, so that nothing is lost to cancellation."""
    a, b = gold - gold.mean(0), answer - gold.mean(0)
    return np.concatenate([a, b, a * a, b * b, a * b], 1)


def _spread(means: np.ndarray) -> tuple[np.ndarray, ...]:
    """Difference of the means, both variances and the covariance."""
    a, b, aa, bb, ab = np.split(means, 5, axis=-1)
    return a - b, aa - a * a, bb - b * b, ab - a * b


_FLAT = 1e-12  # variance below which a series counts as constant


def _pearson(means: np.ndarray, otherwise: float = np.nan) -> np.ndarray:
    _, aa, bb, ab = _spread(means)
    varies = (aa > _FLAT) & (bb > _FLAT)
    r = np.divide(ab, np.sqrt(np.where(varies, aa * bb, 1)), out=np.full(ab.shape, otherwise), where=varies)
    return np.clip(r, -1, 1).mean(-1)


def _concordance(means: np.ndarray) -> np.ndarray:
    gap, aa, bb, ab = _spread(means)
    return _ratio(2 * ab, aa + bb + gap * gap, np.nan).mean(-1)


def _document_correlation(gold: np.ndarray, answer: np.ndarray) -> np.ndarray:
    from affectus.evaluation.metrics import pearson

    r = [pearson(a, b) for a, b in zip(gold, answer, strict=True)]
    return np.nan_to_num(np.array(r, np.float64))[:, None]


def _first(means: np.ndarray) -> np.ndarray:
    return means[..., 0]


def _root(means: np.ndarray) -> np.ndarray:
    return np.sqrt(means[..., 0])


def _jaccard(gold: np.ndarray, answer: np.ndarray) -> np.ndarray:
    both, either = (gold & answer).sum(1), (gold | answer).sum(1)
    return _ratio(both.astype(float), either.astype(float), 1.0)[:, None]


def _equal(gold: np.ndarray, answer: np.ndarray) -> np.ndarray:
    return (gold == answer).all(1, keepdims=True).astype(np.float64)


def _same_top(gold: np.ndarray, answer: np.ndarray) -> np.ndarray:
    return (gold.argmax(1) == answer.argmax(1))[:, None].astype(np.float64)


def _squares(gold: np.ndarray, answer: np.ndarray) -> np.ndarray:
    return ((gold - answer) ** 2).mean(1, keepdims=True)


def _values(gold: np.ndarray, answer: np.ndarray) -> np.ndarray:
    return np.abs(np.sort(gold, 1) - np.sort(answer, 1)).mean(1, keepdims=True)


_ALL = (
    Figure("macro_f1", "macro-F1", ("labels",), _counts, lambda m: _f1(m).mean(-1)),
    Figure("micro_f1", "micro-F1", ("labels",), _counts, _micro),
    Figure("weighted_f1", "weighted F1", ("labels",), _counts, _weighted),
    Figure("uar", "UAR", ("labels",), _counts, _recall),
    Figure("accuracy", "accuracy", ("labels",), _equal, _first),
    Figure("jaccard", "Jaccard", ("labels",), _jaccard, _first),
    Figure("pearson", "r", ("levels",), _moments, _pearson),
    Figure("ccc", "CCC", ("levels",), _moments, _concordance),
    Figure("mae", "MAE", ("levels", "profiles"), lambda a, b: np.abs(a - b).mean(1, keepdims=True), _first, lower=True),
    Figure("rmse", "RMSE", ("levels",), _squares, _root, lower=True),
    Figure("profile_rmse", "RMSE of profiles", ("profiles",), _squares, _root, lower=True),
    Figure("acc_at_1", "Acc@1", ("profiles",), _same_top, _first),
    Figure("ap_document", "AP over documents", ("profiles",), _document_correlation, _first),
    Figure("ap_emotion", "AP over emotions", ("profiles",), _moments, lambda m: _pearson(m, 0.0)),
    Figure("wasserstein_values", "Wasserstein of values", ("profiles",), _values, _first, lower=True),
)
FIGURES = {figure.name: figure for figure in _ALL}


def figure(name: str) -> Figure:
    """The figure of this name, or `UnknownName` with the nearest spelling."""
    if name not in FIGURES:
        raise unknown("metric", name, FIGURES)
    return FIGURES[name]
