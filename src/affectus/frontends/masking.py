"""Masked language modelling that prefers emotion words: eMLM (Sosea and Caragea 2021, ACL).

With k = 0.5, a share of 0.15 and W words of which n are emotional, an emotion word is masked with probability k and any
other with p = max(0, share · W − k · n) / (W − n), so that a share of the words is masked on average as long as
k · n ≤ share · W. Without a lexicon this is plain whole-word masking.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affectus.batch import Batch
from affectus.frontends.lexicons import emotion_words
from affectus.frontends.tokens import TextCollate, Tokens
from affectus.sample import Item, Sample, flatten

MASKED, RANDOM = 0.8, 0.1  # of the chosen tokens; the rest is kept (Devlin et al. 2019)


def choose_words(
    numbers: np.ndarray,
    emotional: np.ndarray,
    rng: np.random.Generator,
    *,
    k: float = 0.5,
    share: float = 0.15,
    cap: bool = True,
) -> np.ndarray:
    """Tokens of the words that are masked, always whole words.

    Words are visited in random order. With the cap, visiting stops once more than max(1, round(share · tokens)) tokens
    are covered, which lowers the realised rates a little. Where every word is emotional, p has no meaning and no use.

    Args:
        numbers: (tokens,) the word of each token.
        emotional: (words,) bool.
        rng: Source of all draws.
        k: Chance of an emotion word.
        share: Share of the words that shall be masked on average.
        cap: Whether to stop early, as the published code does.

    Returns:
        (tokens,) bool.
    """
    if not len(numbers):
        return np.zeros(0, bool)
    present, word = np.unique(numbers, return_inverse=True)
    marked = np.asarray(emotional, bool)[present]
    total, n = len(present), int(marked.sum())
    rest = max(0.0, share * total - k * n) / (total - n) if total > n else 0.0
    drawn = rng.random(total) < np.where(marked, k, rest)
    if cap:
        order = rng.permutation(total)
        sizes = np.bincount(word)[order] * drawn[order]
        covered = np.cumsum(sizes) - sizes  # when a word is reached
        drawn[order[covered > max(1, round(share * len(numbers)))]] = False
    return drawn[word]


@dataclass(frozen=True)
class MaskingCollate:
    """Makes batches for masked language modelling: a picklable object.

    `inputs`: `ids` with masks in them and `valid` as `TextCollate`, and `masked` (rows, tokens) bool. `targets`:
    `tokens`, the ids (n,) that stood at the masked places, row by row. Draws come from `rng`; in evaluation they follow
    from each text, so that a watched loss can be compared.

    Args:
        texts: Makes tokens; one window a text is read.
        lexicon: File of emotion words, see `affectus.frontends.lexicons.emotion_words`; empty masks all words alike.
        k: Chance of an emotion word.
        share: Share of the words that are masked on average.
        cap: See `choose_words`.
    """

    texts: TextCollate
    lexicon: str = ""
    k: float = 0.5
    share: float = 0.15
    cap: bool = True

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        notes = self.texts.encode(samples)
        inputs = self.texts.pad([tokens.windows[0] for tokens in notes])
        ids, content = inputs["ids"], inputs.pop("content")
        masked, hidden = np.zeros_like(content), ids.copy()
        for row, tokens in enumerate(notes):
            draw = rng if rng is not None else np.random.default_rng(zlib.crc32(tokens.text.encode()))
            masked[row, content[row]] = self.choose(tokens, draw)
            hidden[row, masked[row]] = self._hide(ids[row, masked[row]], draw)
        return Batch(inputs | {"ids": hidden, "masked": masked}, {"tokens": ids[masked]}, [s.span for s in samples])

    def choose(self, tokens: Tokens, rng: np.random.Generator) -> np.ndarray:
        """Which tokens of a text's first window are masked, (tokens,) bool."""
        words, numbers = tokens.words()
        known = emotion_words(self.lexicon) if self.lexicon else frozenset()
        emotional = np.array([word.lower() in known for word in words], bool)
        first = numbers[: len(tokens.windows[0].ids)]
        return choose_words(first, emotional, rng, k=self.k, share=self.share, cap=self.cap)

    def lengths(self, samples: Sequence[Sample]) -> list[int]:
        """Number of tokens of each sample: what batches are sorted by."""
        return self.texts.lengths(samples)

    def _hide(self, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        fate = rng.random(len(ids))
        strange = rng.integers(0, self.texts.vocabulary, len(ids))
        return np.where(fate < MASKED, self.texts.mask, np.where(fate < MASKED + RANDOM, strange, ids))
