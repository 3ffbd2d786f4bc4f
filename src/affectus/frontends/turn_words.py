"""What was said up to a turn, as words with who said them, and the answer: input of the empathetic models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from affectus.batch import Batch
from affectus.errors import InputError
from affectus.frontends.tokens import WORD, gold_rows
from affectus.sample import Item, Sample, as_items
from affectus.taxonomy import Perspective

SPECIAL = ("UNK", "PAD", "EOS", "SOS", "USR", "SYS", "CLS")
UNK, PAD, EOS, SOS, USR, SYS, CLS = range(7)
REPLY = "reply"
"""Kind of evidence in gold whose text is what was answered; the name of the inputs that hold it."""

_BEFORE_MARK = re.compile(r"\s+(?=[.,!?;:…])")


def split_words(text: str) -> list[str]:
    """Words and marks in small letters."""
    return WORD.findall(text.lower())


def joined(words: Sequence[str]) -> str:
    """Words as a text again, without a space before a mark."""
    return _BEFORE_MARK.sub("", " ".join(words))


class Spoken(NamedTuple):
    """What was said up to a turn.

    Args:
        own: The sample that is read: the last turn, or all of them in one.
        turns: Text and speaker of each turn, `USR` who began, `SYS` the other.
        samples: The turns, where each is a sample.
        reply: What was answered, where that is known.
    """

    own: Sample
    turns: list[tuple[str, int]]
    samples: tuple[Sample, ...]
    reply: str | None


def spoken(items: Sequence[Item]) -> Iterator[Spoken]:
    """One for each sample, whose lines are the turns, and one for each turn of a dialogue with the turns before it.

    The answer to a turn is the next turn by another person, else what the gold says.

    Raises:
        InputError: If a sample has no text.
    """
    for item in items:
        if isinstance(item, Sample):
            lines = [line for line in _text(item).split("\n") if line.strip()] or [""]
            yield Spoken(item, [(line, (USR, SYS)[i % 2]) for i, line in enumerate(lines)], (item,), _reply(item))
            continue
        said: list[tuple[str, int]] = []
        for i, turn in enumerate(item.turns):
            first = item.turns[0].track
            began = i % 2 == 0 if first is None else turn.track == first
            said = [*said, (_text(turn), USR if began else SYS)]
            following = item.turns[i + 1] if i + 1 < len(item.turns) else None
            answered = following is not None and (following.track is None or following.track != turn.track)
            reply = _text(following) if answered and following is not None else _reply(turn)
            yield Spoken(turn, said, item.turns[: i + 1], reply)


def _text(sample: Sample) -> str:
    if sample.text is None:
        raise InputError(f"sample {sample.id!r} has no text", remedy="transcribe it first")
    return sample.text


def _reply(sample: Sample) -> str | None:
    return next((e.text for row in sample.gold or () for e in row.evidence if e.kind == REPLY), None)


class Note(NamedTuple):
    """What is told of a row beside the outputs.

    Args:
        text: What was read.
        words: Of the context, without the special ones, as they stand in the inputs.
        flags: Warnings.
    """

    text: str
    words: list[str]
    flags: list[str]


@dataclass(frozen=True)
class TurnWordsCollate:
    """Turns with what was said before → word ids.

    `inputs`: `ids` (b, s) int64, `CLS` and all words of the context, `PAD` behind them; `states` (b, s), who speaks,
    `CLS` at the first place; where any answer is known `reply` (b, t), its words and `EOS`. `notes` are `Note`s.

    Args:
        target: Scale whose gold is collected.
        perspective: Whose feeling.
        words: The vocabulary behind the special words.
        longest: Words of a context that are read; of a longer one the last.
        reply_longest: Words of an answer that is learned.
    """

    target: str
    perspective: Perspective
    words: tuple[str, ...]
    longest: int
    reply_longest: int

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, whose lines are turns, or dialogues.

        Raises:
            InputError: If a turn has no text.
        """
        return self.of(list(spoken(items)))

    def last(self, item: Item | str) -> Batch:
        """The batch of one row: a sample, or the last turn of a dialogue.

        Raises:
            InputError: If the dialogue has no turns.
        """
        found = list(spoken(as_items(item)))
        if not found:
            raise InputError("the dialogue has no turns", allowed="at least one")
        return self.of(found[-1:])

    def of(self, found: Sequence[Spoken]) -> Batch:
        """The batch of some contexts."""
        rows = [[(word, who, i) for i, words in enumerate(self.split(one)) for word, who in words] for one in found]
        notes = []
        for one, row in zip(found, rows, strict=True):
            flags = [] if split_words(one.own.text or "") else ["empty"]
            flags += ["truncated"] if len(row) > self.longest else []
            notes.append(Note(one.own.text or "", [word for word, _, _ in row[-self.longest :]], flags))
        ids = [[CLS, *(self.id(word) for word in note.words)] for note in notes]
        states = [[CLS, *(who for _, who, _ in row[-self.longest :])] for row in rows]
        inputs = {"ids": padded(ids), "states": padded(states)} | self.beside(found, notes)
        if any(one.reply is not None for one in found):
            inputs[REPLY] = padded([self._reply(one.reply) for one in found])
        samples = [one.own for one in found]
        gold = gold_rows(samples, self.target, self.perspective)
        return Batch(inputs, {} if gold is None else {self.target: gold}, [s.span for s in samples], notes)

    def split(self, one: Spoken) -> list[list[tuple[str, int]]]:
        """Words of each turn, each with its speaker."""
        return [[(word, who) for word in split_words(text)] for text, who in one.turns]

    def beside(self, found: Sequence[Spoken], notes: Sequence[Note]) -> dict[str, np.ndarray]:
        """Further inputs; none here. May add flags to the notes."""
        return {}

    def id(self, word: str) -> int:
        """Number of a word; that of `UNK` where it is not in the vocabulary."""
        return self._numbers.get(word, UNK)

    def word(self, number: int) -> str:
        """The word of a number."""
        return SPECIAL[number] if number < len(SPECIAL) else self.words[number - len(SPECIAL)]

    def lengths(self, samples: Sequence[Sample]) -> list[int]:
        """Number of words of each sample: what batches are sorted by."""
        return [len(split_words(sample.text or "")) for sample in samples]

    def _reply(self, text: str | None) -> list[int]:
        if text is None:
            return []
        return [*(self.id(word) for word in split_words(text)[: self.reply_longest]), EOS]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words, len(SPECIAL))}

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # without the table made of them


def padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Rows of ids as one array (b, longest) int64, with `PAD` behind short ones; at least one wide."""
    out = np.full((len(rows), max([1, *map(len, rows)])), PAD, np.int64)
    for to, row in zip(out, rows, strict=True):
        to[: len(row)] = row
    return out
