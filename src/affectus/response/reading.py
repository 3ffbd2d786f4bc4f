"""What the other person feels, and the words that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from affectus.affect import Affect
from affectus.registry import checkpoints, load
from affectus.sample import Dialogue, Sample
from affectus.taxonomy import map_scores, scale

TEXT = "affectus/text-goemotions"
DIALOGUE = "affectus/dialogue-embedded"
EMOTIONS = "ekman-6+neutral"
UNCLEAR = "unclear"
_MOST_CAUSES = 3
_HEARD = 32  # turns that the reader of dialogues hears


@dataclass(frozen=True)
class Heard:
    """What was read.

    Args:
        emotion: Label of `ekman-6+neutral`, or `unclear` where the readers abstained.
        finer: Labels of the reader of words, for example `grief`.
        causes: Words without which the reading would be weaker, in their order.
        by: Which reader said so.
        affect: The reading of the words, if there were any.
    """

    emotion: str
    finer: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    by: str = ""
    affect: Affect | None = None


class Ear:
    """Reads the last turn of a dialogue: its words, and, where that reader is on this machine, its place in the talk.

    Args:
        text: Reader of words; it explains by words whose absence changes the reading.
        dialogue: Reader of dialogues; its emotion counts unless it abstains.
    """

    def __init__(self, text: Any = TEXT, dialogue: Any = DIALOGUE) -> None:
        self._text, self._dialogue = text, dialogue
        self._loaded: dict[str, Any] = {}

    def hear(self, dialogue: Dialogue) -> Heard:
        """The reading of the last turn."""
        (row,) = self._reader("text", self._text).explain([dialogue.turns[-1]])
        emotion, by = _emotion(row), str(row.by)
        inside = self._inside(dialogue)
        if inside is not None and (found := _emotion(inside)) != UNCLEAR:
            emotion, by = found, str(inside.by)
        return Heard(emotion, row.labels, causes(row) if emotion not in ("neutral", UNCLEAR) else (), by, row)

    def _inside(self, dialogue: Dialogue) -> Affect | None:
        named = isinstance(self._dialogue, str)
        if len(dialogue.turns) < 2 or self._dialogue is None or (named and self._dialogue not in checkpoints()):
            return None
        turns = dialogue.turns[-_HEARD:]
        read = self._reader("dialogue", self._dialogue).read([Dialogue(turns, dialogue.persona, dialogue.id)])
        last: Affect = read[-1]
        return last

    def _reader(self, slot: str, reader: Any) -> Any:
        if slot not in self._loaded:
            _stop_words()  # importing them takes as long as a reply
            self._loaded[slot] = load(reader) if isinstance(reader, str) else reader
        return self._loaded[slot]


def heard(row: Affect, words: tuple[str, ...] = ()) -> Heard:
    """What a reading that was made before says.

    Args:
        row: The reading.
        words: That speak for it.
    """
    return Heard(_emotion(row), row.labels, words, str(row.by), row)


def _emotion(row: Affect) -> str:
    """The likeliest of the seven emotions; unclear if the reader abstained."""
    if row.abstained or row.target is None:
        return UNCLEAR
    scores = row.scores.get(EMOTIONS)
    if scores is None:
        import numpy as np

        own = row.scores[row.target]
        values = np.array([[own.get(label, np.nan) for label in scale(row.target).labels]], np.float32)
        mapped = values if row.target == EMOTIONS else map_scores(values, row.target, EMOTIONS)
        scores = dict(zip(scale(EMOTIONS).labels, mapped[0].tolist(), strict=True))
    known = {label: score for label, score in scores.items() if score == score}
    return max(known, key=known.__getitem__) if known else UNCLEAR


def causes(row: Affect) -> tuple[str, ...]:
    """Up to three words that speak for the reading, without words that say nothing by themselves."""
    told = [
        (at, e) for at, e in enumerate(row.evidence)
        if e.kind == "word" and e.text and (e.weight or 0) > 0 and e.text.isalpha()
        and e.text.lower() not in _stop_words()
    ]  # fmt: skip
    most = sorted(sorted(told, key=lambda pair: -(pair[1].weight or 0))[:_MOST_CAUSES], key=lambda pair: pair[0])
    return tuple(dict.fromkeys(str(e.text) for _, e in most))


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)


Hearing = Callable[[Dialogue], Heard]


def turn(
    text: str, speaker: str, at: int, source: str = "chat", features: Mapping[str, np.ndarray] | None = None
) -> Sample:
    """One turn of a conversation."""
    return Sample(id=f"{source}#{at}", source=source, item=at, text=text, track=speaker, features=features or {})
