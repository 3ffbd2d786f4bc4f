"""The order in which an epoch sees the data: plain functions of a seed, so that a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POOL = 50  # batches that are sorted together; larger pools pad less and shuffle less


def epoch_rows(sizes: Sequence[int], passes: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Row numbers of one epoch over several corpora that stand one after another.

    Args:
        sizes: Rows of each corpus.
        passes: How many times each is passed over; the part after the point is drawn anew in each epoch.
        rng: Source of the draw.
    """
    rows, first = [], 0
    for size, times in zip(sizes, passes, strict=True):
        corpus = np.arange(first, first + size)
        rows += [corpus] * int(times)
        rows.append(rng.permutation(corpus)[: round(size * (times % 1))])
        first += size
    return np.concatenate(rows)


def shuffled(rows: np.ndarray, batch: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches in random order; the last one may be smaller."""
    mixed = rng.permutation(rows)
    return [mixed[at : at + batch] for at in range(0, len(mixed), batch)]


def by_length(rows: np.ndarray, lengths: np.ndarray, batch: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches of like length in random order: shuffle, sort within pools, cut, shuffle the batches.

    Args:
        rows: Row numbers of the epoch.
        lengths: Length of each row of the data.
        batch: Rows of a batch.
        rng: Source of the order.
    """
    mixed, batches = rng.permutation(rows), []
    for at in range(0, len(mixed), batch * POOL):
        pool = mixed[at : at + batch * POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch] for i in range(0, len(pool), batch)]
    return [batches[i] for i in rng.permutation(len(batches))]


def balanced(rows: np.ndarray, classes: np.ndarray, batch: int, rng: np.random.Generator) -> list[np.ndarray]:
    """As many rows as the epoch has, drawn with replacement so that each class is as likely as any other.

    Args:
        rows: Row numbers of the epoch.
        classes: Class number of each row of the data.
        batch: Rows of a batch.
        rng: Source of the draws.
    """
    counts = np.bincount(classes[rows])
    weights = 1 / counts[classes[rows]]
    return shuffled(rng.choice(rows, len(rows), p=weights / weights.sum()), batch, rng)


def within(rows: np.ndarray, groups: np.ndarray, batch: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches that each hold rows of one group, in random order: one person an episode, or one corpus a batch.

    Args:
        rows: Row numbers of the epoch.
        groups: Group number of each row of the data.
        batch: Rows of a batch.
        rng: Source of the order.
    """
    batches: list[np.ndarray] = []
    for group in np.unique(groups[rows]):
        batches += shuffled(rows[groups[rows] == group], batch, rng)
    return [batches[i] for i in rng.permutation(len(batches))]
