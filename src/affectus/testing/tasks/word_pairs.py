"""Two words whose meaning together is in neither of them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from affectus.sample import Item
from affectus.testing.items import labelled
from affectus.testing.learning import built, learn, share_wrong

_FILLER = ("today", "again", "here", "later")


def word_pairs(name: str, /, **changes: Any) -> float:
    """Share of wrong labels where "so glad" and "not sad" are of one label, "so sad" and "not glad" of another.

    Each word stands in as many texts of the one label as of the other: what weighs words one by one is at chance.

    Args:
        name: Of a reader of texts with a target of two labels or more.
        **changes: Of its configuration.
    """
    system = built(name, **changes)
    of = system.config.targets[0]

    def texts(seed: int) -> list[Item]:
        rng = np.random.default_rng(seed)
        pairs = list(product(("so", "not"), ("glad", "sad"))) * 10
        written = [f"{rng.choice(_FILLER)} {first} {second}" for first, second in pairs]
        return labelled(written, [int((first == "so") == (second == "glad")) for first, second in pairs], of)

    learn(system, texts(0))
    return share_wrong(system, texts(1))
