"""HEF with language models that follow a script: who says what at which stage decides the outcome exactly."""

import numpy as np
import pytest
from test_escm import answered

from affectus.affect import Affect
from affectus.backbones.llm import LLMError, Message, ScriptedLLM, Unscorable
from affectus.errors import ConfigError, InputError
from affectus.registry import build
from affectus.roles import EmotionModel
from affectus.sample import Dialogue, Sample, as_items
from affectus.systems.hef import HEF, NONE, FromReader, HEFConfig, cause_words, changed, parse_label, prompt
from affectus.taxonomy import scale
from affectus.testing.learning import built, descend, loss_of

SCALE = "empathetic-dialogues-32"
LABELS = scale(SCALE).labels
RNG = np.random.default_rng(0)
N = 40
TEXTS = [f"I tell of case {i}" for i in range(N)]
GOLD = [LABELS[i] for i in RNG.integers(0, 32, N)]
SCORES = RNG.dirichlet(np.full(32, 0.3), N)
for _row, _gold in zip(SCORES[::2], GOLD[::2], strict=True):  # half of the gold comes first or near it
    _row[LABELS.index(_gold)] = _row.max() * RNG.uniform(0.5, 1.5)


class Small:
    """A small model with prepared scores, which weighs the words by their length."""

    name = "small"

    def emotions(self, context):
        return dict(zip(LABELS, SCORES[number(_text(context))], strict=True))

    def token_weights(self, context):
        return [(word, float(len(word))) for word in _text(context).split()]


def _text(context):
    return context.turns[-1].text if isinstance(context, Dialogue) else getattr(context, "text", context)


def number(text):
    return int(text.rsplit("case ", 1)[1].split()[0])


def ranked(i):
    return [LABELS[j] for j in np.argsort(-SCORES[i], kind="stable")]


def options_of(messages):
    """What a prompt lets one choose from, in its order."""
    text = messages[1].content
    for before, behind in (("first: ", ".\n"), ("feel: ", "?\n")):
        if before in text:
            return text.split(before)[1].split(behind)[0].split(", ")
    return []  # an answer is asked for


def system(llm, **config):
    return HEF(HEFConfig(**config), Small(), llm)


def scripted(decide, scored):
    """A model that decides by a function of the case and of what it may choose from."""
    if scored:
        return ScriptedLLM(
            likelihood=lambda messages, option: (
                -float(option.strip() != decide(number(messages[1].content), options_of(messages)))
            )
        )
    return ScriptedLLM(lambda messages: decide(number(messages[1].content), options_of(messages)))


def labels_of(hef):
    return [hef.choose(text).label for text in TEXTS]


def oracle(i, options):
    return GOLD[i] if GOLD[i] in options else NONE


# -- stages ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scored", [True, False])
def test_an_oracle_is_always_right(scored) -> None:
    hef = system(scripted(oracle, scored), choice="scored" if scored else "parsed")
    assert labels_of(hef) == GOLD
    outside = np.mean([GOLD[i] not in ranked(i)[:3] for i in range(N)])
    assert 0.2 < outside < 0.8
    assert hef.rates() == {"stage-2": outside, "parsed": float(not scored), "fallback": 0.0}


@pytest.mark.parametrize("scored", [True, False])
def test_who_takes_the_first_gives_what_the_small_model_gives(scored) -> None:
    hef = system(scripted(lambda i, options: options[0], scored), choice="scored" if scored else "parsed")
    assert labels_of(hef) == [ranked(i)[0] for i in range(N)] == labels_of(changed(hef, emotion="sem"))
    assert hef.rates()["stage-2"] == 0


@pytest.mark.parametrize("k", [1, 3, 31])
@pytest.mark.parametrize("scored", [True, False])
def test_who_always_refuses_never_gets_one_of_the_first(scored, k) -> None:
    refuses = ScriptedLLM(NONE, (lambda _, option: float(option.strip() == NONE)) if scored else None)
    hef = system(refuses, candidates=k)
    for i, text in enumerate(TEXTS):
        choice = hef.choose(text)
        assert choice.stage == 2
        assert choice.label not in ranked(i)[:k]
        assert scored or (choice.label == ranked(i)[k] and choice.fallback)


