"""Word lists that the user brings: no lexicon is shipped, since those in use are licensed for research only.

Words are kept in small letters, as the lexicons list them and as texts are looked up.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from affectus.errors import FileError

Marks = Mapping[str, frozenset[str]]
EMOLEX_COLUMNS = (
    "anger", "anticipation", "disgust", "fear", "joy", "negative", "positive", "sadness", "surprise", "trust",
)  # fmt: skip


def lexicon_lines(path: Path | str) -> list[str]:
    """Lines of a lexicon file (UTF-8, with or without a byte order mark), without line ends.

    Raises:
        FileError: If there is no such file, or its bytes are not UTF-8.
    """
    try:
        return Path(path).expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise FileError(
            f"there is no lexicon file {str(path)!r}", remedy="pass the file that its publisher gave you"
        ) from None
    except UnicodeDecodeError as error:
        raise FileError(f"{str(path)!r} is not UTF-8 at byte {error.start}") from None


def emolex(path: Path | str) -> dict[str, frozenset[str]]:
    """NRC EmoLex (Mohammad and Turney 2013): word → its marks; words without a mark are listed with none.

    Args:
        path: The word-level file (`word<TAB>emotion<TAB>0 or 1` a line), or a JSON object of word → list of marks, as
            the package NRCLex carries it.

    Raises:
        FileError: If the file is of neither form, with the line.
    """
    if Path(path).suffix.lower() == ".json":
        return _marks_from_json(path)
    marks: dict[str, set[str]] = defaultdict(set)
    for number, line in enumerate(lexicon_lines(path), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != 3 or cells[1] not in EMOLEX_COLUMNS or cells[2] not in ("0", "1"):
            raise FileError(
                f"line {number} of {Path(path).name!r} is {line[:60]!r}",
                allowed="word, one of the ten columns of EmoLex, 0 or 1, with tabs between",
            )
        marks[cells[0].lower()].update({cells[1]} if cells[2] == "1" else set())
    return {word: frozenset(found) for word, found in marks.items()}


def _marks_from_json(path: Path | str) -> dict[str, frozenset[str]]:
    try:
        rows = json.loads("\n".join(lexicon_lines(path)))
    except ValueError as error:
        raise FileError(f"{str(path)!r} is no JSON ({error})") from None
    if not isinstance(rows, dict) or not all(isinstance(row, list) for row in rows.values()):
        raise FileError(f"{str(path)!r} is no lexicon", allowed='JSON of the form {"word": ["joy", "positive"], …}')
    strange = sorted({str(mark) for row in rows.values() for mark in row} - set(EMOLEX_COLUMNS))
    if strange:
        raise FileError(
            f"{Path(path).name!r} has the mark {strange[0]!r}",
            allowed="the columns of EmoLex: " + ", ".join(EMOLEX_COLUMNS),
        )
    return {word.lower(): frozenset(row) for word, row in rows.items()}


def word_list(path: Path | str) -> frozenset[str]:
    """A plain list: one word a line; empty lines and lines that start with `#` do not count."""
    lines = (line.strip().lower() for line in lexicon_lines(path))
    return frozenset(line for line in lines if line and not line.startswith("#"))


@lru_cache(maxsize=8)
def emotion_words(path: str) -> frozenset[str]:
    """The words of a lexicon that carry emotion: of EmoLex those with any mark, of a plain list all.

    Args:
        path: A file that `emolex` reads (`.json`, or tabs in its first line), or that `word_list` reads.

    Raises:
        FileError: If the file holds no such word.
    """
    first = next((line for line in lexicon_lines(path) if line.strip()), "")
    if Path(path).suffix.lower() == ".json" or "\t" in first:
        words = frozenset(word for word, marks in emolex(path).items() if marks)
    else:
        words = word_list(path)
    if not words:
        raise FileError(f"{path!r} holds no emotion word", remedy="pass NRC EmoLex's word-level file or a word list")
    return words
