"""Calibrate a reader on samples that its weights were not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from affectus.corpora.base import gold
from affectus.evaluation.calibrate import fit_conformal, fit_margin, fit_platt, fit_temperature
from affectus.evaluation.metrics import macro_f1, membership
from affectus.readout import Readout
from affectus.sample import Item, flatten

COVERAGE = 0.9
STRANGE = 0.05  # share of familiar items that a distance may refuse


def fitted_readout(readout: Readout, logits: np.ndarray, labels: np.ndarray, coverage: float = COVERAGE) -> Readout:
    """A readout whose probabilities, thresholds and conformal sets are fitted.

    any-of: Platt scaling of each label, the threshold of each label by its smoothed F1, and whether a text without
    any label over its threshold gets the nearest one, by macro-F1. one-of: one temperature, but none where gold are
    profiles: a temperature fitted to their highest labels would sharpen shares that are meant as they are. level: the
    margin of its conformal interval.

    Args:
        readout: Scale and perspective are taken from it.
        logits: (n, k) raw outputs; rows with NaN (nothing was read) do not count.
        labels: (n, k) gold scores.
        coverage: Share of items whose gold labels shall all be in the conformal set, or level in the interval.
    """
    kind = readout.of.kind
    known = np.isfinite(logits).all(1) & np.isfinite(labels).all(1)
    if kind == "level":
        return _with(readout, fit_margin(readout.probabilities(logits[known]), labels[known], coverage))
    x, member = logits[known], (labels[known] > 0.5).astype(np.int64)
    if kind == "one-of":
        classes = labels[known].argmax(1)
        profiles = bool((labels[known].max(1) < 1).any())
        fitted = readout if profiles else _with(readout, fit_temperature(x, classes))
        return _with(fitted, fit_conformal(fitted.probabilities(x), classes, coverage, kind="one-of"))
    fitted = _with(readout, fit_platt(x, member))
    p = fitted.probabilities(x)
    fitted = _with(fitted, {"thresholds": smooth_thresholds(p, member), **fit_conformal(p, member, coverage, "any-of")})
    choices = [replace(fitted, at_least_one=choice) for choice in (True, False)]
    return max(choices, key=lambda choice: macro_f1(member, membership(choice.decide(p), choice.of.labels)))


def smooth_thresholds(probabilities: np.ndarray, member: np.ndarray, width: float = 0.4) -> tuple[float, ...]:
    """Threshold of each any-of label that maximises its F1 with the step at the threshold blurred.

    The threshold of the highest F1 follows single items where a label is rare. A logistic step instead of a hard one
    averages over near thresholds: in four-fold cross-validation on GoEmotions dev, six seeds, macro-F1 was .520 with
    this width and .518 with hard steps.

    Args:
        probabilities: (n, k) calibrated scores.
        member: (n, k) zeros and ones.
        width: Of the blur, in log-odds.

    Returns:
        k thresholds; 0.5 for a label without positives.
    """
    from scipy.special import expit, logit

    out = []
    for scores, gold_column in zip(
        logit(np.clip(probabilities.T.astype(float), 1e-9, 1 - 1e-9)), member.T, strict=True
    ):
        if not gold_column.any():
            out.append(0.5)
            continue
        grid = np.linspace(np.median(scores), scores.max(), 200)
        decided = expit((scores - grid[:, None]) / width)  # (200, n), how much of each item is over each threshold
        f1 = 2 * (decided @ gold_column) / (decided.sum(1) + gold_column.sum())
        out.append(float(expit(grid[int(np.argmax(f1))])))
    return tuple(out)


def _with(readout: Readout, values: Mapping[str, Any]) -> Readout:
    return replace(readout, **values)


def fit_readouts(reader: Any, items: Sequence[Item], coverage: float = COVERAGE) -> tuple[Readout, ...]:
    """The readouts of a reader (with `readouts` and `logits`), fitted on samples or dialogues with gold."""
    outputs, samples = reader.logits(items), flatten(items)
    return tuple(fitted_readout(r, outputs[r.scale], gold(samples, r.scale), coverage) for r in reader.readouts)


def fit_to_held_out(readouts: Sequence[Readout], held: Any, strange: float = STRANGE) -> tuple[Readout, ...]:
    """Readouts fitted on what a closed-form fit gave for items that it had left out in turn.

    Args:
        readouts: Scales and perspectives are taken from them.
        held: `outputs` (scale → logits, and perhaps `distance`) and `targets` (scale → gold), row by row.
        strange: Share of these items whose distance may count as out of distribution.
    """
    fitted = [fitted_readout(r, held.outputs[r.scale], held.targets[r.scale]) for r in readouts]
    if "distance" not in held.outputs:
        return tuple(fitted)
    limit = float(np.quantile(held.outputs["distance"], 1 - strange))
    return tuple(replace(readout, limit=limit) for readout in fitted)