def test_accuracy_stays_below_the_bound_of_its_stages() -> None:
    rng = np.random.default_rng(1)
    for refusing in (0.0, 0.3, 0.9):

        def decide(i, options, refusing=refusing):
            return NONE if len(options) == 3 and rng.random() < refusing else str(rng.choice(options))

        hef = system(scripted(decide, False), choice="parsed")
        choices = [hef.choose(text) for text in TEXTS]
        inside = np.array([GOLD[i] in ranked(i)[:3] for i in range(N)])
        right = np.array([c.label == gold for c, gold in zip(choices, GOLD, strict=True)])
        stages = np.array([c.stage for c in choices])
        # In the first stage only gold among the first can be right, in the second only other gold.
        assert not right[(stages == 1) & ~inside].any()
        assert not right[(stages == 2) & inside].any()
        first, second = right[inside].mean(), right[~inside].mean()
        assert right.mean() <= inside.mean() * first + (1 - inside.mean()) * second + 1e-12
        assert first <= (stages[inside] == 1).mean()
        assert second <= (stages[~inside] == 2).mean()


def test_the_second_stage_lists_the_others_and_only_them() -> None:
    llm = scripted(oracle, True)
    hef = system(llm)
    i = next(i for i in range(N) if GOLD[i] not in ranked(i)[:3])
    hef.choose(TEXTS[i])
    first, second = {tuple(options_of(m)): m for m in llm.asked}.values()
    assert options_of(first) == ranked(i)[:3]
    assert options_of(second) == [label for label in LABELS if label not in ranked(i)[:3]]
    assert first[-1] == Message("assistant", "Emotion:")


def test_an_answer_outside_the_first_is_a_refusal_and_nonsense_falls_back() -> None:
    named = system(ScriptedLLM([ranked(0)[5], ranked(0)[7]]), choice="parsed").choose(TEXTS[0])
    assert (named.label, named.stage, named.fallback) == (ranked(0)[7], 2, False)
    hef = system(ScriptedLLM("what a day"), choice="parsed")
    lost = hef.choose(TEXTS[0])
    assert (lost.label, lost.stage, lost.fallback) == (ranked(0)[0], 1, True)
    assert hef.rates() == {"stage-2": 0.0, "parsed": 1.0, "fallback": 1.0}


def test_stages_and_cause_words_can_be_switched_off() -> None:
    llm = scripted(lambda i, options: GOLD[i], True)
    alone = system(llm, emotion="one-stage", causes=0)
    assert labels_of(alone) == GOLD
    assert {tuple(options_of(m)) for m in llm.asked} == {LABELS}
    assert not any("triggered" in m[1].content for m in llm.asked)
    assert not any("consider first" in m[1].content for m in llm.asked)
    told = changed(alone, causes=2)
    told.choose(TEXTS[0])
    assert "triggered the emotion: tell, case." in llm.asked[-1][1].content
    silent = ScriptedLLM(AssertionError("nobody asks"))
    assert labels_of(system(silent, emotion="sem")) == [ranked(i)[0] for i in range(N)]
    assert not silent.asked
    lost = system(ScriptedLLM("what"), emotion="one-stage", choice="parsed").choose(TEXTS[3])
    assert (lost.label, lost.fallback) == (ranked(3)[0], True)


def test_a_model_without_likelihoods_answers_in_words_and_the_reading_says_so() -> None:
    class Tongue(ScriptedLLM):
        def score(self, messages, options):
            raise Unscorable("the server tells none")

    wordy = Tongue(lambda messages: oracle(number(messages[1].content), options_of(messages)))
    wordy.scores = True
    for llm in (wordy, scripted(oracle, False)):
        hef = system(llm, choice="scored")
        read = hef.read(TEXTS)
        assert [row.top for row in read] == GOLD
        assert all("parsed" in row.flags for row in read)
    assert "parsed" in hef.respond(Dialogue((Sample(id="a", text=TEXTS[0]),))).reasons[0]


