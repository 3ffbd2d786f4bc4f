"""Drawing a split where a corpus brings none: seeded, stratified, and never through a group."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from affectus.errors import InputError

FOLDS = 10  # one is test, one is dev, the others are train


def deal(strata: Sequence[Hashable], groups: Sequence[Hashable], *, folds: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Number of the fold of each row, (n,).

    Groups are dealt out whole: large ones first, then those of a rare stratum, otherwise in a seeded order; each to the
    fold that holds the fewest rows of its strata, among equals to the smallest, then to the first.

    Args:
        strata: Of each row: what all folds should have alike, for example the label.
        groups: Of each row: what must stay in one fold.
        folds: Number of folds.
        seed: Of the order.
    """
    stratum = np.unique(np.array([repr(s) for s in strata]), return_inverse=True)[1]
    group = np.unique(np.array([repr(g) for g in groups]), return_inverse=True)[1]
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    rarest = np.bincount(stratum)[stratum]
    shuffled = np.random.default_rng(seed).permutation(len(members))
    order = sorted(shuffled, key=lambda i: (-len(members[i]), rarest[members[i]].min()))
    held = np.zeros((folds, stratum.max(initial=0) + 1))
    fold = np.empty(len(stratum), np.int64)
    for i in order:
        rows = members[i]
        best = np.lexsort((held.sum(1), held[:, stratum[rows]].sum(1)))[0]
        fold[rows] = best
        np.add.at(held[best], stratum[rows], 1)
    return fold


def draw(strata: Sequence[Hashable], groups: Sequence[Hashable], *, seed: int = 0) -> list[str]:
    """`train`, `dev` or `test` for each row: about eight, one and one tenth.

    The folds of train come first, so that a label too rare for all folds is in train.

    Raises:
        InputError: If there are fewer than three groups.
    """
    count = len(set(groups))
    if count < 3:
        raise InputError(
            f"{len(groups)} rows in {count} groups are too few to draw a split from",
            allowed="three groups or more",
            remedy="add rows, or name a column that says train, dev or test",
        )
    folds = min(FOLDS, count)
    name = {folds - 1: "test", folds - 2: "dev"}
    return [name.get(int(fold), "train") for fold in deal(strata, groups, folds=folds, seed=seed)]
