"""The controls of the slow checks fail where they should."""

from dataclasses import replace

import numpy as np
import pytest

from affectus import registry
from affectus.registry import build
from affectus.testing import synthetic_items
from affectus.testing.learning import error_learned
from affectus.testing.slow import BLIND, check_ablation
from affectus.testing.subject import Subject


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
        errors.append(error_learned(system, items, true))
    assert errors[0] > BLIND * errors[1]


def needs_nothing(name, /, piece=True):
    """A task that is solved with the key piece and without."""
    return 0.1


def needs_the_piece(name, /, piece=True):
    return 0.1 if piece else 0.3


@pytest.mark.parametrize("task", [needs_nothing, needs_the_piece])
def test_a_piece_that_makes_no_difference_is_found_out(task):
    entry = registry.entry("text-classifier")
    card = replace(entry.card, ablation={"piece": False}, ablated="The piece.", task=f"{__name__}:{task.__name__}")
    subject = Subject("text-classifier/tiny", replace(entry, card=card), "text", registry.build("text-classifier/tiny"))
    if task is needs_the_piece:
        check_ablation(subject)
    else:
        with pytest.raises(AssertionError, match=r"0\.100 as it is, 0\.100 with"):
            check_ablation(subject)
