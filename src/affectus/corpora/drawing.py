"""Drawing a split where a corpus brings none: seeded, stratified, and never through a group."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from affectus.corpora.base import Loaded, gold, groups
from affectus.corpora.label_columns import strata
from affectus.errors import InputError
from affectus.taxonomy import scale

SPLITS = ("train", "dev", "test")
FOLDS = 10  # one is test, one is dev, the others are train


def deal(alike: Sequence[Hashable], together: Sequence[Hashable], *, folds: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Number of the fold of each row, (n,).

    Groups are dealt out whole: large ones first, then those of a rare stratum, otherwise in a seeded order; each to the
    fold that holds the fewest rows of its strata, among equals to the smallest, then to the first.

    Args:
        alike: Of each row: what all folds should have alike, its stratum, for example the label.
        together: Of each row: what must stay in one fold, its group.
        folds: Number of folds.
        seed: Of the order.
    """
    stratum = np.unique(np.array([repr(s) for s in alike]), return_inverse=True)[1]
    group = np.unique(np.array([repr(g) for g in together]), return_inverse=True)[1]
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


def draw(alike: Sequence[Hashable], together: Sequence[Hashable], *, seed: int = 0) -> list[str]:
    """`train`, `dev` or `test` for each row: about eight, one and one tenth.

    The folds of train come first, so that a label too rare for all folds is in train.

    Args:
        alike: Of each row: what the parts should have alike, for example the label.
        together: Of each row: what must stay in one part.
        seed: Of the draw.

    Raises:
        InputError: If there are fewer than three groups.
    """
    count = len(set(together))
    if count < 3:
        raise InputError(
            f"{len(together)} rows in {count} groups are too few to draw a split from",
            allowed="three groups or more",
            remedy="add rows, or name a column that says train, dev or test",
        )
    folds = min(FOLDS, count)
    name = {folds - 1: "test", folds - 2: "dev"}
    return [name.get(int(fold), "train") for fold in deal(alike, together, folds=folds, seed=seed)]


def redraw(loaded: Loaded, group: str, of: str, *, seed: int = 0) -> Loaded:
    """A corpus with a split of our own that never cuts through a group, in place of its splits.

    Args:
        loaded: The corpus; the samples of all its splits are drawn from.
        group: Kind of group that stays together, for example `"author"`.
        of: Scale whose labels, or tenths of a level, all parts have alike.
        seed: Of the draw.

    Raises:
        UnknownName: If no sample has the group.
        InputError: If there are fewer than three groups.
    """
    samples = [sample for rows in loaded.splits.values() for sample in rows]
    scores = np.nan_to_num(gold(samples, of))
    together = [name or sample.id for name, sample in zip(groups(samples, group), samples, strict=True)]
    parts = draw(strata(scores, scale(of)), together, seed=seed)
    splits = {name: [s for s, part in zip(samples, parts, strict=True) if part == name] for name in SPLITS}
    return replace(loaded, corpus=replace(loaded.corpus, splits={}), splits=splits)


def draw_three_ways(
    users: Sequence[Hashable],
    times: Sequence[Any],
    *,
    unseen: float = 0.1,
    later: float = 0.1,
    random: float = 0.1,
    seed: int = 0,
) -> list[str]:
    """A split with three tests, each of which asks one thing (Aroyehun et al. 2023): chance, people, time.

    `test-time` are the posts after a date, of people that train may know; `test-users` those of people who are in no
    other part, up to that date; `test-random` and `dev` are drawn from what is left, and the rest is `train`. Posts of
    unseen people after the date would ask two things at once and are `unused`.

    Args:
        users: Who wrote each post.
        times: When, as anything that can be ordered.
        unseen: Share of the users in `test-users`.
        later: Largest share of the posts that are later; posts of the last day before them are never parted.
        random: Share of the rest in `test-random`, and again in `dev`.
        seed: Of all draws.

    Raises:
        InputError: If a part would be empty.
    """
    rng, n = np.random.default_rng(seed), len(users)
    if n == 0:
        raise InputError("there are no posts to split")
    people = sorted(set(users), key=repr)
    strangers = {people[i] for i in rng.permutation(len(people))[: round(unseen * len(people))]}
    date = sorted(times)[max(0, n - 1 - int(later * n))]
    names, rest = ["train"] * n, []
    for row, (user, time) in enumerate(zip(users, times, strict=True)):
        if time > date:
            names[row] = "unused" if user in strangers else "test-time"
        elif user in strangers:
            names[row] = "test-users"
        else:
            rest.append(row)
    count = round(random * len(rest))
    for place, row in enumerate(rng.permutation(rest)[: 2 * count]):
        names[int(row)] = "test-random" if place < count else "dev"
    empty = {"train", "dev", "test-random", "test-users", "test-time"} - set(names)
    if empty:
        raise InputError(
            f"of {n} posts by {len(people)} users none would be in {min(empty)!r}",
            remedy="pass more posts, or other shares",
        )
    return names
