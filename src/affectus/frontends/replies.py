"""Dialogues → what was said before a reply, and the reply, as token numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np

from affectus.affect import Affect
from affectus.batch import Batch
from affectus.errors import InputError
from affectus.frontends.subwords import END, PAD, START, Subwords
from affectus.frontends.tokens import gold_rows
from affectus.sample import Dialogue, Item, Sample
from affectus.taxonomy import Target, known_maps, map_scores, scale

Pairing = Literal["speaker-listener", "prompt-utterance"]
SITUATION, SPEAKER, LISTENER = "situation", "speaker", "listener"
"""Tracks of a dialogue: what somebody wrote about their situation beforehand, that person, and who answers them."""

_LETTERS_A_TOKEN = 12  # bounds the work on a line without end


class Pair(NamedTuple):
    """What is answered, and the answer.

    Args:
        source: Places of the turns in their dialogue: stretches of one person each, oldest first; the last is answered.
        target: Places of the turns that answer it.
    """

    source: tuple[tuple[int, ...], ...]
    target: tuple[int, ...] = ()


class Rehearsed(NamedTuple):
    """A reply of a corpus, and a system's.

    Args:
        reference: What was answered, as the system reads it.
        reply: What the system answers; empty if it was not asked to.
        surprise: Sum of −ln p over the tokens of the reference, its end included.
        tokens: Their number.
    """

    reference: str
    reply: str
    surprise: float
    tokens: int


def label_meant(intended: Affect, name: str) -> int:
    """Place of the label that an affect is read as on a scale of kind one-of.

    Args:
        intended: On that scale, or on one with a map to it.
        name: Of the scale.

    Raises:
        InputError: If no map leads there, or nothing is said on it.
    """
    routes = [name, *(known.source for known in known_maps() if known.target == name)]
    found = next((route for route in routes if route in intended.scores), None)
    if found is None:
        raise InputError(
            f"the intended affect is on {', '.join(intended.scores) or 'no scale'}", allowed=", ".join(routes)
        )
    row = [[intended.scores[found].get(label, np.nan) for label in scale(found).labels]]
    scores = map_scores(np.array(row, np.float32), found, name)[0]
    if np.isnan(scores).all():
        raise InputError(f"the intended affect has no opinion on {name!r}", allowed=", ".join(scale(name).labels))
    return int(np.nanargmax(scores))


def stretches(turns: Sequence[Sample]) -> list[tuple[int, ...]]:
    """Places of the turns that one person says in a row; a situation is no turn, and nobody known speaks alone."""
    spoken = [i for i, turn in enumerate(turns) if turn.track != SITUATION]
    return [tuple(group) for _, group in groupby(spoken, key=lambda i: turns[i].track or i)]


def pairs(turns: Sequence[Sample], pairing: Pairing, history: int) -> list[Pair]:
    """What answers what in a dialogue.

    `speaker-listener`: each stretch of the listener answers the one before; where nobody is called that, each stretch
    answers the one before. `prompt-utterance`: each turn, whose ever, answers the situation.

    Args:
        turns: Of one dialogue.
        pairing: The rule.
        history: Stretches before the one that is answered.
    """
    if pairing == "prompt-utterance":
        prompt = next(((i,) for i, turn in enumerate(turns) if turn.track == SITUATION), None)
        return [] if prompt is None else [Pair((prompt,), (i,)) for i, t in enumerate(turns) if t.track != SITUATION]
    said = stretches(turns)
    listens = any(turn.track == LISTENER for turn in turns)
    return [
        Pair(tuple(said[max(0, at - 1 - history) : at]), said[at])
        for at in range(1, len(said))
        if not listens or turns[said[at][0]].track == LISTENER
    ]


def notebook_text(text: str) -> str:
    """Small letters, spaces around ? . ! and comma; all but these and the letters a to z are spaces."""
    return " ".join(re.sub(r"[^a-z?.!,]+", " ", re.sub(r"([?.!,])", r" \1 ", text.lower())).split())


@dataclass(frozen=True)
class SaidCollate:
    """Makes token numbers of turns, each with what the same person said before it.

    `inputs`: `said` (turns, tokens) int64, `PAD` behind the end. `notes` are (text, flags) of each turn.

    Args:
        subwords: Makes tokens.
        target: The scale whose gold is collected.
        most: Tokens that are read, the last ones.
        cleaned: Whether texts are cleaned as by `notebook_text`.
    """

    subwords: Subwords
    target: Target
    most: int
    cleaned: bool = False

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues; a sample by itself is a dialogue of one turn."""
        talks = talks_of(items)
        return self.batch(talks, [self.tokens(turns) for turns in talks])

    def batch(self, talks: Sequence[Sequence[Sample]], tokens: Sequence[list[list[int]]]) -> Batch:
        """The batch of some dialogues whose turns have been made tokens."""
        turns = [turn for talk in talks for turn in talk]
        rows = [row for talk, made in zip(talks, tokens, strict=True) for row in self._said(talk, made)]
        notes = [
            (turn.text, ["empty"] if not made else ["truncated"] if len(made) > self.most else [])
            for turn, made in zip(turns, (made for talk in tokens for made in talk), strict=True)
        ]
        gold = gold_rows(turns, self.target.scale, self.target.perspective)
        return Batch(
            {"said": filled(rows)},
            {} if gold is None else {self.target.scale: gold},
            [turn.span for turn in turns],
            notes,
        )

    def tokens(self, turns: Sequence[Sample]) -> list[list[int]]:
        """Token numbers of each turn; none where there is no text. A text far longer than is read gives its end."""
        return self.subwords.encode([self.written((t.text or "")[-self.most * _LETTERS_A_TOKEN :]) for t in turns])

    def written(self, text: str) -> str:
        """The text that tokens are made of; white space alone is none."""
        text = notebook_text(text) if self.cleaned else text
        return text if text.strip() else ""

    def _said(self, turns: Sequence[Sample], tokens: Sequence[list[int]]) -> Iterator[list[int]]:
        before: dict[str, list[int]] = {}
        for turn, made in zip(turns, tokens, strict=True):
            if not made:  # its earlier turns are no reading of this one
                yield []
                continue
            row = [*(before.get(turn.track, []) if turn.track else []), *made][-self.most :]
            if turn.track:
                before[turn.track] = row
            yield row


