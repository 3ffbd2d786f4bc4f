"""Fit what a `Readout` holds, on data that the weights were not trained on.

Each function returns keyword arguments of `affectus.readout.Readout`, for example
`replace(readout, **fit_temperature(logits, gold))`.
Gold is (n,) class numbers for one-of scales and (n, k) zeros and ones for any-of scales.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from affectus.errors import InputError, check_option
from affectus.evaluation.checks import check_gold, finite, same_length
from affectus.readout import Curve

_SMALLEST, _LARGEST = 0.01, 100.0  # temperatures; beyond them the scores are all but constant or all but hard


def _checked(values: Any, gold: Any) -> tuple[np.ndarray, np.ndarray]:
    x, g = finite("scores", values), np.asarray(gold)
    same_length(x, g)
    if x.ndim != 2:
        raise InputError(f"scores have shape {x.shape}", allowed="(n, k)")
    g = g.astype(np.int64) if g.dtype == bool else g
    check_gold(g, x.shape[1])
    return x, g


def fit_temperature(logits: Any, gold: Any) -> dict[str, tuple[float, ...]]:
    """Temperature scaling (Guo et al. 2017): one factor 1 / T on all logits that minimises the negative log-likelihood.

    Args:
        logits: (n, k) raw outputs.
        gold: (n,) class numbers (softmax), or (n, k) zeros and ones (independent sigmoids).

    Returns:
        `slope`: (1 / T,), with T between 0.01 and 100.
    """
    from scipy.optimize import minimize_scalar

    x, g = _checked(logits, gold)

    def loss(log_slope: float) -> float:
        z = x * math.exp(log_slope)
        if g.ndim == 1:
            return float((np.logaddexp.reduce(z, 1) - z[np.arange(len(z)), g]).mean())
        return float((np.logaddexp(0, z) - g * z).mean())

    bounds = -math.log(_LARGEST), -math.log(_SMALLEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return {"slope": (float(math.exp(found.x)),)}


def fit_platt(logits: Any, gold: Any) -> dict[str, tuple[float, ...]]:
    """Platt scaling (Platt 1999) of each label by itself: sigmoid(slope · logit + intercept).

    Targets are smoothed as Platt proposes, (N₊ + 1) / (N₊ + 2) and 1 / (N₋ + 2), so that separable labels keep finite
    values. Slopes are never negative: a label must not fall when its logit rises. A label without positives or without
    negatives gets the factor 0 and its smoothed base rate.

    Args:
        logits: (n, k) raw outputs.
        gold: (n, k) zeros and ones.

    Returns:
        `slope` and `intercept`, k values each.
    """
    from scipy.optimize import minimize

    x, g = _checked(logits, gold)
    if g.ndim != 2:
        raise InputError(f"gold has shape {g.shape}", allowed=f"(n, {x.shape[1]}); one-of scores take fit_temperature")
    slopes, intercepts = [], []
    for logit, member in zip(x.T, g.T.astype(bool), strict=True):
        positives, n = int(member.sum()), len(member)
        target = np.where(member, (positives + 1) / (positives + 2), 1 / (n - positives + 2))
        base = float(np.log(target.mean() / (1 - target.mean())))
        mean, spread = float(logit.mean()), float(logit.std())
        if positives in (0, n) or spread == 0:
            slopes.append(0.0)
            intercepts.append(base)
            continue
        z = (logit - mean) / spread  # well-scaled for the optimiser; undone below

        def loss(w: np.ndarray, z: np.ndarray = z, target: np.ndarray = target) -> tuple[float, np.ndarray]:
            score = w[0] * z + w[1]
            gap = 0.5 * (1 + np.tanh(score / 2)) - target  # sigmoid without overflow
            return float((np.logaddexp(0, score) - target * score).mean()), np.array([(gap * z).mean(), gap.mean()])

        start = np.array([1.0, base])
        a, b = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)]).x
        slopes.append(float(a / spread))
        intercepts.append(float(b - a * mean / spread))
    return {"slope": tuple(slopes), "intercept": tuple(intercepts)}


def fit_isotonic(probabilities: Any, gold: Any) -> dict[str, tuple[Curve, ...]]:
    """Isotonic regression of each label by itself (Zadrozny & Elkan 2002): the best rising curve of probability.

    It follows any shape, and therefore wants many items: with few, it learns them by heart, and its flat stretches
    make ties. Prefer temperature or Platt scaling below about a thousand items a label (Niculescu-Mizil & Caruana
    2005).

    Args:
        probabilities: (n, k) scores of the readout that gets the curves, which are applied after its slope.
        gold: (n,) class numbers, or (n, k) zeros and ones.

    Returns:
        `isotonic`: for each label the corners (x, y) of its curve.
    """
    from sklearn.isotonic import IsotonicRegression

    p, g = _checked(probabilities, gold)
    member = g[:, None] == np.arange(p.shape[1]) if g.ndim == 1 else g
    curves = []
    for scores, hits in zip(p.T, member.T, strict=True):
        fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, hits.astype(float))
        curves.append((tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist())))
    return {"isotonic": tuple(curves)}


def fit_thresholds(
    probabilities: Any, gold: Any, metric: Literal["macro-F1"] = "macro-F1"
) -> dict[str, tuple[float, ...]]:
    """Threshold of each any-of label that maximises its F1 on these data, hence macro-F1 (Lipton et al. 2014).

    A threshold lies half-way between the two neighbouring probabilities that it separates; the highest of equals wins.
    A label without positives gets 0.5, since nothing can be learned about it.

    Args:
        probabilities: (n, k) calibrated scores.
        gold: (n, k) zeros and ones.
        metric: What is maximised.

    Returns:
        `thresholds`, k values.
    """
    check_option("metric", metric, ["macro-F1"])
    p, g = _checked(probabilities, gold)
    if g.ndim != 2:
        raise InputError(f"gold has shape {g.shape}", allowed=f"(n, {p.shape[1]})")
    return {"thresholds": tuple(_best_threshold(a, b) for a, b in zip(p.T, g.T, strict=True))}


def _best_threshold(p: np.ndarray, member: np.ndarray) -> float:
    if not member.any():
        return 0.5
    order = np.argsort(-p, kind="stable")
    score, hits = p[order], np.cumsum(member[order])
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + member.sum())
    last_of_tie = np.append(score[1:] < score[:-1], True)  # a threshold can't part equal scores
    best = int(np.argmax(np.where(last_of_tie, f1, -1)))
    below = score[best + 1] if best + 1 < len(score) else 0.0
    return float((score[best] + below) / 2)


def fit_conformal(
    probabilities: Any, gold: Any, coverage: float = 0.9, kind: Literal["one-of", "any-of"] = "one-of"
) -> dict[str, float]:
    """Split-conformal threshold with the finite-sample correction (Vovk et al. 2005; Sadinle et al. 2019).

    The score of an item is 1 − p of its gold class (one-of) or 1 − the smallest p of its gold labels (any-of, so that
    covered means that all gold labels are in the set; an item without labels is always covered). The threshold is the
    ⌈(n + 1)·coverage⌉-th smallest score, or 1 (every label) if there are too few items. On exchangeable data the sets
    {label: 1 − p ≤ quantile} then cover at least `coverage` on average over calibration sets.

    Args:
        probabilities: (n, k) calibrated scores of items that the weights were not trained on.
        gold: (n,) class numbers, or (n, k) zeros and ones.
        coverage: Wanted share of covered items.
        kind: Kind of the scale.

    Returns:
        `quantile` and `coverage`.
    """
    check_option("kind", kind, ["one-of", "any-of"])
    if not 0 < coverage < 1:
        raise InputError(f"coverage is {coverage}", allowed="between 0 and 1, both excluded")
    p, g = _checked(probabilities, gold)
    if (g.ndim == 1) != (kind == "one-of"):
        raise InputError(
            f"gold has shape {g.shape} but the scale is {kind}", allowed="(n,) for one-of, (n, k) for any-of"
        )
    lowest = p[np.arange(len(p)), g] if g.ndim == 1 else np.where(g.astype(bool), p, 1.0).min(1)
    scores = np.sort(1 - lowest)
    rank = _rank(len(scores), coverage)
    return {"quantile": float(scores[rank - 1]) if rank <= len(scores) else 1.0, "coverage": float(coverage)}


def fit_margin(predicted: Any, gold: Any, coverage: float = 0.9) -> dict[str, Any]:
    """Split-conformal interval of each level: the value ± a quantile of the absolute error (Lei et al. 2018).

    The margin is the ⌈(n + 1)·coverage⌉-th smallest error, so that on exchangeable data at least that share of values
    lies within. It is as wide for easy items as for hard ones.

    Args:
        predicted: (n, k) levels of items that the weights were not trained on.
        gold: (n, k) true levels.
        coverage: Wanted share of values within the interval, for each label by itself.

    Returns:
        `margin`, k values, or none if there are too few items to promise that coverage; and `coverage`.
    """
    if not 0 < coverage < 1:
        raise InputError(f"coverage is {coverage}", allowed="between 0 and 1, both excluded")
    p, g = finite("levels", predicted), finite("gold", gold)
    same_length(p, g)
    if p.ndim != 2 or p.shape != g.shape:
        raise InputError(f"levels have shape {p.shape} and gold {g.shape}", allowed="two (n, k)")
    errors = np.sort(np.abs(p - g), 0)
    rank = _rank(len(errors), coverage)
    return {
        "margin": tuple(errors[rank - 1].tolist()) if rank <= len(errors) else (),
        "coverage": float(coverage),
    }


def _rank(n: int, coverage: float) -> int:
    """Place, from 1, of the conformal quantile among n scores in order."""
    return math.ceil((n + 1) * coverage - 1e-9)
