"""Word error rate: how well speech can still be understood, by what a recogniser writes down."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from affectus.evaluation.checks import same_length

_MARKS = re.compile(r"[^\w\s']|_")


def plain_words(text: str) -> list[str]:
    """Words in small letters without punctuation; apostrophes stay."""
    return _MARKS.sub(" ", unicodedata.normalize("NFKC", text).replace("’", "'").casefold()).split()


def word_errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest substitutions, deletions and insertions that make one sequence of words the other (Levenshtein 1966)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, start=1):
        corner, row[0] = row[0], i
        for j, other in enumerate(heard, start=1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (word != other))
    return row[-1]


def counted_errors(references: Sequence[str], heard: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Errors and words of each text, (n,) int each, by `plain_words`."""
    same_length(np.array(references), np.array(heard))
    pairs = [(plain_words(a), plain_words(b)) for a, b in zip(references, heard, strict=True)]
    errors = np.array([word_errors(a, b) for a, b in pairs], np.int64)
    return errors, np.array([len(a) for a, _ in pairs], np.int64)


def error_rate(words: Any, errors: Any) -> float:
    """Errors over words of all texts; NaN where there are no words. May exceed 1.

    Args:
        words: (n,) words of each reference.
        errors: (n,) errors in each.
    """
    total = np.asarray(words).sum()
    return float(np.asarray(errors).sum() / total) if total else float("nan")
