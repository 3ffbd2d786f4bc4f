"""What answers what, and the token numbers of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from affectus.errors import InputError
from affectus.frontends.replies import Pair, ReplyCollate, SaidCollate, notebook_text, pairs, stretches
from affectus.frontends.subwords import END, PAD, START, Subwords
from affectus.sample import Dialogue, Sample
from affectus.taxonomy import Target
from affectus.testing.items import labelled

GROUPS = Target("empathetic-dialogues-8", "felt")


def talk(*turns: str, name: str = "talk") -> Dialogue:
    """Turns as `track: text`."""
    made = [turn.partition(": ") for turn in turns]
    return Dialogue(
        tuple(
            Sample(id=f"{name}-{i}", source=name, item=i, track=track or None, text=text)
            for i, (track, _, text) in enumerate(made)
        ),
        id=name,
    )


TALK = talk(
    "situation: my dog ran", "speaker: it ran", "speaker: away", "listener: no", "speaker: yes", "listener: oh",
    "listener: dear",
)  # fmt: skip


def collate(history: int = 1, longest: int = 12, pairing="speaker-listener", most: int = 20) -> ReplyCollate:
    return ReplyCollate(SaidCollate(Subwords(), GROUPS, most), pairing, history, longest)


def text(tokens) -> str:
    return Subwords().decode([int(token) for token in tokens])


def test_turns_of_one_person_in_a_row_are_one():
    assert stretches(TALK.turns) == [(1, 2), (3,), (4,), (5, 6)]
    assert stretches(talk(": a", ": b", "x: c", "x: d").turns) == [(0,), (1,), (2, 3)]


def test_listeners_answer_and_so_does_everybody_where_nobody_is_one():
    assert pairs(TALK.turns, "speaker-listener", 1) == [
        Pair(((1, 2),), (3,)),
        Pair(((3,), (4,)), (5, 6)),
    ]
    triple = talk("Ann: a", "Bob: b", "Ann: c")
    assert pairs(triple.turns, "speaker-listener", 5) == [Pair(((0,),), (1,)), Pair(((0,), (1,)), (2,))]
    assert pairs(talk("listener: hi", "speaker: a", "listener: b").turns, "speaker-listener", 0) == [
        Pair(((1,),), (2,))
    ]


def test_every_turn_answers_the_situation_in_the_notebook():
    assert pairs(TALK.turns, "prompt-utterance", 0) == [Pair(((0,),), (i,)) for i in range(1, 7)]
    assert pairs(talk("speaker: a", "listener: b").turns, "prompt-utterance", 0) == []


def test_the_notebooks_cleaning():
    assert notebook_text("Hi, it's 3 o'clock!  Why?!") == "hi , it s o clock ! why ? !"
    assert notebook_text("12 – 34") == ""


def test_a_turn_is_read_with_what_the_same_person_said_before():
    batch = collate().said([talk("ann: aa", "bob: b", "ann: c", ": d", ": e")])
    assert [text(row) for row in batch.inputs["said"]] == ["aa", "b", "aa c", "d", "e"]
    short = collate(most=8).said([talk("ann: aaaa", "ann: bbbbbb", "ann: cccccccccccc", "ann:  ")])
    assert [text(row) for row in short.inputs["said"]] == ["aaaa", "a bbbbbb", "cccccccc", ""]
    assert [flags for _, flags in short.notes] == [[], [], ["truncated"], ["empty"]]


def test_pairs_in_tokens():
    batch = collate(longest=20)([TALK])
    source, before = batch.inputs["source"], batch.inputs["before"]
    assert source.shape[:2] == (2, 2)
    assert [[text(row) for row in pair] for pair in source] == [["", "it ran away"], ["no", "yes"]]
    assert [text(row) for row in before] == ["no", "oh dear"]
    assert (source[0, 0] == PAD).all()  # there is nothing before
    line = source[1, 1][source[1, 1] != PAD]
    assert (line[0], line[-1]) == (START, END)
    assert before[0, 0] == START
    assert batch.targets["tokens"][0][:4].tolist() == [*before[0, 1:4].tolist(), END]
    assert batch.inputs["answered"].tolist() == [2, 4]
    assert batch.inputs["emotion"].tolist() == [-1, -1]


def test_what_is_too_long_is_left_out_and_counted():
    talks = [
        talk("speaker: a", "listener: " + "b" * 20),
        talk("speaker: a", "listener: b", "speaker:  ", "listener: c"),
    ]
    assert collate().count(talks) == {"pairs": 1, "without words": 1, "longer than 12 tokens": 1}
    assert len(collate()(talks).inputs["source"]) == 1
    assert collate(longest=30).count(talks)["pairs"] == 2
    assert collate(longest=30).lengths(talks) == [21, 2]
    long_before = talk("speaker: " + "a" * 30, "listener: b", "speaker: c", "listener: d")
    assert collate().count([long_before])["pairs"] == 1
    [[earlier, _]] = [[text(row) for row in pair] for pair in collate(history=2)([long_before]).inputs["source"][:, 1:]]
    assert earlier == "b"


def test_gold_of_the_answered_turn_is_the_emotion():
    said, reply = labelled(["i ran", "no"], [3, 0], GROUPS)
    dialogue = Dialogue((said, replace(reply, track="another")))
    batch = collate()([dialogue])
    assert batch.inputs["emotion"].tolist() == [3]
    assert batch.targets[GROUPS.scale].argmax(1).tolist() == [3, 0]


def test_the_end_of_a_dialogue_is_asked():
    batch = collate().ask(talk("speaker: it ran", "listener: no", "speaker: " + "yes " * 10))
    assert batch.inputs["source"].shape[:2] == (1, 2)
    assert text(batch.inputs["source"][0, 0]) == "no"
    assert batch.inputs["answered"].tolist() == [2]
    assert len(batch.inputs["source"][0, 1]) == 12  # cut to its end
    assert [flags for _, flags in batch.notes] == [[], [], ["truncated"]]
    for nothing in (Dialogue(()), talk("speaker: a", "listener:  ")):
        with pytest.raises(InputError, match="nothing is said at the end"):
            collate().ask(nothing)


def test_no_items():
    batch = collate()([])
    assert batch.inputs["source"].shape == (0, 2, 1)
    assert batch.spans == []
