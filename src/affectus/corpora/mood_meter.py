"""Articles with votes of readers on a mood meter: what REN-20k and RENh-4k have in common (Kadan et al. 2024)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, find_file, with_gold
from affectus.corpora.delimited import decode
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import scale

FIVE = "ren-5"
EIGHT = "rappler-8"
_FIVE_OF = {"angry": "anger", "afraid": "fear", "happy": "joy", "sad": "sadness", "inspired": "surprise"}
_EIGHT = {re.sub(r"\W", "", name): name for name in scale(EIGHT).labels}  # "don't care" has many spellings
_OTHER_NAMES = {name: mood for mood, name in _FIVE_OF.items()}  # some copies name the columns by emotion
_TEXT = ("title", "headline", "abstract")
_ESCAPE = re.compile(r"\+([A-Za-z0-9+/]{3,})-")  # UTF-7
_BOUND = 0x2200  # signs of European text lie below: letters, dashes, quotation marks, currencies


@dataclass
class _Read:
    samples: list[Sample] = field(default_factory=list)
    votes: list[list[float]] = field(default_factory=list)
    left_out: dict[str, int] = field(
        default_factory=lambda: {"votes are no numbers": 0, "no vote for the five emotions": 0, "no text": 0}
    )
    remarks: dict[str, int] = field(default_factory=dict)


def load_votes(corpus: Corpus, folder: Path, paths: Sequence[Path]) -> Loaded:
    """Read CSV files with a title, an abstract perhaps, and votes.

    Header names may vary in case and spacing; votes are percent, or fractions where a file has none above 1. Escapes of
    UTF-7 in the text are undone. The text of a sample is title and abstract. Gold is the profile of five emotions (the
    other votes dropped, renormalised), and that of all eight where a file has all their columns.

    Args:
        corpus: What it is.
        folder: Of the corpus, for the names of its files.
        paths: The files.
    """
    read = _Read()
    for path in paths:
        _file(path, path.relative_to(folder).with_suffix("").as_posix(), corpus, read)
    if not read.samples:
        raise FileError(
            f"no row of {str(folder)!r} has a text and votes ({read.left_out})",
            remedy="get the files of the corpus again",
        )
    votes = np.array(read.votes, np.float64)
    moods = list(_EIGHT.values())
    five = np.stack([votes[:, moods.index(_OTHER_NAMES[name])] for name in scale(FIVE).labels], 1)
    scores = {FIVE: five / five.sum(1, keepdims=True)}
    if np.isfinite(votes).all(1).any():
        scores[EIGHT] = votes / votes.sum(1, keepdims=True)  # NaN where a column is missing
    gold = {name: values.astype(np.float32) for name, values in scores.items()}
    rated = with_gold(read.samples, gold, perspective="evoked", by=f"{corpus.name} readers", modality="text")
    return Loaded(corpus, {"all": rated}, read.left_out, read.remarks)


def find_votes(corpus: Corpus, folder: Path) -> list[Path]:
    """The CSV files of a corpus, in order.

    Raises:
        FileError: If there is none, or only the Excel sheets of an older release.
    """
    for pattern in corpus.files:
        if found := sorted(folder.glob(pattern)):
            return found
    sheet = next(iter(sorted(folder.rglob("*.xlsx"))), None)
    if sheet is not None:
        raise FileError(f"{str(sheet)!r} is an Excel sheet", allowed="CSV files", remedy="save each sheet as CSV")
    find_file(folder, *corpus.files)
    return []


def _file(path: Path, name: str, corpus: Corpus, read: _Read) -> None:
    content, encoding = decode(path, "utf-8", "cp1252", "latin-1")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    columns = {_key(column): column for column in (rows[0] if rows else ()) if column}
    moods = {mood: columns[key] for key, mood in _EIGHT.items() if key in columns}
    moods |= {m: columns[e] for e, m in _OTHER_NAMES.items() if m not in moods and e in columns}
    missing = [mood for mood in _FIVE_OF if mood not in moods]
    if missing or not any(name in columns for name in _TEXT):
        has = ", ".join(columns.values()) or "none"
        raise FileError(
            f"{str(path)!r} lacks the column {(missing or ['title'])[0]!r}; it has {has}",
            allowed=f"title, abstract (or headline), and votes: {', '.join(_FIVE_OF)}",
            remedy="save the sheet as CSV with its header",
        )
    if encoding != "utf-8":
        read.remarks[f"read as {encoding}"] = read.remarks.get(f"read as {encoding}", 0) + len(rows)
    kept = []
    for i, row in enumerate(rows):
        numbers = _votes(row, moods)
        text = " ".join(undo_utf7(row[columns[c]] or "").strip() for c in _TEXT if c in columns).strip()
        if numbers is None:
            read.left_out["votes are no numbers"] += 1
        elif not text:
            read.left_out["no text"] += 1
        elif not sum(numbers[m] for m in _FIVE_OF) > 0:
            read.left_out["no vote for the five emotions"] += 1
        else:
            kept.append((i, text, numbers))
    highest = max((vote for *_, numbers in kept for vote in numbers.values()), default=0.0)
    if highest > 101:  # percent, rounded
        raise FileError(f"{str(path)!r} has a vote of {highest:g}", allowed="percent, or fractions up to 1")
    for i, text, numbers in kept:
        read.samples.append(Sample(id=f"{name}-{i}", source=f"{corpus.name}/{name}", item=i, text=text, language="en"))
        read.votes.append([numbers.get(mood, np.nan) for mood in _EIGHT.values()])


def _key(column: str) -> str:
    return re.sub(r"\W", "", column.lower())


def _votes(row: Mapping[str, str], moods: Mapping[str, str]) -> dict[str, float] | None:
    try:
        numbers = {mood: float((row[column] or "").strip().removesuffix("%")) for mood, column in moods.items()}
    except ValueError:
        return None
    return numbers if all(np.isfinite(v) and v >= 0 for v in numbers.values()) else None


def undo_utf7(text: str) -> str:
    """Signs that stand as UTF-7 escapes (`+IBk-` for an apostrophe) as themselves; other plus signs stay."""
    return _ESCAPE.sub(lambda match: _sign(match[0]), text)


def _sign(escape: str) -> str:
    try:
        signs = escape.encode("ascii").decode("utf-7")
    except UnicodeDecodeError:
        return escape
    return signs if all(ord(sign) < _BOUND and sign.isprintable() for sign in signs) else escape
