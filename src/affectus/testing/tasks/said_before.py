"""Turns that mean nothing without what was said before."""

from __future__ import annotations

import numpy as np

from affectus.sample import Dialogue, flatten
from affectus.taxonomy import scale
from affectus.testing.items import levelled
from affectus.testing.learning import built, learn

_NEWS = ("my dog died", "we won the cup")
_LENGTH = 2  # turns


def said_before(name: str, /, history: bool = True) -> float:
    """Mean squared error, as a share of the variance, of answers that are alike in all conversations.

    Somebody tells sad or glad news, then both talk of nothing. All gold follows from the news, half a scale apart.

    Args:
        name: Of a system that reads the turns of dialogues on scales of kind level and has a field `history`.
        history: Whether the turns before are read.
    """
    system = built(name, history=history)
    target = system.config.targets[0]
    of = scale(target.scale)
    rng = np.random.default_rng(0)

    def conversations(n: int) -> list[Dialogue]:
        made = []
        for i in range(n):
            texts = [_NEWS[i % 2], *rng.choice(["oh", "i see", "and then", "well"], _LENGTH - 1)]
            level = of.low + (of.high - of.low) * (0.25 + 0.5 * (i % 2))
            made.append(Dialogue(tuple(levelled(texts, [level] * _LENGTH, target, source=f"talk-{i}")), id=f"talk-{i}"))
        return made

    learn(system, [*conversations(12)])
    asked = conversations(8)
    later = np.tile([False] + [True] * (_LENGTH - 1), len(asked))
    read = system.read(asked).scores(of.name)[later]
    gold = np.concatenate([t.gold.scores(of.name) for t in flatten(asked) if t.gold is not None])[later]
    return float(np.square(read - gold).mean() / gold.var())