class _Asked(NamedTuple):
    """A pair in tokens: the row of `said` that the answered turn has, stretches, and the reply."""

    row: int
    source: list[list[int]]
    target: list[int]


@dataclass(frozen=True)
class ReplyCollate:
    """Makes token numbers of all pairs of some dialogues.

    `inputs`: `said` as of `SaidCollate`; `source` (pairs, stretches, tokens), the answered one last, each between
    `START` and `END`; `before` (pairs, tokens), `START` and the reply; `emotion` (pairs,), the gold label of the turn
    that is answered, −1 where there is none; `answered` (pairs,), its row of `said`. `targets`: gold of the turns, and
    `tokens` (pairs, tokens), the reply and `END`.

    Args:
        said: Makes tokens of turns.
        pairing: What answers what.
        history: Stretches before the answered one.
        longest: Tokens of a stretch and of a reply, `START` and `END` among them. A pair with more in either is left
            out; earlier stretches are cut to their end.
    """

    said: SaidCollate
    pairing: Pairing
    history: int
    longest: int

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues."""
        talks, tokens, asked, _ = self._all(items)
        batch = self.said.batch(talks, tokens)
        ends = [[*pair.target, END] for pair in asked]
        inputs = batch.inputs | self._sources(asked, talks) | {"before": filled([[START, *row[:-1]] for row in ends])}
        return batch._replace(inputs=inputs, targets=batch.targets | {"tokens": filled(ends)})

    def ask(self, dialogue: Dialogue) -> Batch:
        """The inputs for a reply to the end of a dialogue: `said`, `source`, `emotion` and `answered`.

        What is answered is cut to its end if it is too long; its turn is `truncated` then.

        Raises:
            InputError: If nothing is said at its end.
        """
        turns = dialogue.turns
        made, said = self.said.tokens(turns), stretches(turns)
        if self.pairing == "prompt-utterance":
            said = said or [(i,) for i in range(len(turns))]
        shown = said[-1 - self.history :]
        source = [[token for i in places for token in made[i]] for places in shown]
        if not source or not source[-1]:
            raise InputError(
                f"nothing is said at the end of the dialogue {dialogue.id!r}", allowed="a last turn with words"
            )
        cut = [row[-(self.longest - 2) :] for row in source]
        batch, last = self.said.batch([turns], [made]), shown[-1][-1]
        if len(source[-1]) > len(cut[-1]) and "truncated" not in batch.notes[last][1]:
            batch.notes[last][1].append("truncated")
        return batch._replace(inputs=batch.inputs | self._sources([_Asked(last, cut, [])], [turns]))

    def count(self, items: Sequence[Item]) -> dict[str, int]:
        """Number of pairs, and of those that are left out."""
        _, _, asked, left_out = self._all(items)
        return {"pairs": len(asked)} | left_out

    def lengths(self, items: Sequence[Item]) -> list[int]:
        """Tokens of each dialogue's longest reply: what batches are sorted by."""
        return [max((len(pair.target) for pair in self._all([item])[2]), default=0) for item in items]

    def _all(
        self, items: Sequence[Item]
    ) -> tuple[list[Sequence[Sample]], list[list[list[int]]], list[_Asked], dict[str, int]]:
        """Dialogues, tokens of their turns, pairs that are short enough, and a count of the others."""
        talks = talks_of(items)
        tokens, asked, first = [self.said.tokens(turns) for turns in talks], [], 0
        left_out = {"without words": 0, f"longer than {self.longest} tokens": 0}
        for turns, made in zip(talks, tokens, strict=True):
            for pair in pairs(turns, self.pairing, self.history):
                source = [[token for i in places for token in made[i]] for places in pair.source]
                target = [token for i in pair.target for token in made[i]]
                if not source[-1] or not target:
                    left_out["without words"] += 1
                elif max(len(source[-1]), len(target)) > self.longest - 2:
                    left_out[f"longer than {self.longest} tokens"] += 1
                else:
                    earlier = [row[-(self.longest - 2) :] for row in source[:-1]]
                    asked.append(_Asked(first + pair.source[-1][-1], [*earlier, source[-1]], target))
            first += len(turns)
        return talks, tokens, asked, left_out

    def _sources(self, asked: Sequence[_Asked], talks: Sequence[Sequence[Sample]]) -> dict[str, np.ndarray]:
        turns, target = [turn for talk in talks for turn in talk], self.said.target
        gold = [turns[pair.row].judged(target.scale, target.perspective) for pair in asked]
        deep = self.history + 1
        rows: list[list[list[int]]] = [[[]] * (deep - len(pair.source)) + pair.source for pair in asked]
        flat = filled([[START, *stretch, END] if stretch else [] for pair in rows for stretch in pair])
        return {
            "source": flat.reshape(len(asked), deep, flat.shape[1]),
            "emotion": np.array([-1 if g is None else int(g.argmax()) for g in gold], np.int64),
            "answered": np.array([pair.row for pair in asked], np.int64),
        }


def talks_of(items: Sequence[Item]) -> list[Sequence[Sample]]:
    """The turns of each dialogue; a sample by itself is one of one turn."""
    return [item.turns if isinstance(item, Dialogue) else (item,) for item in items]


def filled(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Rows of one length, (n, at least 1) int64, `PAD` behind the ends."""
    out = np.full((len(rows), max([1, *map(len, rows)])), PAD, np.int64)
    for line, row in zip(out, rows, strict=True):
        line[: len(row)] = row
    return out
