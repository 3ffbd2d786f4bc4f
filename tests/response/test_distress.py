"""Turns in which a person may be in danger, and sayings that look alike.

The sentences were made up for this test by the author of the rules, so it shows what the rules are meant for, not how
many real turns they catch.
"""

import pytest
from response_samples import rows

from affectus.response import distress

SENTENCES = rows("distress")


@pytest.mark.parametrize("row", SENTENCES, ids=[row["text"][:40] for row in SENTENCES])
def test_danger_is_told_from_sayings(row):
    found = distress(row["text"])
    assert (found.kind if found else None) == row["kind"], found


def test_there_are_enough_of_both():
    assert sum(row["kind"] is not None for row in SENTENCES) >= 40
    assert sum(row["kind"] is None for row in SENTENCES) >= 40


@pytest.mark.parametrize("text", ["I WANT TO DIE", "i want   to\ndie", "I wánt to die", "Ok. I want to die."])
def test_spelling_does_not_hide_it(text):
    assert distress(text).kind == "self-harm"


def test_a_saying_does_not_hide_what_stands_beside_it():
    assert distress("This homework is killing me and I want to kill myself.").kind == "self-harm"
