"""Posts of social media: users, links and emoji written as words, one window of tokens a post."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from affectus.batch import Batch
from affectus.frontends.tokens import TextCollate, Tokens, Window
from affectus.sample import Item, Sample, flatten

Writing = Literal["as-is", "words", "bertweet"]
USER, LINK = "@USER", "HTTPURL"
_MARKS = {"_USER_REFERENCE_": USER, "_URL_": LINK}  # of the Vent corpus
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_USER = re.compile(r"(?<![\w@.])@\w+")
_PLAIN = str.maketrans({"’": "'", "…": "..."})


def normalise(text: str, writing: Writing = "words") -> str:
    """A post with users, links and emoji as the words that BERTweet reads (Nguyen et al. 2020, section 2).

    Args:
        text: As it was written; the marks of the Vent corpus for users and links are known too.
        writing: `words` changes nothing else but curly apostrophes and white space; `bertweet` also splits words as
            BERTweet's tokenizer needs it; `as-is` changes nothing.
    """
    if writing == "as-is":
        return text
    for mark, word in _MARKS.items():
        text = text.replace(mark, word)
    if writing == "bertweet":
        from affectus.frontends.bertweet import bertweet_words

        return bertweet_words(text)
    from emoji import demojize

    text = _USER.sub(USER, _LINK.sub(LINK, text)).translate(_PLAIN)
    return " ".join(demojize(text, delimiters=(" :", ": ")).split())


@dataclass(frozen=True)
class PostCollate(TextCollate):
    """Makes batches of posts as `TextCollate` does, one row a post: what does not fit is cut off and flagged.

    `notes` are (text as written, flags) of each post.

    Args:
        writing: How posts are normalised.
        known: Ids from this number upwards are read as unknown; 0 knows all.
        unknown: Id of an unknown piece.
    """

    writing: Writing = "words"
    known: int = 0
    unknown: int = 0

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        batch = super().__call__(samples)
        return batch._replace(notes=[(s.text, t.flags) for s, t in zip(samples, batch.notes, strict=True)])

    def encode(self, samples: Sequence[Sample]) -> list[Tokens]:
        """Tokens of each normalised post, in one window."""
        normal = [s if s.text is None else replace(s, text=normalise(s.text, self.writing)) for s in samples]
        return [self._first(tokens) for tokens in super().encode(normal)]

    def _first(self, tokens: Tokens) -> Tokens:
        ids, offsets = tokens.windows[0]
        ids = [i if not self.known or i < self.known else self.unknown for i in ids]
        cut = len(tokens.windows) > 1 and "truncated" not in tokens.flags
        return Tokens(tokens.text, [Window(ids, offsets)], (*tokens.flags, *(["truncated"] if cut else [])))
