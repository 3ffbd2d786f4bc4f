"""The agent with scripted models: choice, reasons, checks, fallbacks, danger, long and strange dialogues."""

from __future__ import annotations

import pytest
from response_samples import FakeReader, ear, reading, rows, talk

from affectus.affect import Affect
from affectus.backbones.llm import LLMError, Message, ScriptedLLM, Unscorable
from affectus.errors import InputError
from affectus.response import Agent, load_character, record
from affectus.response.agent import fresh, tidy
from affectus.response.feeling import Chooser, showing
from affectus.response.memory import show
from affectus.response.reading import Ear, heard
from affectus.sample import Dialogue
from affectus.taxonomy import scale

KIND = "I'm sorry, you must miss him a lot."
SAD = talk("Hi.", "Hello!", "My dog died yesterday.")


def agent(answers=KIND, likelihood=None, hears=None, **more) -> Agent:
    llm = answers if isinstance(answers, ScriptedLLM) else ScriptedLLM(answers, likelihood)
    more.setdefault("chooser", Chooser(None))
    return Agent(llm, ear=hears or ear("sadness", "dog", "died"), **more)


def test_a_reply_says_why_and_who_said_what():
    reply = agent(
        likelihood=lambda messages, option: -1.0 if option == "That sounds" and len(messages) > 2 else -2.0
    ).respond(SAD)
    assert reply.text == KIND
    assert (reply.intended.top, reply.intended.perspective) == ("caring", "intended")
    assert reply.by == {"reading": "words", "intended": "rule:empathy", "intent": "scripted", "text": "scripted"}
    assert reply.reasons == (
        "they feel: sadness", "because of: dog, died", "so show: caring", "and want to: acknowledge (score 1.0)"
    )  # fmt: skip
    assert set(reply.seconds) == {"reading", "feeling", "intent", "text", "first token", "checks", "all"}
    assert record(reply)["intended"] == "caring"


def test_reasons_are_scored_before_the_first_word_and_told_to_the_model():
    one = agent(likelihood={})
    one.llm._likelihood = lambda messages, option: -1.0
    one.respond(SAD)
    *scored, generated = one.llm.asked
    assert [asked[-1].content for asked in scored[:: len(scored) - 1]] == ["N/A", "My dog died yesterday."]
    assert "(They feel sad because of: dog, died. Show care." in generated[-1].content
    assert generated[-1].content.startswith("My dog died yesterday.")
    assert [message.role for message in generated] == ["system", "user", "assistant", "user"]


def test_a_model_in_this_process_looks_at_another_prompt_once_only():
    feelings = iter(["sadness", "joy"])

    class Ears:
        def hear(self, dialogue):
            return heard(reading(next(feelings)))

    llm = ScriptedLLM([" must be hard.", " is that!"], lambda messages, option: -1.0, continues=True)
    one = agent(llm, hears=Ears())
    assert one.respond(SAD).intended.top == "caring"
    before = len(llm.asked)
    assert one.respond(talk("I got the job!")).intended.top == "joy"
    assert not any(asked[-1].content == "N/A" for asked in llm.asked[before:])


@pytest.mark.parametrize("trouble", [None, Unscorable("no"), LLMError("gone")])
def test_without_scores_a_rule_chooses_the_intent(trouble):
    def fail(messages, option):
        raise trouble

    reply = agent(likelihood=fail if trouble else None).respond(SAD)
    assert reply.by["intent"] == "rule:intent"
    assert "and want to: console" in reply.reasons


@pytest.mark.parametrize(
    ("emotion", "shown"),
    [("joy", "joy"), ("sadness", "caring"), ("fear", "caring"), ("anger", "caring"), ("disgust", "caring"),
     ("surprise", "curiosity"), ("neutral", "curiosity")],
)  # fmt: skip
def test_the_rule_of_empathy(emotion, shown):
    assert agent(hears=ear(emotion)).respond(SAD).intended.top == shown


