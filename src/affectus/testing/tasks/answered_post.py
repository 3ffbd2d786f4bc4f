"""Answers that mean nothing without what they answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affectus.corpora.base import gold
from affectus.sample import Dialogue, Item, flatten
from affectus.taxonomy import scale
from affectus.testing.items import labelled
from affectus.testing.learning import built, learn

_POSTS = ("my dog died", "we won the cup", "what is it")


def answered_post(name: str, /, seeker: bool = True) -> float:
    """Share of wrong labels of answers that are alike, where the label follows from what is answered.

    Args:
        name: Of a system that reads turns that answer somebody, with a first target of three labels, and has a field
            `seeker`.
        seeker: Whether what is answered is looked at.
    """
    system = built(name, seeker=seeker)
    target = system.config.targets[0]

    def talks(n: int, seed: int) -> list[Item]:
        rng = np.random.default_rng(seed)
        made: list[Item] = []
        for i in range(n):
            texts = [_POSTS[i % len(_POSTS)], str(rng.choice(["oh", "i see", "and then", "well"]))]
            post, answer = flatten(labelled(texts, [i % len(_POSTS)] * 2, target))
            made.append(Dialogue((replace(post, track="ann", gold=None), replace(answer, track="bob")), id=f"talk-{i}"))
        return made

    learn(system, talks(24, 0))
    asked = talks(12, 1)
    answers = flatten(asked)[1::2]
    read = system.read(asked).scores(scale(target.scale).name)[1::2]
    return float((read.argmax(1) != gold(answers, target.scale).argmax(1)).mean())
