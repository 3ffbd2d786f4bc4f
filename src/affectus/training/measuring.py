"""What a reader is worth on a split: the figures of its card, with intervals and protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from affectus.card import Measured
from affectus.corpora.base import gold
from affectus.evaluation.intervals import bootstrap
from affectus.evaluation.metrics import (
    accuracy,
    brier,
    ccc,
    ece_top_label,
    macro_f1,
    membership,
    pearson,
    set_coverage,
    set_size,
    weighted_f1,
)
from affectus.evaluation.ranking import auc
from affectus.readout import Readout
from affectus.sample import Sample

RESAMPLES = 10_000
THRESHOLDS = (0.25, 0.5, 0.75)
_FEWEST = 5  # items of each class that an AUC needs: of fewer, too many resamples have none


def figure(
    metric: str,
    function: Callable[..., float],
    *arrays: Any,
    data: str,
    split: str,
    resamples: int = RESAMPLES,
    headline: bool = False,
    note: str = "",
) -> Measured:
    """One figure with its percentile bootstrap interval over items (test sampling; no other source of variation)."""
    if not resamples:
        return Measured(metric=metric, value=function(*arrays), data=data, split=split, n=len(arrays[0]), note=note)
    found = bootstrap(function, *arrays, n=resamples)
    return Measured(
        metric=metric,
        value=found.value,
        low=found.low,
        high=found.high,
        interval=f"bootstrap over items, {resamples:,} resamples, 95 %",
        data=data,
        split=split,
        n=len(arrays[0]),
        headline=headline,
        note=note,
    )


def share(of: np.ndarray) -> float:
    """Share of the items for which something holds."""
    return float(np.mean(of))


def measure(
    readout: Readout,
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    data: str,
    split: str,
    resamples: int = RESAMPLES,
    headline: bool = True,
) -> list[Measured]:
    """Accuracy, calibration and conformal coverage of one target.

    Args:
        readout: How the outputs are read.
        logits: (n, k) raw outputs.
        labels: (n, k) gold scores.
        data: Name of the corpus.
        split: Name of the split.
        resamples: Of the bootstrap; 0 gives no intervals.
        headline: Whether the first figure is the one that reports show.
    """
    known = np.isfinite(logits).all(1) & np.isfinite(labels).all(1)
    x, y = logits[known], labels[known]
    p, of = readout.probabilities(x), readout.of
    place: dict[str, Any] = {"data": data, "split": split, "resamples": resamples}
    if of.kind == "level":
        out = []
        for i, label in enumerate(of.labels):
            out.append(figure(f"r of {label}", pearson, y[:, i], p[:, i], headline=headline, **place))
            out.append(figure(f"CCC of {label}", ccc, y[:, i], p[:, i], **place))
            ends = readout.intervals(p)
            if ends is not None:
                inside = (ends[0][:, i] <= y[:, i]) & (y[:, i] <= ends[1][:, i])
                note = f"aimed at {readout.coverage:g}; ± {readout.margin[i]:.3g} within the scale's range"
                out.append(figure(f"conformal coverage of {label}", share, inside, note=note, **place))
        return out
    decided = membership(readout.decide(p), of.labels)
    member = y > 0.5
    note = f"{len(of)} labels, decided by the thresholds of the checkpoint" if of.kind == "any-of" else ""
    out = [figure("macro-F1", macro_f1, member, decided, headline=headline, note=note, **place)]
    if of.kind == "one-of":
        out.append(figure("weighted F1", weighted_f1, y.argmax(1), p.argmax(1), **place))
        out.append(figure("accuracy", accuracy, y.argmax(1), p.argmax(1), **place))
        if len(of) == 2 and np.bincount(y.argmax(1), minlength=2).min() >= _FEWEST:
            note = "how well the probability ranks, whatever is decided"
            out.append(figure(f"AUC of {of.labels[1]}", auc, y.argmax(1), p[:, 1], note=note, **place))
            out += _at_thresholds(of.labels[1], y[:, 1] > 0.5, p[:, 1], data, split)
    truth = member.astype(np.int64) if of.kind == "any-of" else y.argmax(1)
    hit = "membership in gold" if of.kind == "any-of" else "the gold class"
    # Resampling repeats items and so inflates a calibration error: an interval of it would lie above its value.
    note = f"15 bins; the highest label's probability against {hit}"
    out.append(figure("ECE of the top label", ece_top_label, p, truth, note=note, **{**place, "resamples": 0}))
    out.append(figure("Brier score", brier, p, truth, **place))
    sets = readout.sets(p)
    if sets is not None:
        inside = membership(sets, of.labels)
        note = f"aimed at {readout.coverage:g}; covered means that all gold labels are in the set"
        out.append(figure("conformal coverage", set_coverage, inside, truth, note=note, **place))
        out.append(figure("mean size of the conformal set", set_size, inside, truth, **place))
    return out


def _at_thresholds(label: str, member: np.ndarray, p: np.ndarray, data: str, split: str) -> list[Measured]:
    """Precision and recall of a label at a few thresholds; no precision where nothing reaches the threshold."""
    out = []
    for bar in THRESHOLDS:
        decided, note = p >= bar, f"decided from a probability of {bar:g} upwards"
        hits = int((decided & member).sum())
        for name, among in (("precision", decided), ("recall", member)):
            if among.any():
                value = hits / int(among.sum())
                out.append(
                    Measured(metric=f"{name} of {label}", value=value, data=data, split=split, n=len(p), note=note)
                )
    return out


def measure_reader(reader: Any, samples: Sequence[Sample], *, data: str, split: str, resamples: int) -> list[Measured]:
    """All targets of a reader (with `readouts` and `logits`) that the samples have gold for."""
    outputs, out = reader.logits(samples), []
    for number, readout in enumerate(reader.readouts):
        labels = gold(samples, readout.scale)
        if np.isfinite(labels).any():
            out += measure(
                readout,
                outputs[readout.scale],
                labels,
                data=data,
                split=split,
                resamples=resamples,
                headline=not number,
            )
    return out
