"""News that move one person and leave another cold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affectus.corpora.base import gold
from affectus.sample import BIG_FIVE, Dialogue, Item, Persona, Sample, flatten
from affectus.testing.items import labelled
from affectus.testing.learning import built, descend, loss_of

_NEWS = ("joy", "sadness")  # what good and bad news make of somebody whom they move
_PEOPLE = {
    "ann": Persona("ann", dict(zip(BIG_FIVE, (0.5, 0.5, 0.9, 0.9, 0.1), strict=True))),
    "cem": Persona("cem", dict(zip(BIG_FIVE, (0.5, 0.5, 0.1, 0.1, 0.9), strict=True))),
}
_MOVED = "ann"
_STEPS, _RATE = 300, 1e-2  # of a network without an encoder, so they take a second


def own_gain(name: str, /, personality: bool = True) -> float:
    """Share of wrong labels where news move one of two people and leave the other neutral.

    Both have said the same before, in the same mood, so that nothing but the Big Five tells who is who. What is said
    arrives as ready-made features, so that all there is to learn is whose step is large.

    Args:
        name: Of a system that reads which emotion the speaker of the last turn is going to show, and has fields
            `backbone`, `features`, `width` and `personality`.
        personality: Whether personality scales the step.
    """
    system = built(name, backbone=None, features="news", width=len(_NEWS), personality=personality)
    target = system.config.targets[0]
    rng = np.random.default_rng(0)

    def moments(n: int) -> list[Item]:
        made: list[Item] = []
        for i in range(n):
            who, news = list(_PEOPLE)[i % 2], i // 2 % 2
            label = _NEWS[news] if who == _MOVED else "neutral"
            turns = flatten(labelled(["", "", ""], [label] * 3, target))
            said = [np.zeros(len(_NEWS)), np.eye(len(_NEWS))[news] * rng.uniform(0.5, 1.5), np.zeros(len(_NEWS))]
            made.append(Dialogue(tuple(_told(turns, said, who)), persona=_PEOPLE, id=f"moment-{i}"))
        return made

    learned, asked = moments(32), moments(32)
    descend(system.train().parameters(), lambda step: loss_of(system, learned, step), _STEPS, _RATE)
    truth = gold(flatten(asked), target.scale)[2::3].argmax(1)
    return float((system.read(asked).scores(target.scale)[2::3].argmax(1) != truth).mean())


def _told(turns: list[Sample], said: list[np.ndarray], who: str) -> list[Sample]:
    people = (who, "bob", who)
    return [replace(t, track=p, features={"news": x}) for t, p, x in zip(turns, people, said, strict=True)]
