"""Exact sums and maxima over the labellings of a chain, and of a chain with edges between the turns of a speaker.

A step of a chain says which edges lead to an utterance: `SAME`, the turn goes on; `OTHER`, another speaker begins;
`BACK`, another speaker begins who also held the turn before the last one. The label before is joined by the table `own`
inside a turn and by `other` across turns; after `BACK`, `own` also joins the last label of the speaker's turn before.
So only two labels ever matter to what follows: the last one of the turn before, and the present one. Messages over that
pair are exact for any number of speakers (tree width 2); in the first turn, and in a linear chain, the present label is
enough.

All is float64. Sums are taken of exponentials, k of them for k² pairs, and again pair by pair in logarithms where that
would lose digits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

START, SAME, OTHER, BACK = range(4)

_FAINT = 1e-250  # below this a sum may have lost summands to underflow
_STEEP = 600.0  # exponents above this are not taken apart


def turn_steps(speakers: np.ndarray) -> np.ndarray:
    """Step of each utterance, (t,) int64, from the speakers' numbers (t,); the numbers themselves don't matter."""
    steps = np.full(len(speakers), SAME, np.int64)
    steps[:1] = START
    before: int | None = None  # who held the turn before the present one
    for i in range(1, len(speakers)):
        if speakers[i] != speakers[i - 1]:
            steps[i] = BACK if before is not None and speakers[i] == before else OTHER
            before = speakers[i - 1]
    return steps


@njit(cache=True)
def extents(valid: np.ndarray) -> tuple[np.ndarray, bool]:
    """Utterances of each chain (n,), and whether none lies behind a gap, of (n, t) bool."""
    lengths, whole = np.zeros(len(valid), np.int64), True
    for row in range(len(valid)):
        for i in range(valid.shape[1]):
            if valid[row, i]:
                whole &= lengths[row] == i
                lengths[row] += 1
    return lengths, whole


@njit(cache=True)
def _logsum(x: np.ndarray) -> float:
    top = x.max()
    if np.isinf(top):
        return top
    total = 0.0
    for value in x:
        total += np.exp(value - top)
    return top + np.log(total)


@njit(cache=True)
def _through(x: np.ndarray, table: np.ndarray, weights: np.ndarray, top: float, out: np.ndarray) -> None:
    """out[c] = log Σ_b exp(x[b] + table[b, c]), where weights = exp(table − top)."""
    shift = x.max()
    if np.isinf(shift):
        out[:] = shift
        return
    out[:] = 0.0
    for b in range(len(x)):
        share = np.exp(x[b] - shift)
        for c in range(len(out)):
            out[c] += share * weights[b, c]
    for c in range(len(out)):
        if out[c] > _FAINT:
            out[c] = shift + top + np.log(out[c])
        else:
            out[c] = _through_one(x, table, c)


@njit(cache=True)
def _through_one(x: np.ndarray, table: np.ndarray, c: int) -> float:
    """The same for one c, pair by pair."""
    top, total = -np.inf, 0.0
    for b in range(len(x)):
        top = max(top, x[b] + table[b, c])
    if np.isinf(top):
        return top
    for b in range(len(x)):
        total += np.exp(x[b] + table[b, c] - top)
    return top + np.log(total)


@njit(cache=True)
def _pairs(
    x: np.ndarray, table: np.ndarray, weights: np.ndarray, top: float, y: np.ndarray, log_z: float, out: np.ndarray
) -> None:
    """out[b, c] += exp(x[b] + table[b, c] + y[c] − log_z)."""
    left, right = x.max(), y.max()
    scale = left + right + top - log_z
    if scale == -np.inf:
        return
    if scale > _STEEP:
        for b in range(len(x)):
            for c in range(len(y)):
                out[b, c] += np.exp(x[b] + table[b, c] + y[c] - log_z)
        return
    shares = np.exp(y - right)
    for b in range(len(x)):
        share = np.exp(x[b] - left + scale)
        for c in range(len(y)):
            out[b, c] += share * weights[b, c] * shares[c]


@njit(cache=True)
def _exponentials(table: np.ndarray) -> tuple[np.ndarray, float]:
    top = table.max()
    if np.isinf(top):
        top = 0.0
    return np.exp(table - top), top


@njit(cache=True)
def _messages(
    emissions: np.ndarray, steps: np.ndarray, start: np.ndarray, own: np.ndarray, other: np.ndarray, out: np.ndarray
) -> np.ndarray:
    """Forward messages: out[i, a, b] = log of the sum over all labels before, for the pair (a, b) at utterance i.

    Returns the width of each message: 1 in the first turn, where there is no a; k afterwards.
    """
    t, k = emissions.shape
    width = np.ones(t, np.int64)
    own_weights, own_top = _exponentials(own)
    out[0, 0] = start + emissions[0]
    for i in range(1, t):
        if steps[i] == SAME:
            width[i] = width[i - 1]
            for a in range(width[i]):
                _through(out[i - 1, a], own, own_weights, own_top, out[i, a])
                for b in range(k):
                    out[i, a, b] += emissions[i, b]
            continue
        width[i] = k
        for b in range(k):
            before = out[i - 1, : width[i - 1], b].copy()
            if steps[i] == BACK:
                _through(before, own, own_weights, own_top, out[i, b])
            else:
                out[i, b] = _logsum(before)
            for c in range(k):
                out[i, b, c] += other[b, c] + emissions[i, c]
    return width


@njit(cache=True)
def _closed(last: np.ndarray, end: np.ndarray) -> float:
    """Log of the sum over the last message (a, k) and the scores of the end."""
    total = np.empty(len(last))
    for a in range(len(last)):
        total[a] = _logsum(last[a] + end)
    return _logsum(total)


@njit(cache=True)
def _widest(steps: np.ndarray, k: int) -> int:
    """First axis of the messages of a chain: 1 where nobody else ever speaks."""
    for step in steps:
        if step == OTHER:
            return k
    return 1


@njit(cache=True)
def log_partitions(
    emissions: np.ndarray,
    steps: np.ndarray,
    lengths: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
) -> np.ndarray:
    """Log of the sum over all labellings, (n,).

    Args:
        emissions: (n, t, k) float64.
        steps: (n, t) int64.
        lengths: (n,) utterances of each chain; the rest is not looked at.
        start: (k,) score of the first label.
        end: (k,) score of the last one.
        own: (k, k) from the speaker's label before (row) to this one (column).
        other: (k, k) from the other's label before.
    """
    n, k = len(emissions), emissions.shape[2]
    out = np.zeros(n)
    for row in range(n):
        size = lengths[row]
        if size == 0:
            continue
        deep = _widest(steps[row, :size], k)
        messages = np.empty((size, deep, k))
        width = _messages(emissions[row, :size], steps[row, :size], start, own, other, messages)
        out[row] = _closed(messages[-1, : width[-1]], end)
    return out


@njit(cache=True)
def filtered(
    emissions: np.ndarray,
    steps: np.ndarray,
    lengths: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
) -> np.ndarray:
    """Each label's share given what was said so far, (n, t, k), 0 behind the end; arguments as above, `end` unused."""
    n, t, k = emissions.shape
    out = np.zeros((n, t, k))
    for row in range(n):
        size = lengths[row]
        if size == 0:
            continue
        deep = _widest(steps[row, :size], k)
        messages = np.empty((size, deep, k))
        width = _messages(emissions[row, :size], steps[row, :size], start, own, other, messages)
        for i in range(size):
            for b in range(k):
                out[row, i, b] = _logsum(messages[i, : width[i], b].copy())
            out[row, i] = np.exp(out[row, i] - _logsum(out[row, i]))
    return out


