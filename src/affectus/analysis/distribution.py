"""How often each label is read: mean calibrated probabilities, with an interval that minds neighbours in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affectus.analysis.lanes import Lane

_DRAWS = 500
_MOST = 5000  # readings that the bootstrap looks at; longer lanes are condensed to as many means


@dataclass(frozen=True, eq=False)
class Distribution:
    """Mean scores of a lane, or of many files.

    Args:
        labels: Names, most probable first.
        mean: Mean score of each label, weighted by duration.
        low: Lower end of the 95 % interval; NaN when there are too few readings.
        high: Upper end.
        readings: Readings that were averaged; abstentions are left out.
        abstained: Readings that were not.
    """

    labels: tuple[str, ...]
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    readings: int
    abstained: int


def distribution(lane: Lane, *, interval: bool = True) -> Distribution:
    """Mean scores with a 95 % interval from the circular block bootstrap (Politis and Romano 1992).

    Neighbouring readings resemble each other, so blocks of about √n readings are drawn instead of single ones. The
    interval speaks of the variation between readings, not of errors that the reader makes throughout.

    Args:
        lane: What to average; abstentions are left out.
        interval: Whether to compute the interval.
    """
    readings, quiet = int((~lane.abstained).sum()), int(lane.abstained.sum())
    lane = lane.condensed(_MOST)
    kept = ~lane.abstained & ~np.isnan(lane.scores).all(axis=1)
    scores = np.nan_to_num(lane.scores[kept].astype(np.float64))
    weight = np.maximum((lane.end - lane.start)[kept], 1e-9) if lane.timed else np.ones(len(scores))
    block = max(1, round(len(scores) ** 0.5))
    return _summary(lane.scale.labels, scores, weight, block if interval else 0, readings, quiet)


def over_files(files: Sequence[Lane]) -> Distribution:
    """Mean over files, one lane each on the same scale, with a 95 % bootstrap interval over files."""
    means = [distribution(lane, interval=False) for lane in files]
    read = [(lane, mean) for lane, mean in zip(files, means, strict=True) if mean.readings]
    labels = files[0].scale.labels
    scores = np.array([[dict(zip(m.labels, m.mean, strict=True))[label] for label in labels] for _, m in read])
    scores = scores.reshape(len(read), len(labels))
    quiet = sum(mean.abstained for mean in means)
    return _summary(labels, scores, np.ones(len(read)), 1, sum(mean.readings for mean in means), quiet)


def _summary(
    labels: tuple[str, ...], scores: np.ndarray, weight: np.ndarray, block: int, readings: int, quiet: int
) -> Distribution:
    """Labels in order of their weighted means; `block` is the length of the bootstrap's blocks, 0 for no interval."""
    if not len(scores):
        nothing = np.full(len(labels), np.nan)
        return Distribution(labels, nothing, nothing, nothing, 0, quiet)
    mean = (scores * weight[:, None]).sum(axis=0) / weight.sum()
    low, high = _interval(scores, weight, block)
    order = np.argsort(-mean, kind="stable")
    return Distribution(tuple(labels[i] for i in order), mean[order], low[order], high[order], readings, quiet)


def _interval(scores: np.ndarray, weight: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    n = len(scores)
    if n < 5 or not length:
        return np.full(scores.shape[1], np.nan), np.full(scores.shape[1], np.nan)
    blocks = -(-n // length)
    # Sums over any block of a circle in one subtraction.
    wrapped = np.concatenate([np.column_stack([scores * weight[:, None], weight])] * 2)
    sums = np.concatenate([np.zeros((1, wrapped.shape[1])), np.cumsum(wrapped, axis=0)])
    starts = np.random.default_rng(0).integers(0, n, (_DRAWS, blocks))
    total = (sums[starts + length] - sums[starts]).sum(axis=1)
    means = total[:, :-1] / total[:, -1:]
    low, high = np.quantile(means, (0.025, 0.975), axis=0)
    return low, high
