"""Long talks whose mood is named once, at the start."""

from __future__ import annotations

import numpy as np

from affectus.sample import Dialogue, Item, flatten
from affectus.taxonomy import scale
from affectus.testing.items import labelled
from affectus.testing.learning import built, learn, share_wrong

_MOODS = ("happy", "angry", "afraid", "sad")
_LENGTH = 16  # turns


def named_once(name: str, /, **changes: str) -> float:
    """Share of wrong labels of turns that all have the mood named at the first one, and say nothing of it themselves.

    Args:
        name: Of a system that reads the turns of dialogues on a scale of kind one-of.
        **changes: Of its configuration.
    """
    system = built(name, **changes)
    target = system.config.targets[0]
    moods = min(len(_MOODS), len(scale(target.scale)))
    rng = np.random.default_rng(0)

    def talks(n: int) -> list[Item]:
        made: list[Item] = []
        for i in range(n):
            texts = [_MOODS[i % moods], *rng.choice(["well", "oh", "i see", "and then"], _LENGTH - 1)]
            made.append(Dialogue(tuple(flatten(labelled(texts, [i % moods] * _LENGTH, target))), id=f"talk-{i}"))
        return made

    learn(system, talks(24))
    return share_wrong(system, talks(24))