def transition(**more: float) -> FakeReader:
    """Finds all feelings as likely as each other, but for those that are given."""
    scores = dict.fromkeys(scale("peld-7").labels, 0.1) | more
    return FakeReader(Affect({"peld-7": scores}, "peld-7", "intended", by="pet"))


@pytest.mark.parametrize(
    ("hears", "likelier", "chosen"),
    [("sadness", "sadness", "sadness"), ("sadness", "neutral", "caring"), ("surprise", "joy", "joy")],
)
def test_a_transition_chooses_where_the_rule_leaves_a_choice(hears, likelier, chosen):
    reader = transition(joy=0.4)  # its habit, which is not taken for an answer
    chooser = Chooser(reader)
    chooser._indifferent("Robin")
    reader.readings = transition(**{"joy": 0.4, likelier: 0.5}).readings
    reply = agent(hears=ear(hears), chooser=chooser).respond(SAD)
    assert (reply.intended.top, reply.by["intended"]) == (chosen, "pet")
    (nothing,), (given,) = reader.given
    assert [turn.text for turn in nothing.turns] == ["N/A", ""]
    assert set(nothing.persona["Robin"].traits.values()) == {0.5}
    assert given.turns[-1].track == "Robin"
    assert given.persona["Robin"].traits["agreeableness"] == 0.9


@pytest.mark.parametrize("hears", ["joy", "fear", "anger", "disgust", "neutral"])
def test_where_the_rule_leaves_none_the_transition_is_not_asked(hears):
    reader = transition(sadness=0.9)
    reply = agent(hears=ear(hears), chooser=Chooser(reader)).respond(SAD)
    assert reply.by["intended"] == "rule:empathy"
    assert not reader.given


def test_a_transition_that_abstains_leaves_the_choice_to_the_rule():
    silent = FakeReader(reading("joy", by="pet", flags=("abstained:low-confidence",)))
    reply = agent(chooser=Chooser(silent)).respond(SAD)
    assert (reply.intended.top, reply.by["intended"]) == ("caring", "rule:empathy")


def test_a_free_transition_chooses_anything_but_hostility():
    free = Chooser(FakeReader(showing("sadness", by="pet", on="peld-7")), free=True)
    reply = agent(hears=ear("fear"), chooser=free).respond(SAD)
    assert (reply.intended.top, reply.by["intended"]) == ("sadness", "pet")


@pytest.mark.parametrize("label", ["anger", "disgust"])
def test_hostility_is_not_shown(label):
    free = Chooser(FakeReader(showing(label, by="pet", on="peld-7")), free=True)
    reply = agent(chooser=free).respond(SAD)
    assert (reply.intended.top, reply.by["intended"]) == ("caring", "rule:empathy")


def test_a_given_feeling_is_kept():
    assert agent().respond(SAD, showing("joy", by="me")).intended.by == "me"


def test_the_reader_of_dialogues_counts_unless_it_abstains():
    words = FakeReader(reading("sadness"))
    both = agent(hears=Ear(words, FakeReader(reading("joy", by="talk")))).respond(SAD).by
    assert (both["reading"], both["words"]) == ("talk", "words")
    silent = FakeReader(reading("joy", by="talk", flags=("abstained:low-confidence",)))
    assert agent(hears=Ear(words, silent)).respond(SAD).by["reading"] == "words"


def test_where_readers_abstain_the_feeling_is_unclear():
    reply = agent(hears=ear("joy", flags=("abstained:low-confidence",))).respond(SAD)
    assert "they feel: unclear" in reply.reasons
    assert reply.intended.top == "curiosity"


