"""Questions about an analysed file: what is told stands in the timeline, and the model speaks only where it may."""

from __future__ import annotations

import numpy as np
import pytest
from response_samples import ear, talk

from affectus.affect import Evidence
from affectus.backbones.llm import ScriptedLLM
from affectus.errors import InputError, UnknownName
from affectus.response import Account, Agent, Guide
from affectus.response.agent import HAND_OVER
from affectus.response.feeling import Chooser
from affectus.response.guide import READINGS
from affectus.sample import Span
from affectus.taxonomy import scale
from affectus.timeline import Timeline

EKMAN = "ekman-6+neutral"
KIND = "I'm sorry, that letter must have been tiring."
LINES = (
    ("Ann", 0.0, "neutral", "Good morning, this is the library.", ()),
    ("Ben", 4.0, "anger", "I am sick of these letters!", ("sick",)),
    ("Ann", 9.0, "neutral", "We found it.", ()),
    ("Ben", 65.0, "joy", "Thank you, that is wonderful.", ("Thank", "wonderful")),
)


def readings(lines=LINES, source="call.flac", modality="text", by="words") -> Timeline:
    labels = scale(EKMAN).labels
    scores = np.full((len(lines), len(labels)), 0.05, np.float32)
    for row, line in zip(scores, lines, strict=True):
        row[labels.index(line[2])] = 0.7
    spans = [Span(source, line[0], None, line[1], line[1] + 4) for line in lines]
    evidence = [[Evidence("word", text=word, weight=1.0) for word in line[4]] for line in lines]
    texts = [line[3] for line in lines] if modality == "text" else None
    made = Timeline.build(
        spans, {EKMAN: scores}, perspective="perceived", by=by, modality=modality, text=texts,
        evidence=evidence if modality == "text" else None,
    )  # fmt: skip
    return made.set_scores(scale(EKMAN), scores, labels=[[line[2]] for line in lines])


def guide(answers=KIND, timeline=None) -> Guide:
    agent = Agent(ScriptedLLM(answers), ear=ear("neutral"), chooser=Chooser(None))
    return Guide(agent, Account(readings() if timeline is None else timeline))


def test_what_somebody_shows_and_when_it_changes_is_told_without_the_model():
    one = guide()
    reply = one.respond(talk("How does Ben feel, and when does it change?"))
    assert reply.text == (
        "What Ben shows: anger at 0:04 (“sick”) and joy at 1:05 (“Thank”, “wonderful”). "
        "The largest change is from anger to joy at 1:05."
    )
    assert reply.by == {"reading": "words", "text": READINGS}
    assert reply.reasons[0] == "asked about: Ben in call.flac"
    assert "2 readings (perceived)" in reply.reasons[1]
    assert not one.llm.asked


def test_what_one_would_say_is_the_agents_reply_to_that_moment():
    one = guide()
    reply = one.respond(talk("How does Ben feel?", "He is angry.", "What would you say to him when he is angry?"))
    assert reply.text == f"To Ben at 0:04 I would say: {KIND}"
    assert reply.by == {"reading": "words", "intended": "rule:empathy", "intent": "rule:intent", "text": "scripted"}
    assert reply.reasons[1:5] == (
        "Ben said at 0:04: 'I am sick of these letters!'", "they feel: anger", "because of: sick", "so show: caring"
    )  # fmt: skip
    assert "I am sick of these letters!" in one.llm.asked[-1][-1].content
    assert not any("library" in message.content for message in one.llm.asked[-1])


def test_the_checks_hold_for_what_is_said_about_a_file():
    reply = guide("I am sick of these letters, I am sick of these letters!").respond(
        talk("What would you say to Ben when angry?")
    )
    assert reply.by["text"] == "fallback"
    assert sum("refused: " in reason for reason in reply.reasons) == 3


def test_grounds_name_reader_score_words_and_line():
    text = guide().respond(talk("Why is Ben happy?")).text
    assert text == (
        "For Ben words gives joy at 1:05 a score of 0.70. The words that speak for it, by words: “Thank”, “wonderful”. "
        "What was said: “Thank you, that is wonderful.”"
    )


def test_without_a_name_everybody_is_meant_and_a_name_is_remembered():
    one = guide()
    assert "Ann shows one thing only: neutral at 0:00." in one.respond(talk("How do they feel?")).text
    remembered = one.respond(talk("How is Ann?", "Neutral.", "And how do they feel now?")).text
    assert "Ann" in remembered
    assert "Ben" not in remembered


@pytest.mark.parametrize("turn", ["My dog died.", "How are you?", "I feel sad, what would you do?"])
def test_other_turns_are_the_agents(turn):
    assert guide().respond(talk(turn)).by["text"] == "scripted"


def test_danger_goes_first_in_questions_and_in_the_file():
    one = guide(timeline=readings([("Ben", 0.0, "sadness", "I want to kill myself.", ())]))
    assert one.respond(talk("How does Ben feel? I want to die.")).by["text"] == HAND_OVER
    assert one.respond(talk("What would you say to Ben?")).by["text"] == HAND_OVER
    assert not one.llm.asked


def test_fused_readings_count_before_others_and_keep_the_words():
    fused = readings([("Ben", 4.0, "sadness", "", ())], modality="fused", by="fusion")
    text = guide(timeline=Timeline.concat([readings(), fused])).respond(talk("How does Ben feel?")).text
    assert text == "Ben shows one thing only: sadness at 0:04 (“sick”)."


def test_a_person_whose_words_were_not_read_gets_no_made_up_answer():
    one = guide(timeline=readings([("Ben", 4.0, "sadness", "", ())], modality="voice"))
    assert "was not read in words" in one.respond(talk("What would you say to Ben?")).text
    assert not one.llm.asked


def test_where_nothing_was_decided_this_is_said():
    quiet = readings().set_scores(scale(EKMAN), readings().scores(EKMAN), labels=[[]] * 4)
    assert (
        guide(timeline=quiet).respond(talk("How do they feel?")).text
        == "Nothing was decided about anybody in call.flac."
    )


def test_many_changes_are_counted_and_the_largest_told():
    lines = [("Ben", 10.0 * at, ("joy", "anger")[at % 2], f"Line {at}.", ()) for at in range(9)]
    text = guide(timeline=readings(lines)).respond(talk("How does Ben feel?")).text
    assert text.startswith(
        "What Ben shows in 9 readings: joy 56%, anger 44%. The largest of 8 changes: to anger at 0:10"
    )


def test_the_source_must_be_clear():
    both = Timeline.concat([readings(), readings(source="chat.jsonl")])
    with pytest.raises(InputError, match="several files"):
        Account(both)
    assert Account(both, "chat.jsonl").source == "chat.jsonl"
    with pytest.raises(UnknownName, match=r"chat\.json"):
        Account(both, "chat.json")
    with pytest.raises(InputError, match="no reading"):
        Account(Timeline.empty())


@pytest.mark.parametrize("asked", ["Why do you think so?", "How do you know?", "Which words?", "How sure are you?"])
def test_what_was_told_can_be_asked_after_without_a_name(asked):
    one = guide()
    reply = one.respond(talk("How does Ben feel?", "What Ben shows: …", asked))
    assert reply.text.startswith("For Ben words gives ")
    assert not one.llm.asked
