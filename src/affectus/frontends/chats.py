"""Dialogues → chats of a language model in its own template, as token numbers, and which of them it learns to say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from affectus.backbones.llm.base import Message, Role
from affectus.batch import Batch
from affectus.errors import InputError
from affectus.frontends.replies import LISTENER, stretches, talks_of
from affectus.sample import Item, Sample, flatten
from affectus.taxonomy import Target, scale

if TYPE_CHECKING:
    from affectus.backbones.llm.prompt import Prompt

NOTHING = -100
"""Where no token is learned."""


@dataclass(frozen=True)
class ChatCollate:
    """Writes dialogues as chats; the words of the one who listens are the assistant's.

    That is whoever is called `listener`, else who speaks second. Stretches of one side are joined, and what the
    assistant says before anybody else is left out. A dialogue with more than `longest` tokens is several chats, parted
    before what is answered.

    `inputs`: `ids` and `valid` (chats, t); `places` (k,), where any chat has something to say next. `targets`: `tokens`
    (chats, k), what is said after each place, the mark of the end included, or `NOTHING`.

    Args:
        model: Reference to the language model.
        target: The scale whose gold is named.
        scene: The system message.
        aware: Whether the speaker's emotion is named behind it, where gold tells.
        unnamed: Share of chats in training in which it is not.
        longest: Tokens of a chat.
    """

    model: str
    target: Target
    scene: str
    aware: bool
    unnamed: float
    longest: int

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate dialogues: all chats of each, or with `rng` one that is drawn."""
        rows = []
        for turns in talks_of(items):
            named = self.aware and (rng is None or rng.random() >= self.unnamed)
            found = [*self.chats(turns, self.emotion(turns) if named else None)]
            chosen = found if rng is None or not found else [found[rng.integers(len(found))]]
            rows += [self.prompt.learned(chat) for chat in chosen]
        return self._batch(rows)._replace(spans=[turn.span for turn in flatten(items)])

    def lengths(self, items: Sequence[Item]) -> list[int]:
        """Tokens of the longest chat of each dialogue: what batches are sorted by."""
        chats = ([self.prompt.learned(chat)[0] for chat in self.chats(turns)] for turns in talks_of(items))
        return [max(map(len, found), default=0) for found in chats]

    @property
    def prompt(self) -> Prompt:
        """Writes messages in the template of the model."""
        return _prompt(self.model)

    def emotion(self, turns: Sequence[Sample]) -> str | None:
        """The label that most of the speaker's turns have as gold."""
        gold = [turn.judged(self.target.scale, self.target.perspective) for turn in turns if turn.track != LISTENER]
        known = [row for row in gold if row is not None and np.isfinite(row).all()]
        return scale(self.target.scale).labels[int(np.sum(known, 0).argmax())] if known else None

    def setting(self, emotion: str | None) -> Message:
        """The system message."""
        told = f" The other one feels {emotion}." if emotion else ""
        return Message("system", self.scene + told)

    def chats(self, turns: Sequence[Sample], emotion: str | None = None) -> Iterator[list[Message]]:
        """The chats of a dialogue, each ending with the assistant; an exchange that is too long by itself is in none.

        Args:
            turns: Of the dialogue.
            emotion: What is named.
        """
        said = stretches(turns)
        called = any(turn.track == LISTENER for turn in turns)
        talk = _messages(turns, {LISTENER} if called else {turns[places[0]].track for places in said[1:2]})
        chat = [self.setting(emotion)]
        for pair in zip(talk[::2], talk[1::2], strict=False):
            if self._size([*chat, *pair]) > self.longest:
                if len(chat) > 1:
                    yield chat
                chat = [self.setting(emotion)]
                if self._size([*chat, *pair]) > self.longest:
                    continue
            chat += pair
        if len(chat) > 1:
            yield chat

    def asking(self, turns: Sequence[Sample], emotion: str | None = None) -> tuple[list[Message], int]:
        """A chat that waits for an answer to the end of a dialogue, and how many of its oldest messages are left out.

        Args:
            turns: Of the dialogue.
            emotion: What is named.

        Raises:
            InputError: If nobody but the listener has said something at the end, or that is too long.
        """
        spoken = [turn for turn in turns if (turn.text or "").strip()]
        if not spoken or spoken[-1].track == LISTENER:
            raise InputError("nothing is said at the end of the dialogue", allowed="a last turn with words to answer")
        called = any(turn.track == LISTENER for turn in spoken)
        mine = {LISTENER} if called else {turn.track for turn in spoken} - {spoken[-1].track}
        talk = _messages(turns, mine)
        for left_out in range(0, len(talk), 2):
            chat = [self.setting(emotion), *talk[left_out:]]
            if self._size(chat) <= self.longest:
                return chat, left_out
        raise InputError(
            f"what is said at the end of the dialogue makes {self._size(chat)} tokens",
            allowed=f"{self.longest}, the system message included",
            remedy="give a shorter turn, or train with a larger `longest`",
        )

    def _size(self, chat: Sequence[Message]) -> int:
        return len(self.prompt.tokens(chat)) + 1

    def _batch(self, rows: Sequence[tuple[list[int], list[bool]]]) -> Batch:
        rows = rows or [([0], [False])]  # nothing to learn, but a network wants to see something
        size = max(2, *(len(ids) for ids, _ in rows))
        ids, said = np.zeros((len(rows), size), np.int64), np.zeros((len(rows), size), bool)
        valid = np.zeros((len(rows), size), bool)
        for at, (row, mine) in enumerate(rows):
            ids[at, : len(row)], said[at, : len(row)], valid[at, : len(row)] = row, mine, True
        places = np.flatnonzero(said[:, 1:].any(0))
        places = places if len(places) else np.zeros(1, np.int64)
        tokens = np.where(said[:, places + 1], ids[:, places + 1], NOTHING)
        end = int(places.max()) + 1
        return Batch({"ids": ids[:, :end], "valid": valid[:, :end], "places": places}, {"tokens": tokens}, [])


@lru_cache(maxsize=8)
def _prompt(model: str) -> Prompt:
    from affectus.backbones import tokenizer
    from affectus.backbones.llm.prompt import Prompt

    return Prompt(tokenizer(model), model, 0)


def _messages(turns: Sequence[Sample], mine: Collection[str | None]) -> list[Message]:
    """Turns as messages of the user and the assistant in turn, from the first of the user's; `mine` are the latter's.

    What nobody known says is the user's.
    """
    out: list[Message] = []
    for places in stretches(turns):
        text = " ".join(text for at in places if (text := (turns[at].text or "").strip()))
        track = turns[places[0]].track
        role: Role = "assistant" if track is not None and track in mine else "user"
        if not text or (not out and role == "assistant"):
            continue
        if out and out[-1].role == role:
            out[-1] = Message(out[-1].role, f"{out[-1].content} {text}")
        else:
            out.append(Message(role, text))
    return out
