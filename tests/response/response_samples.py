"""A reader, a character and dialogues that need no model file."""

from __future__ import annotations

import json
from pathlib import Path

from affectus.affect import Affect, Evidence
from affectus.response.reading import Ear, turn
from affectus.sample import Dialogue
from affectus.taxonomy import scale

HERE = Path(__file__).parent


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def talk(*texts: str, own: str = "Robin") -> Dialogue:
    """Turns of Lena and the character by turns; the last one is Lena's."""
    last = len(texts) - 1
    return Dialogue(
        tuple(turn(text, "Lena" if (last - at) % 2 == 0 else own, at) for at, text in enumerate(texts)), id="chat"
    )


def reading(emotion: str, by: str = "words", flags: tuple[str, ...] = (), words: tuple[str, ...] = ()) -> Affect:
    scores = dict.fromkeys(scale("ekman-6+neutral").labels, 0.0) | {emotion: 1.0}
    evidence = tuple(Evidence("word", text=word, weight=1.0 - at / 10) for at, word in enumerate(words))
    return Affect(
        {"ekman-6+neutral": scores}, "ekman-6+neutral", "perceived", by=by, evidence=evidence, flags=flags,
        decided={"ekman-6+neutral": (emotion,)},
    )  # fmt: skip


class FakeReader:
    """Reads the same from everything, and keeps what it was given."""

    def __init__(self, *readings: Affect) -> None:
        self.readings, self.given = list(readings), []

    def explain(self, items, question=None):
        self.given.append(list(items))
        return self.readings

    read = explain


def ear(emotion: str = "sadness", *words: str, flags: tuple[str, ...] = ()) -> Ear:
    return Ear(FakeReader(reading(emotion, words=words, flags=flags)), dialogue=None)