def test_what_a_model_prefers_whatever_it_is_told_is_taken_off() -> None:
    taste = {label: 3.0 * i for i, label in enumerate(LABELS)}  # louder than what it knows
    knows = ScriptedLLM(
        likelihood=lambda messages, option: (
            taste[option.strip()] + float(option.strip() == GOLD[number(messages[1].content)])
            if option.strip() != NONE
            else 99.0
        )
    )
    raw = system(knows, emotion="one-stage")
    assert len(set(labels_of(raw))) == 1
    prior = raw.label_prior(TEXTS)
    assert len(prior) == 32
    assert labels_of(changed(raw, prior=prior)) == GOLD
    both = changed(raw, prior=prior, emotion="two-stage")  # it refuses the first always
    outside = [i for i in range(N) if GOLD[i] not in ranked(i)[:3]]
    assert [both.choose(TEXTS[i]).label for i in outside] == [GOLD[i] for i in outside]
    with pytest.raises(ConfigError, match="the prior has 2 numbers"):
        HEFConfig(prior=(0.1, 0.2))
    with pytest.raises(InputError, match="no contexts"):
        raw.label_prior([])
    with pytest.raises(Unscorable):
        system(ScriptedLLM("sad")).label_prior(TEXTS)


# -- answers in words --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "label"),
    [("Sad", "sad"), (" JOYFUL.\n", "joyful"), ('"proud"', "proud"), ("The speaker is lonely!", "lonely"),
     ("sad or angry", None), ("", None), ("happy", None), ("none", None), ("disgusted, I think", "disgusted")],
)  # fmt: skip
def test_words_are_read_by_total_rules(said, label) -> None:
    assert parse_label(said, LABELS) == label


# -- cause words -------------------------------------------------------------------------------------------------------
def test_cause_words_are_the_weightiest_in_their_order() -> None:
    pairs = [("[CLS]", 9.0), ("The", 8.0), ("dog", 2.0), ("died", 3.0), ("!", 7.0), ("Dog", 2.5), ("today", 1.0)]
    assert cause_words(pairs, 2) == ("dog", "died")
    assert cause_words(pairs, 9) == ("dog", "died", "today")
    assert cause_words([("snow", 0.1), ("##boar", 0.3), ("##ding", 0.3), ("hurts", 0.5)], 1) == ("snowboarding",)
    assert cause_words([("▁fire", 0.2), ("works", 0.4), ("▁loud", 0.5)], 2) == ("fireworks", "loud")
    assert cause_words([("Ġfire", 0.2), ("</s>", 4.0), ("Ġloud", 0.5)], 1) == ("loud",)
    assert cause_words([], 3) == cause_words(pairs, 0) == ()


def test_a_planted_word_reaches_the_language_model() -> None:
    rng = np.random.default_rng(0)
    filler, triggers = ["day", "long", "went", "home"], ["sad", "happy", "afraid", "angry"]
    rows = [(trigger, [*rng.choice(filler, 6)]) for trigger in [*triggers, None] * 10]
    for trigger, words in rows:
        if trigger:
            words.insert(int(rng.integers(7)), trigger)
    names = {"happy": "joyful", None: "content"}
    items = answered([" ".join(w) for _, w in rows], [names.get(t, t) for t, _ in rows], [None] * len(rows))
    small = built("escm/tiny")
    descend(small.parameters(), lambda step: loss_of(small, items, step), steps=60, rate=1e-2)
    assert isinstance(small, EmotionModel)
    llm = scripted(lambda i, options: options[0], True)
    hef = HEF(HEFConfig(causes=1), small, ScriptedLLM("", lambda messages, option: -float(NONE in option)))
    found = [(trigger, hef.choose(item).causes) for (trigger, _), item in zip(rows, items, strict=True) if trigger]
    assert np.mean([causes == (trigger,) for trigger, causes in found]) >= 0.9
    assert not llm.asked
    alone = hef.choose(items[0]).causes
    padded = [hef.choose(turn).causes for turn in (items[0], Dialogue((items[0],)))]
    assert padded == [alone, alone]


# -- reading and answering ---------------------------------------------------------------------------------------------
TALK = Dialogue(
    (
        Sample(id="a", text="My dog ran away", track="x"),
        Sample(id="b", text="Oh no, when?", track="y"),
        Sample(id="c", text="Today, in case 4", track="x"),
    )
)


