"""Feelings that their writer reports and readers don't see."""

from __future__ import annotations

import numpy as np

from affectus.corpora.base import Judgement, with_judgements
from affectus.sample import Item, Sample
from affectus.taxonomy import Target, scale
from affectus.testing.learning import built, learn

_WRITER, _READERS = ("calm", "angry"), ("smiling", "shouting")


def two_judges(name: str, /, learned: str = "hidden-2") -> float:
    """Share of posts wrongly called hidden anger, or not called so.

    The writer's rating follows from one word of a post, and from another whether readers see it. Half of the posts are
    angry and seen to be so, a quarter hide it, a quarter are calm.

    Args:
        name: Of a detector of hidden anger.
        learned: Scale of the label that is learned: `hidden-2` is made of both ratings, `strong-2` of the writer's.
    """
    system = built(name, targets=(Target(learned, "felt"),))
    rng = np.random.default_rng(0)

    def posts(n: int) -> tuple[list[Sample], np.ndarray]:
        angry, seen = np.arange(n) % 4 > 0, np.arange(n) % 4 != 1
        words = [rng.permutation([_WRITER[a], _READERS[s], "today"]) for a, s in zip(1 * angry, 1 * seen, strict=True)]
        samples = [Sample(id=str(i), source="made up", item=i, text=" ".join(w)) for i, w in enumerate(words)]
        column = scale("wrime-8").index("anger")
        scores = np.zeros((2, n, 8), np.float32)
        scores[0, angry, column] = 3
        scores[1, angry & seen, column] = 3
        judges = [
            Judgement({"wrime-8": scores[0]}, "felt", "writer"),
            Judgement({"wrime-8": scores[1]}, "perceived", "reader average"),
        ]
        return with_judgements(samples, judges, modality="text"), angry & ~seen

    items: list[Item] = list(system.config.label(posts(32)[0]))
    learn(system, items)
    asked, hidden = posts(32)
    return float(((system.read(asked).scores(learned).argmax(1) == 1) != hidden).mean())