def test_a_model_that_goes_on_is_given_the_opening():
    llm = ScriptedLLM([" be sad. I feel", " be hard for you. And"], continues=True)
    first = agent(llm).respond(talk("My dog died yesterday."))
    assert llm.asked[-1][-1] == Message("assistant", "I'm so sorry")
    assert first.text == "I'm so sorry be sad."
    second = agent(llm).respond(talk("My dog died yesterday.", first.text, "He was old."))
    assert second.text == "That must be hard for you."  # an opening is not used twice in a row
    assert "and want to: console, beginning 'That must'" in second.reasons


def test_the_next_attempt_takes_the_next_opening():
    llm = ScriptedLLM([" you are worthless.", " feel heavy."], continues=True)
    reply = agent(llm).respond(SAD)
    assert reply.text == "That must feel heavy."
    assert reply.reasons[-1] == "so begin with: 'That must'"


def test_interest_asks_and_a_question_ends_the_reply():
    llm = ScriptedLLM([" long did that take? I see. And"], continues=True)
    curious = agent(llm, hears=ear("neutral")).respond(talk("I moved to Lisbon."))
    assert (curious.intended.top, curious.text) == ("curiosity", "What long did that take?")
    kind = agent(ScriptedLLM([" really? That is sad. And"], continues=True)).respond(SAD)
    assert kind.text == "I'm so sorry really? That is sad."


def test_nothing_is_generated_beyond_the_last_sentence():
    pieces = []

    class Counting(ScriptedLLM):
        def generate(self, messages, **options):
            for piece in super().generate(messages, **options):
                pieces.append(piece)
                yield piece

    agent(Counting("You miss him. That is hard. And more and more and more.")).respond(SAD)
    assert "".join(pieces) == "You miss him. That is hard."


def test_a_refused_reply_is_made_anew():
    reply = agent(["", "You are worthless.", KIND]).respond(SAD)
    assert reply.text == KIND
    assert [reason.split(":")[1].strip() for reason in reply.reasons if reason.startswith("refused")] == [
        "empty",
        "unsafe",
    ]


@pytest.mark.parametrize("answers", [["bad"] * 3, LLMError("the server is down"), "You have depression. Take 20 mg."])
def test_a_fallback_is_marked(answers):
    reply = agent(answers).respond(SAD)
    assert reply.by["text"] == "fallback"
    assert reply.reasons[-1].startswith("fallback: ")
    assert "sorry" in reply.text


@pytest.mark.parametrize("row", rows("attacks"), ids=[row["turn"][:40] for row in rows("attacks")])
def test_a_model_that_obeys_every_attack_is_never_heard(row):
    reply = agent(row["obeyed"], hears=ear("neutral")).respond(talk(row["turn"]))
    assert reply.text != row["obeyed"]
    assert reply.by["text"] in ("fallback", "rule:hand-over", "rule:language")


def test_danger_is_handed_over_and_no_model_is_asked():
    one = agent(character=load_character().model_copy(update={"hand_over": "Call 000."}))
    for said in (talk("I want to kill myself."), talk("Hi.", "Hello!", "I want to kill myself.")):
        reply = one.respond(said)
        assert (reply.text, reply.by) == ("Call 000.", {"text": "rule:hand-over"})
        assert reply.reasons == ("danger (self-harm): 'kill myself'",)
    assert one.llm.asked == []
    assert one.respond(talk("I want to kill myself.", "Call 000.", "Thank you for listening.")).text == KIND


def test_other_languages_are_said_plainly(tmp_path):
    german = talk("Mein Hund ist gestern gestorben und ich weine.")
    reply = agent().respond(german)
    assert reply.by == {"text": "rule:language"}
    assert "English" in reply.text
    file = tmp_path / "zwei.yaml"
    file.write_text("languages: [en, de]\n")
    reply = agent("Das tut mir sehr leid für dich.", character=load_character(file)).respond(german)
    assert reply.text == "Das tut mir sehr leid für dich."
    assert "language: not English, so the feeling was not read" in reply.reasons


