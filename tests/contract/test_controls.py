"""The controls of the slow checks fail where they should."""

import numpy as np
import pytest

from affectus.registry import build
from affectus.testing import synthetic_items
from affectus.testing.slow import BLIND, _learned


def test_blind_gold_says_nothing_of_the_content():
    system = build("text-classifier/tiny")
    items, mixed = (synthetic_items(system, "text", 16, blind=b) for b in (False, True))
    assert [i.text for i in items] == [i.text for i in mixed]
    words = np.array([i.text.split()[-1] for i in mixed])
    labels = np.array([i.gold.scores("goemotions-28")[0].argmax() for i in mixed])
    for word in set(words):
        assert sorted(labels[words == word]) == [0, 1, 2, 3]


class Blindfold:
    """A collate that hides the words."""

    def __init__(self, collate):
        self.collate = collate

    def __call__(self, items, rng=None):
        batch = self.collate(items, rng)
        return batch._replace(inputs={name: np.ones_like(value) for name, value in batch.inputs.items()})


@pytest.mark.slow
def test_a_system_that_does_not_look_is_found_out():
    errors = []
    for blind in (False, True):
        system = build("text-classifier/tiny")
        system.collate = Blindfold(system.collate)
        items, true = (synthetic_items(system, "text", 16, blind=b) for b in (blind, False))
        errors.append(_learned(system, items, true))
    assert errors[0] > BLIND * errors[1]
