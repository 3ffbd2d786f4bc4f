"""Turns that mean something only to those who know who says them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affectus.sample import Dialogue, Item, flatten
from affectus.taxonomy import scale
from affectus.testing.items import labelled
from affectus.testing.learning import built, learn, share_wrong

_MOODS = ("happy", "angry", "afraid", "sad")
_LENGTH = 8  # turns


def who_speaks(name: str, /, identity: bool = True) -> float:
    """Share of wrong labels in conversations of three people who keep the mood that they came with.

    Each names a mood once, at the first turn, and says nothing of it later; who speaks next is drawn.

    Args:
        name: Of a system that reads the turns of dialogues on a scale of kind one-of and has a field `identity`.
        identity: Whether who speaks is told.
    """
    system = built(name, identity=identity)
    target = system.config.targets[0]
    moods = len(_MOODS[: len(scale(target.scale))])
    rng = np.random.default_rng(0)

    def conversations(n: int) -> list[Item]:
        made: list[Item] = []
        for i in range(n):
            mood = rng.permutation(moods)[:3]
            people = rng.integers(0, 3, _LENGTH)
            known: set[int] = set()
            texts = []
            for who in people.tolist():
                texts.append("well" if who in known else _MOODS[mood[who]])
                known.add(who)
            turns = labelled(texts, [int(mood[who]) for who in people], target)
            named = [replace(turn, track=f"person-{who}") for turn, who in zip(flatten(turns), people, strict=True)]
            made.append(Dialogue(tuple(named), id=f"talk-{i}"))
        return made

    learn(system, conversations(48))
    return share_wrong(system, conversations(24))
