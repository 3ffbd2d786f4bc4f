"""Replies whose first word follows from how the speaker feels, and from nothing that is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affectus.sample import Dialogue, Item, flatten
from affectus.taxonomy import scale
from affectus.testing.items import labelled
from affectus.testing.learning import built, learn

_REPLIES = ("yay", "calm", "oh no", "hm")
_SAID = ("so it goes", "well then", "there we are")
_TALKS = 24


def first_word(name: str, /, aware: bool = True) -> float:
    """Share of replies that do not begin as the gold emotion asks.

    Args:
        name: Of a system that answers, has `rehearse` and a field `aware`.
        aware: Whether the emotion is told to the network.
    """
    system = built(name, aware=aware)
    target = system.config.targets[0]
    moods = min(len(_REPLIES), len(scale(target.scale)))

    def talks(seed: int) -> list[Item]:
        rng = np.random.default_rng(seed)
        made: list[Item] = []
        for i in range(_TALKS):
            [said, reply] = flatten(labelled([str(rng.choice(_SAID)), _REPLIES[i % moods]], [i % moods] * 2, target))
            turns = (replace(said, track="speaker"), replace(reply, track="listener", gold=None))
            made.append(Dialogue(turns, id=f"talk-{i}"))
        return made

    learn(system, talks(0))
    asked = [*system.rehearse(talks(1), emotion="gold")]  # type: ignore[operator]
    return float(np.mean([r.reply.split()[:1] != r.reference.split()[:1] for r in asked]))
