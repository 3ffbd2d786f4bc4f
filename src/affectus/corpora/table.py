"""A table of one's own as a corpus: a column of texts, one or more of labels, and a split, given or drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from affectus.corpora.base import Corpus, Loaded, with_gold
from affectus.corpora.drawing import SPLITS, draw
from affectus.corpora.label_columns import Kind, empty, kind_of, number, score, strata, unseen
from affectus.errors import FileError, InputError, check_option, suggest
from affectus.formats.table import Row, read_table
from affectus.media.faults import Fault
from affectus.sample import Sample
from affectus.taxonomy import Perspective, Scale, Target

_SPLIT_OF = {name: name for name in SPLITS} | dict.fromkeys(("val", "valid", "validation", "development"), "dev")
_FEW = 20  # whole numbers that may as well be the ids of classes


class _Labelled(NamedTuple):
    row: Row
    value: Any  # a label, a tuple of labels, or numbers
    split: str  # empty where the table has none


def read(
    path: Path | str,
    *,
    text: str | None = None,
    label: str | Sequence[str],
    separator: str | None = None,
    split: str | None = None,
    group: str | None = None,
    identifier: str | None = None,
    kind: Kind | None = None,
    low: float | None = None,
    high: float | None = None,
    scale_name: str | None = None,
    perspective: Perspective = "perceived",
    language: str | None = None,
    encoding: str | None = None,
    seed: int = 0,
) -> Loaded:
    """Read a table as a corpus with one target.

    What the labels are is told by the columns: words are single labels (one-of); words with a separator, or lists, are
    several (any-of); numbers are a level. Several label columns are the labels of one scale: an any-of if they hold
    only 0 and 1, else a level. Labels stand in alphabetical order; the columns' order is kept.

    Without a split column a tenth becomes `test`, a tenth `dev` and the rest `train`, stratified by label. Rows of one
    group, or of one text where no group is named, fall into one split.

    Args:
        path: .csv .tsv .jsonl .parquet.
        text: Column of the texts; None as in `read_table`.
        label: Column of the labels, or columns of numbers.
        separator: Between several labels in a cell, for example `","`.
        split: Column that says train, dev (val, valid, validation) or test.
        group: Column of what must not be split: author, dialogue, article.
        identifier: Column of ids; None numbers the rows.
        kind: Overrules what the columns tell, for example `"one-of"` for classes written as numbers.
        low: Lower end of a level; None takes the lowest number.
        high: Upper end of a level; None takes the highest number.
        scale_name: A known scale that the labels must be on, or the name of the new one; None names it after file and
            column.
        perspective: Whose feeling the labels speak of.
        language: BCP-47 tag of the texts.
        encoding: As in `read_table`.
        seed: Of the drawn split.

    Returns:
        The corpus, named after the file; the scale is registered.

    Raises:
        FileError: If the file can't be read, or a label, split or id in it is not acceptable (with its row).
        InputError: If a column is missing, there is but one class, or too few rows for a split.
        ScaleError: If another scale has the name.
    """
    path, columns = Path(path), (label,) if isinstance(label, str) else tuple(label)
    faults: list[Fault] = []
    rows = list(read_table(path, text, encoding, faults))
    if not rows:
        raise FileError(f"{str(path)!r} has no rows", remedy="give a table with a header and labelled texts")
    _check_columns(path, rows, [*columns, *(c for c in (split, group, identifier) if c)])
    kept, left_out = _labelled(path, rows, columns, separator, split)
    if not kept:
        raise FileError(
            f"no row of {str(path)!r} has text and label ({_counts(left_out)})",
            remedy="name other columns, or fill them in",
        )
    values = [one.value for one in kept]
    if kind is None:
        kind = kind_of(values, len(columns))
    check_option("kind", kind, get_args(Kind))
    where = [f"row {one.row.item + 1} of {str(path)!r}" for one in kept]
    of, scores = score(where, values, columns, kind, scale_name or _slug(f"{path.stem}-{'-'.join(columns)}"), low, high)
    shared = [_group(one.row, group) for one in kept]
    if split is None:
        together = [g or _plain(one.row.text) for g, one in zip(shared, kept, strict=True)]
        parts = draw(strata(scores, of), together, seed=seed)
    else:
        parts = [one.split for one in kept]
    remarks = {f"read with a guessed encoding ({fault.text})": len(kept) for fault in faults}
    if kind == "level" and len(columns) == 1 and _like_classes(values):
        remarks["read as numbers on a level; if they are classes, say so with the kind one-of"] = len(kept)
    for label_name, count in unseen(scores, np.array([part == "train" for part in parts]), of).items():
        remarks[f"with the label {label_name!r}, which no row of train has"] = count
    corpus = _corpus(path, of, perspective, language, group)
    samples = with_gold(
        [_sample(corpus.name, one.row, group, g, identifier, language) for one, g in zip(kept, shared, strict=True)],
        {of.name: scores},
        perspective=perspective,
        by=f"{path.name}, {', '.join(columns)}",
        modality="text",
    )
    splits: dict[str, list[Sample]] = {name: [] for name in SPLITS if name in parts}
    for sample, part in zip(samples, parts, strict=True):
        splits[part].append(sample)
    return Loaded(corpus, splits, left_out, remarks)


def _slug(text: str) -> str:
    return re.sub(r"\W+", "-", text.lower()).strip("-_") or "table"


def _check_columns(path: Path, rows: Sequence[Row], wanted: Iterable[str]) -> None:
    there = list(dict.fromkeys(name for row in rows[:1000] for name in row.values))
    for column in wanted:
        if column not in there:
            raise InputError(
                f"{str(path)!r} has no column {column!r}",
                allowed=", ".join(map(repr, there)),
                remedy=suggest(column, there) or "name one of these",
            )


def _labelled(
    path: Path, rows: Sequence[Row], columns: Sequence[str], separator: str | None, split: str | None
) -> tuple[list[_Labelled], dict[str, int]]:
    kept, left_out = [], {"no text": 0, "no label": 0, "no split": 0}
    for row in rows:
        value, part = _value(row, columns, separator), _split(path, row, split) if split else ""
        if not row.text.strip():
            left_out["no text"] += 1
        elif value is None:
            left_out["no label"] += 1
        elif part is None:
            left_out["no split"] += 1
        else:
            kept.append(_Labelled(row, value, part))
    return kept, left_out


def _split(path: Path, row: Row, column: str) -> str | None:
    cell = row.values.get(column)
    if empty(cell):
        return None
    found = _SPLIT_OF.get(str(cell).strip().lower())
    if found is None:
        raise FileError(
            f"row {row.item + 1} of {str(path)!r} has {cell!r} in {column!r}",
            allowed=", ".join(_SPLIT_OF),
            remedy="rename it, or name no split column to have a split drawn",
        )
    return found


def _value(row: Row, columns: Sequence[str], separator: str | None) -> Any:
    cells = [row.values.get(column) for column in columns]
    if len(columns) > 1:
        return None if any(empty(cell) for cell in cells) else tuple(cells)
    (cell,) = cells
    if isinstance(cell, list | tuple):
        return tuple(str(label).strip() for label in cell if not empty(label)) or None
    if empty(cell):
        return None
    if separator is not None:
        return tuple(dict.fromkeys(part.strip() for part in str(cell).split(separator) if part.strip())) or None
    return cell.strip() if isinstance(cell, str) else cell


def _like_classes(values: Sequence[Any]) -> bool:
    different = {number(value) for value in values}
    return len(different) <= _FEW and all(n is not None and n.is_integer() for n in different)


def _group(row: Row, column: str | None) -> str | None:
    cell = row.values.get(column) if column else None
    return None if empty(cell) else str(cell).strip()


def _counts(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} with {reason}" for reason, count in left_out.items() if count)


def _corpus(path: Path, of: Scale, perspective: Perspective, language: str | None, group: str | None) -> Corpus:
    return Corpus(
        name=_slug(path.stem),
        title=f"own table {path.name}",
        modality="text",
        targets=(Target(of.name, perspective),),
        language=language or "",
        licence="not stated: an own table",
        ship=False,
        consent="not stated: an own table",
        citation=path.name,
        perspective_source="as said when it was read",
        group=group or "none is given; equal texts stay together",
    )


def _sample(
    corpus: str, row: Row, kind: str | None, group: str | None, identifier: str | None, language: str | None
) -> Sample:
    return Sample(
        id=str(row.values.get(identifier)) if identifier else f"{corpus}-{row.item}",
        source=corpus,
        item=row.item,
        text=row.text,
        language=language,
        groups={kind: group} if kind and group else {},
    )


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
