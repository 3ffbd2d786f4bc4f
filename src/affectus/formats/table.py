"""Rows of CSV, TSV, JSON lines and Parquet, one at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from affectus.errors import AffectusError, FileError, InputError, suggest
from affectus.formats.text import open_text
from affectus.media.faults import Fault
from affectus.media.files import check_file

TEXT_COLUMNS = (
    "text", "utterance", "sentence", "tweet", "message", "content", "comment", "post", "body", "review", "headline",
    "transcript", "transcription", "turn", "situation", "essay",
)  # fmt: skip
"""Names that a column of texts commonly has; one is taken by itself only when no other of them is there."""

_DELIMITERS = ",;\t|"
_LONGEST_FIELD = 2**26  # characters; an unclosed quotation mark would otherwise swallow any file


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        item: Number of the row, from 0.
        text: What stands in the text column; empty where nothing does.
        values: All columns by name.
    """

    item: int
    text: str
    values: dict[str, Any] = field(default_factory=dict)


def read_table(
    path: Path | str, text_column: str | None = None, encoding: str | None = None, faults: list[Fault] | None = None
) -> Iterator[Row]:
    """Rows of a table, in constant memory.

    Args:
        path: .csv .tsv .jsonl .parquet. The delimiter of a .csv (comma, semicolon, tab, bar) is told by its header.
        text_column: Name of the column with the texts; None takes the only column, or the only one with a common name.
        encoding: As in `text.read_text`.
        faults: Receives `encoding-guessed`.

    Raises:
        FileError: If the file is damaged or a row is malformed (with its line), or its suffix is not of a table.
        InputError: If there is no column of that name, or none can be chosen.
    """
    path = Path(path)
    readers = {".csv": _delimited, ".tsv": _delimited, ".jsonl": _json_lines}
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _parquet(check_file(path), text_column)
    if suffix not in readers:
        raise FileError(
            f"{str(path)!r} is no table", allowed=".csv .tsv .jsonl .parquet", remedy="rename or convert it"
        )
    return readers[suffix](path, text_column, encoding, faults)


def choose_column(columns: Sequence[str], wanted: str | None, path: Path) -> str:
    """The column with the texts.

    Raises:
        InputError: If the wanted one is not there, or if none was named and several or none would do.
    """
    listing = ", ".join(map(repr, columns)) or "none"
    if wanted is not None:
        if wanted in columns:
            return wanted
        remedy = suggest(wanted, columns) or "name one of these as the text column"
        raise InputError(f"{str(path)!r} has no column {wanted!r}", allowed=listing, remedy=remedy)
    likely = [c for c in columns if c.strip().lower() in TEXT_COLUMNS]
    if len(likely) == 1:
        return likely[0]
    if not likely and len(columns) == 1:
        return columns[0]
    what = f"{str(path)!r}: {'several columns' if likely else 'no column'} could hold the texts"
    raise InputError(what, allowed=listing, remedy="name one with --text-column (text_column=…)")


def _delimited(path: Path, wanted: str | None, encoding: str | None, faults: list[Fault] | None) -> Iterator[Row]:
    cells = _cells(path, encoding, faults)
    _, header = next(cells)
    column = header.index(choose_column(header, wanted, path))
    for item, (_, row) in enumerate(cells):
        yield Row(item, row[column] if column < len(row) else "", dict(zip(header, row, strict=False)))


def delimited_lines(
    path: Path, encoding: str | None, faults: list[Fault] | None
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number from 1, cells by column) of every row of a .csv or .tsv; what a short row lacks is empty.

    Raises:
        FileError: If the file is malformed.
    """
    cells = _cells(path, encoding, faults)
    _, header = next(cells)
    for number, row in cells:
        yield number, dict(zip_longest(header, row, fillvalue=""))


def _cells(path: Path, encoding: str | None, faults: list[Fault] | None) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every row that is not empty, the header first; of an empty file just an empty header."""
    with open_text(path, encoding, faults) as file:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(file.readline())
        file.seek(0)
        csv.field_size_limit(_LONGEST_FIELD)
        reader = csv.reader(file, delimiter=delimiter)
        try:
            header = next((row for row in reader if row), [])
            if len(set(header)) != len(header):
                double = next(c for c in header if header.count(c) > 1)
                raise FileError(f"{str(path)!r} has the column {double!r} twice", remedy="rename one of them")
            yield reader.line_num, header
            for row in (row for row in reader if row):
                if len(row) > len(header):
                    raise FileError(
                        f"{str(path)!r}, line {reader.line_num}: {len(row)} fields, but the header has {len(header)}",
                        remedy=f"put fields that hold {delimiter!r} in quotation marks",
                    )
                yield reader.line_num, row
        except csv.Error as error:
            raise FileError(
                f"{str(path)!r}, line {reader.line_num}: {error}", remedy="check the quotation marks around that line"
            ) from error


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=header.count)


def json_lines(path: Path, encoding: str | None, faults: list[Fault] | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of every line that is not empty.

    Raises:
        FileError: If a line is not a JSON object.
    """
    with open_text(path, encoding, faults) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", None) or "too deeply nested"
                where = f"{str(path)!r}, line {number}"
                raise FileError(f"{where}: not JSON ({reason})", remedy="write one JSON object on each line") from error
            if not isinstance(row, dict):
                what = f"{str(path)!r}, line {number}: a JSON {type(row).__name__}"
                raise FileError(what, allowed="an object, {…}", remedy="write one JSON object on each line")
            yield number, row


def _json_lines(path: Path, wanted: str | None, encoding: str | None, faults: list[Fault] | None) -> Iterator[Row]:
    column = None
    for item, (number, row) in enumerate(json_lines(path, encoding, faults)):
        if column is None:
            # In the first row, only a string can be the text.
            column = choose_column(
                list(row) if wanted else [k for k, v in row.items() if isinstance(v, str)], wanted, path
            )
        value = row.get(column)
        if value is not None and not isinstance(value, str):
            raise FileError(
                f"{str(path)!r}, line {number}: {column!r} is a {type(value).__name__}, not a text",
                remedy="mend that line",
            )
        yield Row(item, value or "", row)


def _parquet(path: Path, wanted: str | None) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            texts = [f.name for f in schema if _is_text(f.type)]
            column = choose_column(schema.names if wanted else texts, wanted, path)
            if column not in texts:
                raise InputError(
                    f"the column {column!r} of {str(path)!r} holds {schema.field(column).type}",
                    allowed=", ".join(map(repr, texts)) or "a column of strings",
                )
            item = 0
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    yield Row(item, values[column] or "", values)
                    item += 1
    except AffectusError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(
            f"can't read {str(path)!r} (a Parquet table): {reason}",
            remedy="the file is damaged or cut off; write or copy it again",
        ) from error


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