def test_a_reply_says_what_led_to_it_and_who_did_what() -> None:
    llm = ScriptedLLM(
        "I am so sorry. I am so sorry. That must\nthanks", lambda _, option: float(option == f" {ranked(4)[1]}")
    )
    hef = system(llm, turns=2, candidates=2)
    reply = hef.respond(TALK)
    assert reply.text == "I am so sorry."
    assert reply.reasons[0] == f"the speaker feels {ranked(4)[1]} (stage 1, scored)"
    assert reply.reasons[1] == "because of: today, case"
    assert reply.reasons[2] == "the first 1 turns were not shown to scripted"
    assert reply.by == {"emotion": "small + scripted", "text": "scripted", "prompts": "hef/2"}
    assert set(reply.seconds) == {"emotion", "text"}
    asked = llm.asked[-1]
    assert (
        f"The user feels {ranked(4)[1]}. Words that have likely triggered the emotion: today, case." in asked[0].content
    )
    assert asked[1:] == (Message("user", "Today, in case 4"),)  # a talk does not begin with the listener
    system(llm).respond(TALK)
    assert [(m.role, m.content) for m in llm.asked[-1][1:]] == [
        ("user", "My dog ran away"), ("assistant", "Oh no, when?"), ("user", "Today, in case 4")
    ]  # fmt: skip
    show = Affect({SCALE: {"caring": 1.0}}, SCALE, "intended")
    assert hef.respond(TALK, show).intended is show
    assert "Show that you feel caring." in llm.asked[-1][0].content
    with pytest.raises(LLMError, match="answered nothing"):
        system(ScriptedLLM("", lambda *_: 0.0)).respond(TALK)
    with pytest.raises(InputError, match="no turns"):
        hef.respond(Dialogue(()))
    with pytest.raises(InputError, match="no words"):
        hef.respond(Dialogue((Sample(id="a", text=" "),)))


def test_readings_carry_the_choice_its_words_and_its_marks() -> None:
    hef = system(scripted(oracle, False), choice="parsed")
    read = hef.read([TEXTS[0], "", *TEXTS[1:]])
    assert [row.top for row in read] == [GOLD[0], None, *GOLD[1:]]
    assert read[1].flags == ("empty",)
    second = [i for i in range(N) if GOLD[i] not in ranked(i)[:3]]
    marked = [row.text for row in read if "stage-2" in row.flags]
    assert marked == [TEXTS[i] for i in second]
    assert [e.text for e in read[0].evidence] == ["tell", "case"]
    assert len(hef.read([])) == 0
    assert "long" in hef.read(["so " * 300 + TEXTS[0]])[0].flags
    next(hef.run(TEXTS[:2]))


def test_any_reader_can_be_the_small_model() -> None:
    class Reader:
        name = "reader"

        def __init__(self):
            self.inner = build("escm/tiny")

        def read(self, items):
            return self.inner.read(items)

    reader = Reader()
    hef = HEF(HEFConfig(emotion="sem"), reader, ScriptedLLM(""))
    assert isinstance(hef.sem, FromReader)
    text = "the long day was sad"
    assert hef.choose(text).label == reader.read([text])[0].top
    assert set(hef.choose(text).causes) <= set(text.split())
    with pytest.raises(ConfigError, match="reads 28 labels"):
        HEF(HEFConfig(), build("text-classifier/tiny"), ScriptedLLM("")).choose(text)
    with pytest.raises(ConfigError, match="no small model"):
        HEF(HEFConfig()).choose(text)
    with pytest.raises(ConfigError, match="32 of 32 emotions"):
        HEFConfig(candidates=32)


@pytest.mark.parametrize(("modality", "shown"), [("text", ["a\nb\nc"]), ("dialogue", ["a", "b", "c"])])
def test_a_reader_of_texts_sees_the_dialogue_as_one_text(modality, shown) -> None:
    class Reader:
        def read(self, items):
            self.seen = [turn.text for item in as_items(items) for turn in getattr(item, "turns", [item])]
            return [Affect({SCALE: dict.fromkeys(LABELS, 1 / 32)}, SCALE, "felt")]

    reader = Reader()
    reader.modality = modality
    FromReader(reader).emotions(Dialogue(tuple(Sample(id=text, text=text) for text in "abc")))
    assert reader.seen == shown


def test_the_registry_puts_it_together() -> None:
    hef = build("hef/tiny", turns=3)
    choice = hef.choose("the long day was sad")
    assert choice.label in LABELS
    assert choice.stage == 0
    assert hef.llm.name == "tiny:llama"
    assert not list(hef.parameters())  # nothing of its parts is its own
    assert prompt("2", "first").count("{") == 3
