"""BLEU of replies with its signature, and how many of their word sequences differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affectus.errors import InputError, require
from affectus.evaluation.weighted import Weighted

TOKENISATIONS = ("13a", "none")


@dataclass(frozen=True)
class Bleu:
    """A corpus BLEU.

    Args:
        value: From 0 to 100.
        precisions: Of word sequences of 1 to n, in percent.
        signature: What sacrebleu says of its settings: figures with other signatures can't be compared.
        hits: How many word sequences of 1 to n stand in their references; where none does, smoothing makes the value.
    """

    value: float
    precisions: tuple[float, ...]
    signature: str
    hits: tuple[int, ...]


def bleu(replies: Sequence[str], references: Sequence[str], *, tokenise: str = "13a", n: int = 4) -> Bleu:
    """Corpus BLEU (Papineni et al. 2002) with one reference each, by sacrebleu (Post 2018, arXiv:1804.08771).

    Both sides are put in small letters.

    Args:
        replies: What was said.
        references: What should have been.
        tokenise: `13a` parts words from marks as mteval does; `none` takes what stands between spaces.
        n: Longest word sequence.

    Raises:
        InputError: If there are none, or not as many as references.
        MissingDependency: If sacrebleu is not installed.
    """
    if not replies or len(replies) != len(references):
        raise InputError(f"{len(replies)} replies and {len(references)} references", allowed="as many, at least one")
    sacrebleu = require("sacrebleu", extra="chat", purpose="BLEU")
    metric = sacrebleu.BLEU(lowercase=True, tokenize=tokenise, max_ngram_order=n, force=True)
    score = metric.corpus_score([*replies], [[*references]])
    return Bleu(
        float(score.score),
        tuple(map(float, score.precisions)),
        str(metric.get_signature()),
        tuple(map(int, score.counts)),
    )


def bleu_of_draws(replies: Sequence[str], references: Sequence[str], n: int = 4) -> Weighted:
    """`bleu` of words as 13a parts them, as a function of how often each reply was drawn.

    A corpus BLEU is made of sums over replies (hits and sequences of each length, words of both sides), so that a
    resample costs no new count.

    Args:
        replies: What was said.
        references: What should have been, one each.
        n: Longest word sequence.

    Raises:
        MissingDependency: If sacrebleu is not installed.
    """
    sacrebleu = require("sacrebleu", extra="chat", purpose="BLEU")
    metric = sacrebleu.BLEU(lowercase=True, tokenize="13a", max_ngram_order=n, force=True)
    scores = [metric.corpus_score([a], [[b]]) for a, b in zip(replies, references, strict=True)]
    sums = np.array([[*s.counts, *s.totals, s.sys_len, s.ref_len] for s in scores], np.int64)

    def of(row: list[int]) -> float:
        made = sacrebleu.BLEU.compute_bleu(row[:n], row[n:-2], *row[-2:], smooth_method="exp", max_ngram_order=n)
        return float(made.score)

    return lambda weights: np.array([of(row) for row in (weights.astype(np.int64) @ sums).tolist()])


def distinct(replies: Sequence[str], n: int) -> float:
    """Dist-n: different sequences of n words per sequence, over all replies, times 100.

    After Li et al. 2016, arXiv:1510.03055. Words are those of NLTK's Treebank tokenizer, each reply as one sentence; 0
    where no reply has n words.

    Raises:
        MissingDependency: If nltk is not installed.
    """
    found = [sequence for row in _sequences(replies, n) for sequence in row]
    return 100 * len(set(found)) / len(found) if found else 0.0


def distinct_of_draws(replies: Sequence[str], n: int) -> Weighted:
    """`distinct` as a function of how often each reply was drawn. Arguments and errors as there."""
    from scipy.sparse import csr_array

    rows = _sequences(replies, n)
    number = {sequence: at for at, sequence in enumerate(dict.fromkeys(s for row in rows for s in row))}
    lengths = np.array([len(row) for row in rows], float)
    held = csr_array(
        (
            np.ones(int(lengths.sum()), np.int32),
            [number[s] for row in rows for s in row],
            np.cumsum([0, *map(len, rows)]),
        ),
        shape=(len(rows), len(number)),
    )

    def of(weights: np.ndarray) -> np.ndarray:
        different = np.diff((csr_array(weights) @ held).indptr)
        every = weights @ lengths
        return np.divide(100.0 * different, every, out=np.zeros(len(weights)), where=every > 0)

    return of


def _sequences(replies: Sequence[str], n: int) -> list[list[tuple[str, ...]]]:
    """The sequences of n words of each reply."""
    words = require("nltk.tokenize", extra="chat", purpose="Dist-n").NLTKWordTokenizer()
    return [[tuple(line[at : at + n]) for at in range(len(line) - n + 1)] for line in map(words.tokenize, replies)]
