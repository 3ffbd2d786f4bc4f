"""Clips whose words say nothing, and whose faces say all."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectus.corpora.base import with_gold
from affectus.frontends.textualise import EXPRESSIONS, UNITS
from affectus.sample import Item, Sample
from affectus.taxonomy import scale
from affectus.testing.learning import built, descend, loss_of, share_wrong

_MOVES = (("AU12", "happiness"), ("AU04", "anger"), ("AU43", "sadness"), ("AU26", "surprise"))
_WORDS = ("so it goes", "well then", "there we are")
_POOL, _STEPS = 24, 60


def told_faces(name: str, /, **changes: Any) -> float:
    """Share of wrong labels of clips that only their faces tell apart.

    Args:
        name: Of a system that tells the features `action_units` and `expressions` as text.
        **changes: Of its configuration.
    """
    system = built(name, **changes)
    target = system.config.targets[0]

    def clips(n: int, seed: int) -> list[Item]:
        rng = np.random.default_rng(seed)
        shown = np.arange(n) % len(_MOVES)
        made = []
        for i in range(n):
            unit, look = _MOVES[shown[i]]
            features = {
                "action_units": np.array([float(label == unit) for label in UNITS]),
                "expressions": np.array([float(label == look) for label in EXPRESSIONS]),
            }
            text = str(rng.choice(_WORDS))
            made.append(Sample(id=f"clip-{seed}-{i}", source="made", item=i, text=text, features=features))
        gold = np.eye(len(scale(target.scale)), dtype=np.float32)[shown]
        judged = with_gold(made, {target.scale: gold}, perspective=target.perspective, by="made", modality="text")
        return [*judged]

    pool = clips(_POOL, 0)
    descend(system.train().parameters(), lambda step: loss_of(system, pool, step), _STEPS)
    return share_wrong(system, clips(_POOL, 1))
