"""The header-less gold files of the WASSA shared tasks, whose rows belong to the rows of a features file by order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affectus.corpora.delimited import decode
from affectus.errors import FileError

ENCODINGS = ("utf-8", "gbk", "latin-1")  # copies that a spreadsheet saved again go round
ESSAY_COLUMNS = 12  # empathy, distress, emotion, five of personality, four of reactivity


def read_gold(path: Path, columns: int, rows: int) -> list[list[str]]:
    """Cells of each row, as many rows as the features have.

    Args:
        path: The gold file: tabs between cells, no header.
        columns: Cells of a row.
        rows: Rows of the features.

    Raises:
        FileError: If there are more or fewer rows or cells.
    """
    lines = [line.rstrip("\r") for line in decode(path, *ENCODINGS)[0].split("\n")]
    cells = [line.split("\t") for line in lines if line.strip()]
    if len(cells) != rows:
        raise FileError(
            f"{path.name!r} has {len(cells)} rows, but its features have {rows}",
            allowed="one row of gold for each row of features, in the same order and without a header",
            remedy="take both files from the same release",
        )
    wrong = next((i for i, row in enumerate(cells) if len(row) != columns), None)
    if wrong is not None:
        raise FileError(f"line {wrong + 1} of {path.name!r} has {len(cells[wrong])} cells", allowed=f"{columns}")
    return cells


def emotions(path: Path, line: int, cell: str, labels: Sequence[str]) -> list[str]:
    """The emotions in a cell, joined by `/` where there are several, in lower case.

    Raises:
        FileError: If one is not a label.
    """
    found = [name.strip().lower() for name in cell.split("/")]
    for name in found:
        if name not in labels:
            raise FileError(f"line {line} of {path.name!r} has the emotion {name!r}", allowed=", ".join(labels))
    return found
