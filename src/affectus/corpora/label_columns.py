"""Cells of label columns → a scale and scores on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from affectus.errors import FileError, InputError, UnknownName, suggest
from affectus.taxonomy import Scale, known_scales, register_scale, scale

Kind = Literal["one-of", "any-of", "level"]
_BINS = 10  # of a level


def empty(cell: Any) -> bool:
    """Whether nothing stands in a cell."""
    if isinstance(cell, float):
        return math.isnan(cell)
    return cell is None or (isinstance(cell, str) and not cell.strip())


def number(cell: Any) -> float | None:
    """The finite number that a cell holds, or None."""
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def kind_of(values: Sequence[Any], columns: int) -> Kind:
    """What the cells tell: several columns of 0 and 1, or several labels in a cell: any-of; numbers: level."""
    if columns > 1:
        return "any-of" if all(number(cell) in (0, 1) for cells in values for cell in cells) else "level"
    if any(isinstance(value, tuple) for value in values):
        return "any-of"
    return "level" if all(number(value) is not None for value in values) else "one-of"


def score(
    where: Sequence[str],
    values: Sequence[Any],
    columns: Sequence[str],
    kind: Kind,
    name: str,
    low: float | None,
    high: float | None,
) -> tuple[Scale, np.ndarray]:
    """The scale, registered, and the scores (n, k) float32.

    Args:
        where: Name of each row, for messages.
        values: Of each row: a label, a tuple of labels, or with several columns a tuple of their cells.
        columns: Label columns.
        kind: Of the scale.
        name: Of the scale: a known one, which the labels must be on, or a new one.
        low: Lower end of a new level; None takes the lowest number.
        high: Upper end of a new level; None takes the highest.

    Raises:
        FileError: If a cell is not acceptable.
        InputError: If all rows have the same label, or a known scale is of another kind.
        UnknownName: If a label is not on the known scale.
    """
    if kind == "level" or len(columns) > 1:
        cells = values if len(columns) > 1 else [(value,) for value in values]
        numbers = np.array([_numbers(*row, columns) for row in zip(where, cells, strict=True)], np.float32)
        if kind == "level":
            return _level(where, numbers, columns, name, low, high), numbers
        return _switches(where, numbers, columns, kind, name)
    chosen = [value if isinstance(value, tuple) else (str(value),) for value in values]
    for row, labels in zip(where, chosen, strict=True):
        if kind == "one-of" and len(labels) > 1:
            raise FileError(
                f"{row} has the labels {', '.join(labels)}", allowed="one label", remedy="let the kind be any-of"
            )
    found = sorted({label for labels in chosen for label in labels})
    if len(found) < 2:
        raise _constant(found[0], columns)
    of = _known_or_new(name, found, kind)
    scores = np.zeros((len(values), len(of)), np.float32)
    for at, labels in enumerate(chosen):
        scores[at, [of.index(label) for label in labels]] = 1
    return of, scores


def strata(scores: np.ndarray, of: Scale) -> list[int]:
    """What a drawn split has alike in all parts: the rarest label of each row, or the tenth that its level is in."""
    if of.kind == "level":
        means = scores.mean(1)
        return np.searchsorted(np.quantile(means, np.arange(1, _BINS) / _BINS), means).tolist()
    return np.where(scores > 0, scores.sum(0), np.inf).argmin(1).tolist()


def unseen(scores: np.ndarray, train: np.ndarray, of: Scale) -> dict[str, int]:
    """Labels that rows have but no row of train, with the number of such rows.

    Args:
        scores: (n, k).
        train: (n,) bool.
        of: Their scale.
    """
    if of.kind == "level" or not train.any():
        return {}
    missing = np.flatnonzero((scores > 0).any(0) & ~(scores[train] > 0).any(0))
    return {of.labels[i]: int((scores[:, i] > 0).sum()) for i in missing}


def _numbers(where: str, cells: Sequence[Any], columns: Sequence[str]) -> list[float]:
    out = []
    for column, cell in zip(columns, cells, strict=True):
        value = number(cell)
        if value is None:
            raise FileError(
                f"{where} has {cell!r} in {column!r}", allowed="numbers, in a level or in several label columns"
            )
        out.append(value)
    return out


def _level(
    where: Sequence[str],
    numbers: np.ndarray,
    columns: Sequence[str],
    name: str,
    low: float | None,
    high: float | None,
) -> Scale:
    bottom, top = float(numbers.min()), float(numbers.max())
    if bottom == top:
        raise _constant(f"{bottom:g}", columns)
    if name in known_scales():
        of = _known_or_new(name, columns, "level")
        if of.labels != tuple(columns):
            raise InputError(
                f"the scale {name!r} has the labels {', '.join(of.labels)}",
                allowed=f"the label columns {', '.join(columns)}",
                remedy="choose another name for the scale",
            )
    else:
        ends = (bottom if low is None else low, top if high is None else high)
        of = Scale(name, tuple(columns), "level", *ends, source="label columns of an own table")
    outside = np.argwhere((numbers < of.low) | (numbers > of.high))
    if len(outside):
        row, column = outside[0]
        raise FileError(
            f"{where[row]} has {numbers[row, column]:g} in {columns[column]!r}",
            allowed=f"{of.low:g} to {of.high:g}",
            remedy="mend the row, or give other ends of the level (low, high)",
        )
    return register_scale(of)


def _switches(
    where: Sequence[str], numbers: np.ndarray, columns: Sequence[str], kind: Kind, name: str
) -> tuple[Scale, np.ndarray]:
    wrong = np.argwhere(~np.isin(numbers, (0, 1)))
    if len(wrong):
        row, column = wrong[0]
        raise FileError(f"{where[row]} has {numbers[row, column]:g} in {columns[column]!r}", allowed="0 or 1")
    if kind == "one-of" and (several := np.flatnonzero(numbers.sum(1) != 1)).size:
        raise FileError(
            f"{where[several[0]]} has {numbers[several[0]].sum():g} labels",
            allowed="one label",
            remedy="let the kind be any-of",
        )
    of = _known_or_new(name, columns, kind)
    scores = np.zeros((len(numbers), len(of)), np.float32)
    scores[:, [of.index(column) for column in columns]] = numbers
    return of, scores


def _known_or_new(name: str, labels: Sequence[str], kind: Kind) -> Scale:
    if name not in known_scales():
        return register_scale(Scale(name, tuple(labels), kind, source="labels of an own table"))
    of = scale(name)
    for label in labels:
        if label not in of.labels:
            raise UnknownName(
                f"the label {label!r} is not on the scale {name!r}",
                allowed=", ".join(of.labels),
                remedy=suggest(label, of.labels) or "mend the row, or choose another name for the scale",
            )
    if of.kind != kind:
        raise InputError(
            f"the scale {name!r} is {of.kind}, but the labels are {kind}", remedy="choose another name for the scale"
        )
    return of


def _constant(label: str, columns: Sequence[str]) -> InputError:
    return InputError(
        f"every row has {label!r} in {', '.join(columns)}",
        allowed="two different labels or more",
        remedy="name another label column, or add rows that differ",
    )