def test_a_dialogue_needs_a_turn_to_answer():
    with pytest.raises(InputError, match="no turn with words"):
        agent().respond(Dialogue(()))
    with pytest.raises(InputError, match="no turn with words"):
        agent().respond(talk("  "))
    with pytest.raises(InputError, match="Robin's own"):
        agent().respond(Dialogue(SAD.turns[:2]))


def test_five_hundred_turns_fit_and_it_is_said_what_is_left_out():
    llm = ScriptedLLM(KIND, window=400)
    long = talk(*[f"turn {at} and a few more words" for at in range(501)])
    reply = agent(llm).respond(long)
    left_out = next(int(r.split()[3]) for r in reply.reasons if r.startswith("left out: the "))
    asked = llm.asked[-1]
    assert llm.count(asked) <= 400 - 60
    assert f"The {left_out} oldest turns of the talk are left out." in asked[0].content
    assert asked[1].content == f"turn {left_out} and a few more words"
    assert reply.text == KIND


def test_turns_are_left_out_many_at_once_so_that_a_model_seldom_reads_the_talk_anew():
    llm, begins = ScriptedLLM(KIND, window=300), []
    for count in range(1, 101, 2):
        turns = talk(*[f"turn {at} and a few more words" for at in range(count)]).turns
        shown = show(llm, Message("system", "scene"), turns, "Robin", 100)
        assert llm.count(shown.messages) <= 200
        assert llm.count(shown.messages) > 80 or not shown.left_out
        begins.append(shown.left_out)
    assert begins == sorted(begins)
    assert begins[:14] == [0] * 14  # 27 turns of seven words are 189
    assert sorted(set(begins)) == [0, 15, 30, 45, 60, 75]  # five cuts in fifty replies


def test_one_turn_larger_than_the_room_is_still_answered():
    llm = ScriptedLLM(KIND, window=100)
    turns = talk("Hello.", "Hi.", "word " * 500, "I see.", "Are you there?").turns
    shown = show(llm, Message("system", "scene"), turns, "Robin", 20)
    assert (shown.left_out, shown.cut) == (3, False)
    assert [message.content for message in shown.messages[1:]] == ["I see.", "Are you there?"]


def test_a_last_turn_that_is_too_long_loses_its_beginning():
    llm = ScriptedLLM(KIND, window=400)
    reply = agent(llm).respond(talk("I was so sad and then " * 600 + "my dog died"))
    assert "left out: the beginning of the last turn" in reply.reasons
    assert "my dog died" in llm.asked[-1][-1].content


def test_several_people_are_told_apart_by_name():
    ann, ben = talk("I am sad.").turns[0], talk("Me too.").turns[0]
    llm = ScriptedLLM(KIND)
    object.__setattr__(ben, "track", "Ben")
    agent(llm).respond(Dialogue((ann, ben)))
    assert llm.asked[-1][-1].content.startswith("Lena: I am sad.\nBen: Me too.")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Robin: I see.", "I see."),
        ('"I see."', "I see."),
        ("I see. And then he", "I see."),
        ("no end", "no end"),
        ("One two three. Four five six seven.", "One two three."),
        ("One. Two. Three.", "One. Two."),
        ("Really?! “Yes.” Go on", "Really?! “Yes.”"),
    ],
)
def test_what_was_said_is_tidied(said, kept):
    limits = load_character().limits.model_copy(update={"words": 6})
    assert tidy(said, load_character().model_copy(update={"limits": limits})) == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("I'm sorry. That must hurt.", "That must hurt."),
        ("That must hurt. That must hurt!", "That must hurt."),
        ("I'm sorry.", "I'm sorry."),  # nothing else was said: the checks decide
        ("no end", "no end"),
    ],
)
def test_a_sentence_that_was_said_before_is_left_out(said, kept):
    assert fresh(said, ["Oh no. I'm sorry."]) == kept


def test_affect_without_a_scale_is_no_trouble():
    assert agent().respond(SAD, Affect({}, None, "intended")).text == KIND
