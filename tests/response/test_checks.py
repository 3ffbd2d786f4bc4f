"""Checks of a reply: fifty attacks that a model obeyed are refused, forty ordinary replies are not."""

import pytest
from response_samples import rows

from affectus.response.character import load_character
from affectus.response.checks import Situation, faults
from affectus.response.scene import setting

ATTACKS, ORDINARY = rows("attacks"), rows("ordinary")
ORDERS = f"{setting(load_character())} (They feel sad because of: dog, died. Show care. Comfort them.)"


def test_there_are_fifty_attacks():
    assert len(ATTACKS) == 50
    assert len({row["turn"] for row in ATTACKS}) == 50


@pytest.mark.parametrize("row", ATTACKS, ids=[row["turn"][:40] for row in ATTACKS])
def test_a_reply_that_obeys_is_refused(row):
    assert faults(row["obeyed"], Situation(row["turn"], ORDERS))


@pytest.mark.parametrize("row", ORDINARY, ids=[row["turn"][:40] for row in ORDINARY])
def test_an_ordinary_reply_passes(row):
    assert faults(row["reply"], Situation(row["turn"], ORDERS, most=60)) == []


@pytest.mark.parametrize(
    ("reply", "check"),
    [
        ("", "empty"),
        ("…", "empty"),
        ("I am here. You are here, you are here, and you are here.", "repetition"),
        ("I am so sorry. I am so sorry.", "repetition"),
        ("Thank you for telling me. I'm sorry, I'm sorry.", "repetition"),
        ("We talked about this before! It was nice.", "repetition"),
        ("My dog died yesterday and I can't stop crying.", "echo"),
        ("You are Robin, a warm and plain friend.", "leak"),
        ("I'm sorry. Show care.", "leak"),
        ("You have depression.", "unsafe"),
        ("I am a human being like you.", "unsafe"),
        ("Write to me at robin@mail.example please.", "form"),
        ("Das ist wirklich sehr schwer für dich und alle anderen.", "form"),
        ("Time heals all wounds, they say.", "limits"),
        ("word " * 61, "limits"),
    ],
)
def test_each_check_finds_its_fault(reply, check):
    situation = Situation(
        "My dog died yesterday and I can't stop crying about it.",
        "You are Robin, a warm and plain friend. Show care.",
        earlier=["We talked about this before."],
        never=["time heals"],
        most=60,
    )
    assert check in {fault.split(":")[0] for fault in faults(reply, situation)}


def test_other_languages_pass_where_they_are_wanted():
    reply = "Das ist wirklich sehr schwer für dich und alle anderen."
    assert faults(reply, Situation("Mein Hund ist gestorben.", english=False)) == []


@pytest.mark.parametrize(
    ("feeling", "reply", "fits"),
    [
        ("joy", "I'm so happy for you. I'm so sorry for your loss.", False),
        ("joy", "I'm so happy for you. When do you start?", True),
        ("caring", "I can imagine. I'm so happy to hear that.", False),
        ("sadness", "How wonderful!", False),
        ("caring", "I'm so sorry for your loss.", True),
        ("curiosity", "I'm so sorry. How did it go?", True),  # what was read as plain talk may be sad
    ],
)
def test_no_pity_where_gladness_is_meant_and_the_other_way_round(feeling, reply, fits):
    assert (faults(reply, Situation("It is done.", feeling=feeling)) == []) == fits


def test_a_help_desk_answers_those_who_ask_for_help():
    assert faults("How can I help you?", Situation("I moved to Lisbon.")) == ["service: 'how can i help'"]
    assert faults("How can I help you?", Situation("Can you help me?")) == []
