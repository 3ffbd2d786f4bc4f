"""Exact sums and maxima over the labellings of linear chains, a whole batch side by side.

The arrays are (t, k, n): the n chains of a batch lie next to each other in memory, so that one instruction serves
several of them. Sums are taken of exponentials that are brought to sum 1 at every step (Rabiner 1989), not by way of
logarithms. That keeps every digit as long as a step's scores lie less than 600 apart; where they don't, `chains` sums.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit

from affectus.nn import chains

_APART = 600.0  # largest distance of two scores of a step whose exponentials stand in one sum


def log_partitions(
    emissions: np.ndarray, lengths: np.ndarray, start: np.ndarray, end: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Log of the sum over all labellings, (n,), 0 for an empty chain.

    Args:
        emissions: (n, t, k) float64.
        lengths: (n,) utterances of each chain; the rest is not looked at.
        start: (k,) score of the first label.
        end: (k,) score of the last one.
        own: (k, k) from the label before (row) to this one (column).
    """
    if (scaled := _scaled(emissions, lengths, start, end, own)) is None:
        return chains.log_partitions(emissions, _steps(emissions), lengths, start, end, own, own)
    weights, log_z, first, last, table = scaled
    return log_z + _forward(weights, lengths, first, last, table)[1]


def filtered(
    emissions: np.ndarray, lengths: np.ndarray, start: np.ndarray, end: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Each label's share given what was said so far, (n, t, k), any behind the end; arguments as above."""
    if (scaled := _scaled(emissions, lengths, start, end, own)) is None:
        return chains.filtered(emissions, _steps(emissions), lengths, start, end, own, own)
    weights, _, *tables = scaled
    return np.ascontiguousarray(_forward(weights, lengths, *tables)[0].transpose(2, 0, 1))


def expectations(
    emissions: np.ndarray, lengths: np.ndarray, start: np.ndarray, end: np.ndarray, own: np.ndarray, edges: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums over all labellings: the log partition, and how often each label and each pair stands under the model.

    Args as in `log_partitions`; `edges` says whether pairs are counted.

    Returns:
        Log partition (n,), probability of each label (n, t, k), expected number of pairs (n, k, k), 0 if not counted.
    """
    if (scaled := _scaled(emissions, lengths, start, end, own)) is None:
        steps = _steps(emissions)
        return chains.expectations(emissions, steps, lengths, start, end, own, own, edges)[:3]
    weights, log_z, first, last, table = scaled
    messages, rest = _forward(weights, lengths, first, last, table)
    pairs = np.zeros((*own.shape, len(emissions)))
    _backward(weights, lengths, last, table, messages, pairs if edges else pairs[:0])
    nodes = np.ascontiguousarray(messages.transpose(2, 0, 1))
    return log_z + rest, nodes, pairs.transpose(2, 0, 1) * table


def best_paths(
    emissions: np.ndarray, lengths: np.ndarray, start: np.ndarray, end: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """The labelling with the highest score, (n, t) int64, −1 behind the end; arguments as in `log_partitions`."""
    order = np.argsort(-lengths, kind="stable")  # those that go on longest stand in front
    return _best_paths(emissions, lengths, order, start, end, own)


def _side_by_side(emissions: np.ndarray) -> np.ndarray:
    """A copy (t, k, n)."""
    return np.array(emissions.transpose(1, 2, 0), order="C")


def _steps(emissions: np.ndarray) -> np.ndarray:
    return np.full(emissions.shape[:2], chains.SAME, np.int64)


def _scaled(
    emissions: np.ndarray, lengths: np.ndarray, start: np.ndarray, end: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Exponentials of scores less their greatest, and the sum of those greatest ones; None if they lie too far apart.

    A label that is ruled out at one utterance (−∞) has the exact weight 0.
    """
    lows_highs = [(part.min(), part.max()) for part in (start, end, own)]
    apart = sum(high - low for low, high in lows_highs)
    weights = _side_by_side(emissions)
    log_z, widest = _lowered(weights, lengths)
    if not apart + widest < _APART:  # also if it is not a number
        return None
    tops = [high for _, high in lows_highs]
    log_z += np.where(lengths > 0, tops[0] + tops[1] + tops[2] * (lengths - 1), 0.0)
    first, last, table = (np.exp(part - top) for part, top in zip((start, end, own), tops, strict=True))
    torch.from_numpy(weights).exp_()  # several at once, which NumPy does not do everywhere
    return weights, log_z, first, last, table


@njit(cache=True)
def _lowered(scores: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, float]:
    """Lower each step's scores to the greatest 0, in place, and those behind the end to 0.

    Returns:
        Sum of what was taken off (n,); widest distance of two finite scores of a step, NaN if one is NaN or +∞ or if
        all of a step are −∞.
    """
    t, k, n = scores.shape
    taken, widest = np.zeros(n), 0.0
    top, low = np.empty(n), np.empty(n)
    for i in range(t):
        for row in range(n):
            if i >= lengths[row]:
                for c in range(k):
                    scores[i, c, row] = 0.0
        top[:] = -np.inf
        for c in range(k):
            for row in range(n):
                top[row] = scores[i, c, row] if scores[i, c, row] > top[row] else top[row]
        low[:] = 0.0
        for c in range(k):
            for row in range(n):
                value = scores[i, c, row] - top[row]
                scores[i, c, row] = value
                low[row] = value if value < low[row] and value > -np.inf else low[row]
        for row in range(n):
            taken[row] += top[row]
            widest = max(widest, -low[row])
    for row in range(n):
        if not np.isfinite(taken[row]):
            widest = np.nan
    if not np.isfinite(scores.sum()) and np.isnan(scores).any():
        widest = np.nan
    return taken, widest


@njit(cache=True)
def _forward(
    weights: np.ndarray, lengths: np.ndarray, first: np.ndarray, last: np.ndarray, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shares (t, k, n) of the labels given what came before, and log of the sum over all labellings (n,)."""
    t, k, n = weights.shape
    turned = np.ascontiguousarray(table.T)
    out, log_z, total = np.empty((t, k, n)), np.zeros(n), np.empty(n)
    for c in range(k):
        out[0, c] = first[c]
    for i in range(t):
        if i:
            np.dot(turned, out[i - 1], out[i])
        total[:] = 0.0
        for c in range(k):
            for row in range(n):
                out[i, c, row] *= weights[i, c, row]
                total[row] += out[i, c, row]
        for c in range(k):
            for row in range(n):
                out[i, c, row] /= total[row]
        for row in range(n):
            if i < lengths[row]:
                log_z[row] += np.log(total[row])
                if i == lengths[row] - 1:
                    ending = 0.0
                    for c in range(k):
                        ending += out[i, c, row] * last[c]
                    log_z[row] += np.log(ending)
    return out, log_z


@njit(cache=True)
def _backward(
    weights: np.ndarray,
    lengths: np.ndarray,
    last: np.ndarray,
    table: np.ndarray,
    messages: np.ndarray,
    pairs: np.ndarray,
) -> None:
    """Turn shares given what came before into probabilities given all, in place; 0 behind the end.

    Adds to `pairs` (k, k, n) the expected numbers of pairs, still without the weight that each pair has; (0, k, n)
    counts none.
    """
    t, k, n = weights.shape
    future, ahead, total = np.empty((k, n)), np.empty((k, n)), np.empty(n)
    for i in range(t - 1, -1, -1):
        for row in range(n):
            if i == lengths[row] - 1:
                for c in range(k):
                    future[c, row] = last[c]
            elif i >= lengths[row]:
                for c in range(k):
                    future[c, row] = 0.0
        total[:] = 0.0
        for c in range(k):
            for row in range(n):
                total[row] += messages[i, c, row] * future[c, row]
        for row in range(n):
            total[row] = 1 / total[row] if i < lengths[row] else 0.0
        for c in range(k):
            for row in range(n):
                messages[i, c, row] *= future[c, row] * total[row]
        if i == 0:
            return
        for c in range(k):
            for row in range(n):
                ahead[c, row] = weights[i, c, row] * future[c, row]
        np.dot(table, ahead, future)
        total[:] = 0.0
        for b in range(k):
            for row in range(n):
                total[row] += messages[i - 1, b, row] * future[b, row]
        for row in range(n):
            total[row] = 1 / total[row] if i < lengths[row] else 0.0
        for b in range(k):
            for row in range(n):
                future[b, row] *= total[row]
                ahead[b, row] *= total[row]
        for b in range(len(pairs)):
            for c in range(k):
                for row in range(n):
                    pairs[b, c, row] += messages[i - 1, b, row] * ahead[c, row]


@njit(cache=True)
def _best(before: np.ndarray, own: np.ndarray, going: int, out: np.ndarray, other: np.ndarray) -> None:
    """out[c] = max_b (before[b] + own[b, c]) of the first `going` chains.

    Each maximum is written elsewhere than where it was read, into `other` (n,) and back: only then does the compiler
    take several chains at once.
    """
    k = len(before)
    for c in range(k):
        here, there = out[c], other
        for row in range(going):
            here[row] = before[0, row] + own[0, c]
        for b in range(1, k):
            x, step = before[b], own[b, c]
            for row in range(going):
                there[row] = max(here[row], x[row] + step)
            here, there = there, here
        if k % 2 == 0:
            out[c, :going] = here[:going]


@njit(cache=True)
def _best_paths(
    emissions: np.ndarray,
    lengths: np.ndarray,
    order: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    own: np.ndarray,
) -> np.ndarray:
    """Labellings; `order` sorts the chains by falling length.

    Only scores are kept on the way there; on the way back one label a step is looked up.
    """
    n, t, k = emissions.shape
    scores, other, going = np.empty((t, k, n)), np.empty(n), n
    for i in range(t):
        while going and lengths[order[going - 1]] <= i:
            going -= 1
        if i:
            _best(scores[i - 1], own, going, scores[i], other)
        else:
            for c in range(k):
                scores[0, c] = start[c]
        for row in range(going):
            for c in range(k):
                scores[i, c, row] += emissions[order[row], i, c]
    paths = np.full((n, t), -1, np.int64)
    found = np.zeros(n, np.int64)
    for i in range(t - 1, -1, -1):
        while going < n and lengths[order[going]] > i:
            going += 1
        for row in range(going):
            at = order[row]
            ends, follows = i == lengths[at] - 1, found[row]
            which, highest = 0, -np.inf
            for c in range(k):  # without branches, as nobody foresees which label it is
                value = scores[i, c, row] + (end[c] if ends else own[c, follows])
                better = value > highest
                which, highest = c if better else which, value if better else highest
            found[row] = paths[at, i] = which
    return paths
