"""Is a reader as good for everybody? One figure in each subgroup, and its gap to the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.checks import same_length
from affectus.evaluation.compared import holm
from affectus.evaluation.intervals import Difference, Interval, how, percentiles, resampled

SMALL = 50
NOT_GIVEN = "not given"


@dataclass(frozen=True)
class Subgroup:
    """One figure among the items that share something.

    Args:
        name: Value of the column.
        n: Number of items.
        figure: The figure on them with its interval; None where it is undefined.
        gap: The figure on them less the figure on all other items, with its interval; None if it can't be had.
        corrected: p-value of the gap after Holm's correction over the subgroups that are not small.
        small: Whether there are too few items to say much.
    """

    name: str
    n: int
    figure: Interval | None
    gap: Difference | None
    corrected: float | None
    small: bool


def subgroups(
    function: Callable[..., float],
    column: Iterable[Any],
    *arrays: Any,
    n: int = 2000,
    seed: int = 0,
    groups: Any = None,
    level: float = 0.95,
    small: int = SMALL,
) -> list[Subgroup]:
    """A figure in each subgroup, the largest first.

    The gap's interval comes from resamples of all items. A gap need not be the reader's doing: subgroups differ in
    which labels they have and how hard their items are. Prefer means over items (accuracy, Jaccard, MAE): a macro-F1
    over fixed labels falls in a small subgroup just because labels that it lacks count 0.

    Args:
        function: Takes the arrays and returns one number.
        column: (rows,) what the items are divided by, for example sex, language, corpus; None and "" are `not given`.
        *arrays: Arrays with one row an item.
        n: Number of resamples.
        seed: Seed of the draws.
        groups: (rows,) cluster of each item, drawn whole, as in `bootstrap`.
        level: Coverage of the intervals.
        small: Subgroups with fewer items are flagged and take no part in the correction.
    """
    rows = tuple(np.asarray(a) for a in arrays)
    names = np.array([NOT_GIVEN if value is None or value == "" else str(value) for value in column], dtype=object)
    same_length(names, *rows)
    values, counts = np.unique(names.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    draws = {"n": n, "seed": seed, "groups": groups}
    found = [_one(function, name, names == name, rows, small, level, draws) for name in values[order].tolist()]
    tested = [i for i, of in enumerate(found) if of.gap is not None and not of.small]
    if tested:
        p = [gap.p for gap in (found[i].gap for i in tested) if gap is not None]
        # Of two subgroups each is the other's rest: that is one comparison.
        raised = p if len(found) == 2 else holm(p).tolist()
        for i, value in zip(tested, raised, strict=True):
            found[i] = replace(found[i], corrected=float(value))
    return found


def _one(
    function: Callable[..., float],
    name: str,
    inside: np.ndarray,
    rows: tuple[np.ndarray, ...],
    small: int,
    level: float,
    draws: dict[str, Any],
) -> Subgroup:
    count, method = int(inside.sum()), how(draws["n"], draws["groups"], level)
    part, rest = (tuple(a[mask] for a in rows) for mask in (inside, ~inside))
    value = float(function(*part))
    other = float(function(*rest)) if len(rest[0]) else float("nan")
    figure = gap = None
    try:
        ours = resampled(function, *rows, part=inside, **draws)
        figure = None if np.isnan(value) else Interval(value, *percentiles(ours, level), level, method)
        if not np.isnan(value - other):
            theirs = resampled(function, *rows, part=~inside, **draws)
            gap = Difference.between(value - other, ours - theirs, level, method)
    except InputError:  # undefined in too many resamples
        pass
    return Subgroup(name, count, figure, gap, None, count < small)
