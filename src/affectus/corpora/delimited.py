"""Rows of the delimited text files that corpora come in: named columns, and their damages with line and remedy."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from affectus.errors import FileError, suggest

_CJK = re.compile("[\u3400-\u9fff\uac00-\ud7af]")


class Rows(NamedTuple):
    """A file that was read.

    Args:
        rows: Column → cell, of every row that has as many cells as there are columns.
        lines: Line in the file on which each row ends, from 1.
        malformed: Number of rows with another number of cells; only where that is let pass.
    """

    rows: list[dict[str, str]]
    lines: list[int]
    malformed: int


def decode(path: Path, *encodings: str) -> tuple[str, str]:
    """The text of a file and the first of some encodings that fits; a byte-order mark is dropped.

    Raises:
        FileError: If none fits, or the file can't be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(f"can't read {str(path)!r}: {error.strerror}", remedy="check the path") from error
    for encoding in encodings or ("utf-8",):
        try:
            text = raw.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
        # English that was saved again as GBK has its quotation marks in that code, but no Chinese characters.
        if encoding != "gbk" or not _CJK.search(text):
            return text, encoding
    byte = _first_wrong(raw, (encodings or ("utf-8",))[0])
    raise FileError(
        f"{str(path)!r} is not {' or '.join(encodings or ('utf-8',))} (byte {byte} is {raw[byte]:#04x})",
        remedy="save it as UTF-8, or get the corpus's own file again",
    )


def _first_wrong(raw: bytes, encoding: str) -> int:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return 0


def read_rows(
    path: Path,
    needed: Sequence[str],
    *,
    delimiter: str = ",",
    quoted: bool = True,
    escape: str | None = None,
    text: str | None = None,
    pass_malformed: bool = False,
) -> Rows:
    """Rows of a file whose first line names the columns.

    Args:
        path: The file.
        needed: Columns that must be there.
        delimiter: Between cells.
        quoted: Whether quotation marks hold cells together; else they are characters like others.
        escape: Character that makes the next one ordinary; then a doubled quotation mark means nothing.
        text: What the file holds, if it was decoded already; else it is UTF-8.
        pass_malformed: Count rows with too many or too few cells instead of refusing them.

    Raises:
        FileError: If a column is missing, a row does not fit, or the encoding is another.
    """
    content = decode(path)[0] if text is None else text
    reader = csv.reader(
        io.StringIO(content, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        escapechar=escape,
        doublequote=escape is None,
    )
    rows, lines, malformed = [], [], 0
    try:
        header = [name.strip() for name in next(reader, [])]
        check_columns(path, header, needed)
        for cells in reader:
            if not cells:
                continue
            if len(cells) == len(header):
                rows.append(dict(zip(header, cells, strict=True)))
                lines.append(reader.line_num)
            elif pass_malformed:
                malformed += 1
            else:
                raise FileError(
                    f"line {reader.line_num} of {path.name!r} has {len(cells)} cells",
                    allowed=f"{len(header)}, as the header has",
                    remedy="get the file again; a spreadsheet may have changed it",
                )
    except csv.Error as error:
        raise FileError(
            f"line {reader.line_num} of {path.name!r}: {error}", remedy="get the file again, or mend that line"
        ) from error
    return Rows(rows, lines, malformed)


def check_columns(path: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    """Raise `FileError` if a needed column is not in the header."""
    missing = [name for name in needed if name not in header]
    if missing:
        raise FileError(
            f"{path.name!r} lacks the column {missing[0]!r}; it has {', '.join(header[:20]) or 'none'}",
            allowed=", ".join(needed),
            remedy=suggest(missing[0], header) or "get the corpus's own file",
        )


def value(path: Path, line: int, column: str, cell: str, low: float, high: float) -> float:
    """The number in a cell.

    Raises:
        FileError: If it is none, or lies outside [low, high].
    """
    try:
        number = float(cell)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise FileError(
            f"line {line} of {path.name!r} has {cell!r} in {column!r}",
            allowed=f"a number from {low:g} to {high:g}",
            remedy="get the file again, or mend that line",
        )
    return number


def label(path: Path, line: int, column: str, cell: str, labels: Sequence[str]) -> str:
    """The label in a cell.

    Raises:
        FileError: If it is not one of the corpus.
    """
    if cell not in labels:
        raise FileError(
            f"line {line} of {path.name!r} has {cell!r} in {column!r}",
            allowed=", ".join(labels),
            remedy=suggest(cell, labels) or "mend that line",
        )
    return cell
