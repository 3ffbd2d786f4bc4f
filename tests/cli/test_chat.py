"""`affectus chat` and `affectus respond` with a scripted model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from affectus.backbones.llm import LLMError, ScriptedLLM
from affectus.response.feeling import Chooser
from affectus.response.reading import Ear

KIND = "I'm sorry, you must miss him a lot."


class Reader:
    """Reads sadness from everything."""

    def explain(self, items, question=None):
        from affectus.affect import Affect

        scores = {
            "anger": 0.0,
            "disgust": 0.0,
            "fear": 0.0,
            "joy": 0.0,
            "sadness": 1.0,
            "surprise": 0.0,
            "neutral": 0.0,
        }
        return [Affect({"ekman-6+neutral": scores}, "ekman-6+neutral", "perceived", by="words")]


@pytest.fixture
def llm(monkeypatch):
    """A model that always says the same; its answer can be set."""
    script = ScriptedLLM(KIND)
    monkeypatch.setattr("affectus.response.agent.open_llm", lambda name: script)
    monkeypatch.setattr("affectus.response.agent.Ear", lambda: Ear(Reader(), dialogue=None))
    monkeypatch.setattr("affectus.response.agent.Chooser", lambda: Chooser(None))  # whatever lies in the cache
    return script


class Transition:
    """Finds that whoever speaks stays sad, and keeps from where they started."""

    def __init__(self):
        self.starts = []

    def read(self, items):
        from affectus.response.feeling import showing

        (dialogue,) = items
        own = [turn.features.get("peld-7") for turn in dialogue.turns[:-1] if turn.track == "Robin"]
        self.starts.append([None if found is None else int(found.argmax()) for found in own])
        return [showing("sadness", by="pet", on="peld-7")]


def lines(*typed: str) -> str:
    return "".join(f"{line}\n" for line in typed)


def test_a_talk_with_reasons_and_log(run, llm, tmp_path):
    log = tmp_path / "talk.jsonl"
    typed = lines("My dog died.", "", "He was old and ill.", "/quit", "never read")
    code, shown, error = run("chat", "--show-reasons", "--log", log, text=typed)
    assert code == 0, error
    assert "Robin is a program (scripted): not a person, no doctor." in shown
    assert f"you: My dog died.\nRobin: {KIND}\n" in shown
    assert "they feel: sadness; so show: caring" in shown
    assert "never read" not in shown
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["speaker"] for row in rows] == ["you", "Robin"] * 2
    assert rows[1]["by"]["text"] == "scripted"
    assert rows[3]["by"]["text"] == "fallback"  # the same words again are refused


def test_a_talk_is_taken_up(run, llm, tmp_path):
    log = tmp_path / "talk.jsonl"
    run("chat", "--log", log, text=lines("My dog died."))
    _, shown, _ = run("chat", "--log", log, text=lines("He was old."))
    assert "2 turns are taken up" in shown
    assert [m.content for m in llm.asked[-1]][-3:-1] == ["My dog died.", KIND]
    assert len(log.read_text().splitlines()) == 4


def test_the_turn_is_in_the_log_before_the_model_is_asked(run, llm, tmp_path):
    log = tmp_path / "talk.jsonl"

    def crash(messages):
        assert json.loads(log.read_text().splitlines()[-1])["text"] == "My dog died."
        raise RuntimeError("killed")

    llm._always = crash
    with pytest.raises(RuntimeError, match="killed"):
        run("chat", "--log", log, text=lines("My dog died."))
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("persona", "message"),
    [("name: you", "which is yours"), ("traits: {openness: 2}", "traits.openness is 2"), (None, "can't be read")],
)
def test_broken_personas(run, llm, tmp_path, persona, message):
    file = tmp_path / "p.yaml"
    if persona:
        file.write_text(persona + "\n")
    code, _, error = run("chat", "--persona", file, text=lines("Hi."))
    assert code == 2
    assert message in error
    assert "Traceback" not in error


@pytest.fixture
def results(tmp_path):
    """What `analyze` writes: two turns of Ann in a chat, one of them sad."""
    from affectus.sample import Span
    from affectus.taxonomy import scale
    from affectus.timeline import Timeline

    labels = scale("ekman-6+neutral").labels
    scores = np.eye(len(labels), dtype=np.float32)[[labels.index("neutral"), labels.index("sadness")]]
    spans = [Span("chat.jsonl", "Ann", at, 60.0 * at, None) for at in range(2)]
    made = Timeline.build(
        spans, {"ekman-6+neutral": scores}, perspective="perceived", by="words", modality="text",
        text=["Hello.", "My dog died."],
    )  # fmt: skip
    folder = tmp_path / "results"
    folder.mkdir()
    made.set_scores(scale("ekman-6+neutral"), scores, labels=[["neutral"], ["sadness"]]).save(
        folder / "timeline.parquet"
    )
    return folder


def test_a_talk_about_an_analysed_file(run, llm, results, tmp_path):
    log = tmp_path / "talk.jsonl"
    typed = lines("How does Ann feel?", "What would you say to her?")
    code, shown, error = run("chat", "--about", results, "--log", log, "--show-reasons", text=typed)
    assert code == 0, error
    assert "Robin was told what was read of chat.jsonl: Ann." in shown
    assert "Robin: What Ann shows: neutral at 0:00 and sadness at 1:00. The largest change is from" in shown
    assert f"Robin: To Ann at 1:00 I would say: {KIND}" in shown
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["by"]["text"] for row in rows[1::2]] == ["rule:readings", "scripted"]


def test_a_talk_about_a_file_that_is_read_now(run, llm, text_reader, tmp_path):
    (tmp_path / "note.txt").write_text("I am so happy today, thank you!")
    code, shown, error = run(
        "chat", "--about", tmp_path / "note.txt", text=lines("How does the writer of the text feel?")
    )
    assert code == 0, error
    assert "Robin: the text shows one thing only:" in shown


def test_what_a_talk_is_about_must_be_there(run, llm, results, tmp_path):
    for words, message in (
        (["--about", tmp_path / "none.parquet"], "none.parquet"),
        (
            ["--about", tmp_path],
            "holds no timeline.parquet; allowed: one file, or a folder that `affectus analyze --out`",
        ),
        (["--source", "chat.jsonl"], "without --about"),
        (["--about", results, "--source", "chat.json"], "chat.jsonl"),
    ):
        code, _, error = run("chat", *words, text=lines("How do they feel?"))
        assert code == 2, words
        assert message in error


@pytest.fixture
def chats(tmp_path):
    rows = [("a", "Ann", "My dog died."), ("b", "Ben", "Hi."), ("b", "Robin", "Hello!"), ("c", "Cy", "I want to die.")]
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps({"dialogue": d, "speaker": s, "text": t}) + "\n" for d, s, t in rows))
    return path


def test_replies_to_a_file(run, llm, chats, tmp_path):
    out = tmp_path / "out" / "replies.jsonl"
    code, shown, error = run("respond", chats, "--out", out)
    assert code == 0, error
    a, c = [json.loads(line) for line in out.read_text().splitlines()]
    assert (a["dialogue"], a["speaker"], a["text"], a["intended"]) == ("a", "Robin", KIND, "caring")
    assert (c["dialogue"], c["by"]["text"]) == ("c", "rule:hand-over")
    assert "2 replies" in shown
    assert "1 by scripted, 1 prepared" in shown
    assert "left out: 1 conversations" in shown


def test_a_server_that_is_down_gives_marked_fallbacks(run, llm, chats, tmp_path):
    llm._always = LLMError("the server is down")
    code, shown, _ = run("respond", chats, "--out", tmp_path / "r.jsonl")
    assert code == 0
    assert "0 by scripted, 2 prepared" in shown


def test_the_input_is_not_overwritten(run, llm, chats):
    code, _, error = run("respond", chats, "--out", chats)
    assert code == 2
    assert "the file that is read" in error


def test_a_transition_starts_from_what_the_agent_showed_before_and_so_after_a_break(run, llm, tmp_path, monkeypatch):
    log = tmp_path / "talk.jsonl"
    reader = Transition()
    monkeypatch.setattr("affectus.response.agent.Chooser", lambda: Chooser(reader))
    run("chat", "--log", log, text=lines("My dog died.", "He was old and ill."))
    run("chat", "--log", log, text=lines("Nobody called me."))
    caring, sadness = 4, 5  # care is a calm for which the scale has no other name
    shown = [json.loads(line)["intended"] for line in log.read_text().splitlines()[1::2]]
    told = {"caring": caring, "sadness": sadness}
    talks = [starts for starts in reader.starts if starts]  # the others compare with nothing
    assert talks == [[told[shown[0]]], [told[shown[0]], told[shown[1]]]]


def test_a_log_with_a_strange_feeling_is_taken_up_without_it(run, llm, tmp_path):
    log = tmp_path / "talk.jsonl"
    log.write_text(
        "".join(json.dumps({"speaker": "Robin", "text": "Hi.", "intended": odd}) + "\n" for odd in (3, ["a"], "pride"))
    )
    code, shown, error = run("chat", "--log", log, text=lines("My dog died."))
    assert code == 0, error
    assert "3 turns are taken up" in shown