@njit(cache=True)
def expectations(
    emissions: np.ndarray,
    steps: np.ndarray,
    lengths: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
    edges: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sums over all labellings: the log partition, and how often each label and each pair stands under the model.

    Args as in `log_partitions`; `edges` says whether pairs are counted.

    Returns:
        Log partition (n,); probability of each label (n, t, k); expected number of pairs under `own` and under `other`,
        (n, k, k) each, 0 if not counted.
    """
    n, t, k = emissions.shape
    log_z, nodes = np.zeros(n), np.zeros((n, t, k))
    own_pairs, other_pairs = np.zeros((n, k, k)), np.zeros((n, k, k))
    own_weights, own_top = _exponentials(own)
    turned = np.ascontiguousarray(own.T)
    turned_weights = np.ascontiguousarray(own_weights.T)
    for row in range(n):
        size = lengths[row]
        if size == 0:
            continue
        deep = _widest(steps[row, :size], k)
        messages = np.empty((size, deep, k))
        width = _messages(emissions[row, :size], steps[row, :size], start, own, other, messages)
        z = _closed(messages[-1, : width[-1]], end)
        log_z[row] = z
        future, before = np.empty((deep, k)), np.empty((deep, k))  # backward messages of the same pairs
        future[:] = end
        spread, ahead = np.empty(k), np.empty(k)
        for i in range(size - 1, -1, -1):
            for a in range(width[i]):
                for b in range(k):
                    nodes[row, i, b] += np.exp(messages[i, a, b] + future[a, b] - z)
            if i == 0:
                break
            if steps[row, i] == SAME:
                for a in range(width[i]):
                    for c in range(k):
                        ahead[c] = emissions[row, i, c] + future[a, c]
                    if edges:
                        _pairs(messages[i - 1, a], own, own_weights, own_top, ahead, z, own_pairs[row])
                    _through(ahead, turned, turned_weights, own_top, before[a])
            else:
                for b in range(k):
                    for c in range(k):
                        ahead[c] = other[b, c] + emissions[row, i, c] + future[b, c]
                        if edges:
                            other_pairs[row, b, c] += np.exp(messages[i, b, c] + future[b, c] - z)
                    if steps[row, i] == BACK:
                        if edges:
                            column = messages[i - 1, :, b].copy()
                            _pairs(column, own, own_weights, own_top, ahead, z, own_pairs[row])
                        _through(ahead, turned, turned_weights, own_top, spread)
                        before[:, b] = spread
                    else:
                        before[: width[i - 1], b] = _logsum(ahead)
            future, before = before, future
    return log_z, nodes, own_pairs, other_pairs


@njit(cache=True)
def _best(x: np.ndarray, table: np.ndarray, out: np.ndarray) -> None:
    """out[c] = max_b (x[b] + table[b, c])."""
    for c in range(len(out)):
        out[c] = x[0] + table[0, c]
    for b in range(1, len(x)):
        for c in range(len(out)):
            value = x[b] + table[b, c]
            if value > out[c]:
                out[c] = value


@njit(cache=True)
def _which(x: np.ndarray, table: np.ndarray, c: int) -> int:
    """The first b with the highest x[b] + table[b, c]."""
    found, highest = 0, x[0] + table[0, c]
    for b in range(1, len(x)):
        if x[b] + table[b, c] > highest:
            found, highest = b, x[b] + table[b, c]
    return found


@njit(cache=True)
def best_paths(
    emissions: np.ndarray,
    steps: np.ndarray,
    lengths: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
) -> np.ndarray:
    """The labelling with the highest score, (n, t) int64, −1 behind the end; arguments as in `log_partitions`.

    Only scores are kept on the way there; on the way back one label a step is looked up.
    """
    n, t, k = emissions.shape
    paths = np.full((n, t), -1, np.int64)
    for row in range(n):
        size = lengths[row]
        if size == 0:
            continue
        scores = np.empty((size, _widest(steps[row, :size], k), k))
        width = np.ones(size, np.int64)
        for b in range(k):
            scores[0, 0, b] = start[b] + emissions[row, 0, b]
        for i in range(1, size):
            if steps[row, i] == SAME:
                width[i] = width[i - 1]
                for a in range(width[i]):
                    _best(scores[i - 1, a], own, scores[i, a])
                    for b in range(k):
                        scores[i, a, b] += emissions[row, i, b]
                continue
            width[i] = k
            for b in range(k):
                before = scores[i - 1, : width[i - 1], b].copy()
                if steps[row, i] == BACK:
                    _best(before, own, scores[i, b])
                else:
                    scores[i, b] = before.max()
                for c in range(k):
                    scores[i, b, c] += other[b, c] + emissions[row, i, c]
        a, b, highest = 0, 0, -np.inf
        for first in range(width[-1]):
            for last in range(k):
                if scores[-1, first, last] + end[last] > highest:
                    a, b, highest = first, last, scores[-1, first, last] + end[last]
        for i in range(size - 1, -1, -1):
            paths[row, i] = b
            if i == 0:
                break
            if steps[row, i] == SAME:
                b = _which(scores[i - 1, a], own, b)
            elif steps[row, i] == BACK:
                a, b = _which(scores[i - 1, :, a].copy(), own, b), a
            else:
                a, b = int(scores[i - 1, : width[i - 1], a].argmax()), a
    return paths
