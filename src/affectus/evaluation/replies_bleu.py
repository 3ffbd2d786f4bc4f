"""BLEU of replies with its signature, and how many of their word sequences differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affectus.errors import InputError, require

TOKENISATIONS = ("13a", "none")


@dataclass(frozen=True)
class Bleu:
    """A corpus BLEU.

    Args:
        value: From 0 to 100.
        precisions: Of word sequences of 1 to n, in percent.
        signature: What sacrebleu says of its settings: figures with other signatures can't be compared.
    """

    value: float
    precisions: tuple[float, ...]
    signature: str


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
    return Bleu(float(score.score), tuple(map(float, score.precisions)), str(metric.get_signature()))


def distinct(replies: Sequence[str], n: int) -> float:
    """Dist-n: different sequences of n words per sequence, over all replies, times 100.

    After Li et al. 2016, arXiv:1510.03055. Words are those of NLTK's Treebank tokenizer, each reply as one sentence; 0
    where no reply has n words.

    Raises:
        MissingDependency: If nltk is not installed.
    """
    words = require("nltk.tokenize", extra="chat", purpose="Dist-n").NLTKWordTokenizer()
    found = [tuple(line[at : at + n]) for line in map(words.tokenize, replies) for at in range(len(line) - n + 1)]
    return 100 * len(set(found)) / len(found) if found else 0.0
