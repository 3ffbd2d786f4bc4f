"""Turns that ask by a sound for what another turn says in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectus.corpora.base import with_gold
from affectus.sample import Item, Sample, conversations
from affectus.taxonomy import scale
from affectus.testing.learning import built, descend, loss_of, share_wrong

_TURNS = 4  # and as many sounds
_CLASSES = 4
_POOL, _BATCH, _STEPS = 300, 24, 80


def asked_by_tag(name: str, /, **changes: Any) -> float:
    """Share of wrong labels of turns whose emotion stands in the words of a turn that another modality finds.

    Each turn sounds in a way of its own, and names in its words a sound and an emotion. A turn's gold is the emotion in
    the words of the turn that has the sound which it names: queries and values are of text, keys of voice.

    Args:
        name: Of a system that reads features `text` and `audio` of the turns of dialogues (`widths`).
        **changes: Of its configuration.
    """
    widths = {"text": _TURNS + _CLASSES, "audio": _TURNS}
    system = built(name, backbone="", widths=widths, **changes)
    target = system.config.targets[0]

    def talks(n: int, seed: int) -> list[Item]:
        rng = np.random.default_rng(seed)
        turns: list[Sample] = []
        gold = np.zeros((n * _TURNS, len(scale(target.scale))), np.float32)
        for i in range(n):
            tags, asked, words = rng.permutation(_TURNS), rng.permutation(_TURNS), rng.integers(0, _CLASSES, _TURNS)
            said = np.concatenate([np.eye(_TURNS)[asked], np.eye(_CLASSES)[words]], 1)
            for j in range(_TURNS):
                gold[len(turns), words[np.flatnonzero(tags == asked[j])]] = 1
                heard = {"text": said[j], "audio": np.eye(_TURNS)[tags[j]]}
                turns.append(Sample(id=f"{i}-{j}", source=f"talk-{i}", item=j, features=heard))
        judged = with_gold(turns, {target.scale: gold}, perspective=target.perspective, by="made", modality="dialogue")
        return conversations(judged)

    pool = talks(_POOL, 0)
    drawn = np.random.default_rng(1).integers(0, _POOL, (_STEPS, _BATCH))
    descend(system.train().parameters(), lambda step: loss_of(system, [pool[i] for i in drawn[step]], step), _STEPS)
    return share_wrong(system, talks(64, 2))
