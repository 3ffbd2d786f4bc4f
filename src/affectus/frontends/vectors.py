"""Ready-made word vectors: read, written, and looked up by a number that is the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from affectus.atomic import writing
from affectus.errors import FileError, InputError

FORMS = "GloVe or word2vec text (.txt, .vec), or .npy / .safetensors with the words in a .txt of the same name"


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors.

    Args:
        words: All different.
        vectors: (words, numbers) float32.
    """

    words: tuple[str, ...]
    vectors: np.ndarray

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.words):
            raise InputError(f"{len(self.words)} words came with vectors of shape {self.vectors.shape}")
        if len(set(self.words)) != len(self.words):
            raise InputError("a word occurs twice among the word vectors")

    def only(self, words: Collection[str]) -> WordVectors:
        """Those of some words, in the order of this set."""
        rows = [i for i, word in enumerate(self.words) if word in words]
        return WordVectors(tuple(self.words[i] for i in rows), self.vectors[rows])

    def replaced(self, other: WordVectors) -> WordVectors:
        """These vectors with those of another set in place of them where it has the word; words are not added."""
        place = {word: i for i, word in enumerate(self.words)}
        rows = [i for i, word in enumerate(other.words) if word in place]
        vectors = self.vectors.copy()
        vectors[[place[other.words[i]] for i in rows]] = other.vectors[rows]
        return WordVectors(self.words, vectors)


def read_vectors(path: Path | str) -> WordVectors:
    """Read word vectors.

    Args:
        path: GloVe text (`word number number …`), the same with a first line `words numbers` (word2vec), or an array
            in `.npy` or `.safetensors` (one tensor) beside a `.txt` with one word a line. Words are made lower-case;
            of a word that occurs again the first vector counts.

    Raises:
        FileError: If the file is of none of these forms, with the line.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileError(f"there is no file of word vectors {str(path)!r}", allowed=FORMS)
    if file.suffix in (".npy", ".safetensors"):
        words, vectors = _listed(file.with_suffix(".txt")), _array(file)
    else:
        words, vectors = _text(file)
    if vectors.ndim != 2 or len(words) != len(vectors):
        raise FileError(f"{file.name!r} has shape {vectors.shape} for {len(words)} words")
    if not np.isfinite(vectors).all():
        raise FileError(f"{file.name!r} holds numbers that are not finite")
    first: dict[str, int] = {}
    for row, word in enumerate(words):
        first.setdefault(word.lower(), row)
    return WordVectors(tuple(first), np.ascontiguousarray(vectors[list(first.values())], np.float32))


def write_vectors(vectors: WordVectors, path: Path | str) -> None:
    """Write `path` (`.npy`) and its words beside it (`.txt`)."""
    file = Path(path)
    if file.suffix != ".npy":
        raise InputError(f"word vectors are written as {file.suffix!r}", allowed=".npy")
    with writing(file, "wb") as sink:
        np.save(sink, vectors.vectors)
    with writing(file.with_suffix(".txt")) as sink:
        sink.write("".join(f"{word}\n" for word in vectors.words))


@lru_cache(maxsize=100_000)
def word_key(word: str) -> int:
    """A 64-bit number of a word, the same everywhere; two words of a vocabulary of 100,000 share one with p < 1e-9."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little", signed=True)


def word_keys(words: Sequence[str]) -> np.ndarray:
    """(n,) int64 keys of words."""
    return np.array([word_key(word) for word in words], np.int64)


def _listed(path: Path) -> list[str]:
    if not path.is_file():
        raise FileError(f"the words of the vectors are missing: {str(path)!r}", allowed=FORMS)
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def _array(path: Path) -> np.ndarray:
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        from safetensors.numpy import load_file

        (array,) = load_file(path).values()
        return array
    except Exception as error:  # safetensors raises its own class, NumPy three others
        raise FileError(f"{str(path)!r} holds no one array ({error})", allowed=FORMS) from error


def _text(path: Path) -> tuple[list[str], np.ndarray]:
    words: list[str] = []
    rows: list[np.ndarray] = []
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            cells = line.rstrip().split(" ")
            if number == 1 and len(cells) == 2 and all(cell.isdigit() for cell in cells):
                continue  # word2vec's header
            if rows and len(cells) > len(rows[0]) + 1:  # a few words of GloVe hold spaces
                cells = [" ".join(cells[: -len(rows[0])]), *cells[-len(rows[0]) :]]
            try:
                row = np.array(cells[1:], np.float32)
            except ValueError:
                row = np.empty(0, np.float32)
            if not len(row) or (rows and len(row) != len(rows[0])):
                raise FileError(f"line {number} of {path.name!r} is {line[:60]!r}", allowed="a word and its numbers")
            words.append(cells[0])
            rows.append(row)
    return words, np.array(rows, np.float32).reshape(len(rows), -1)
