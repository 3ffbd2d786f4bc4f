import json
from pathlib import Path

import numpy as np
import pytest
import torch

from affectus import analyze
from affectus.analysis import read as reading
from affectus.analysis.listener import Listener
from affectus.analysis.plan import look
from affectus.analysis.read_dialogue import CARRIED, MOST, first_heard, read_dialogues
from affectus.analysis.settings import Settings
from affectus.errors import ConfigError, InputError
from affectus.registry import build
from affectus.sample import Dialogue, Sample
from affectus.timeline import Timeline

NAME = "affectus/dialogue-embedded"
SAID = [("ann", "We won!"), ("ben", "Oh no."), ("ann", "What is it?"), ("cem", "He lost his bet."), ("ann", "Sorry")]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without checkpoints, and nothing loaded from another one."""
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path / "cache"))
    reading.reader.cache_clear()
    yield tmp_path / "cache"
    reading.reader.cache_clear()


@pytest.fixture
def trained(cache: Path) -> Path:
    torch.manual_seed(0)
    system = build("emotionic/tiny", context="both")
    system.name = NAME
    system.save_pretrained(cache / "checkpoints" / "dialogue-embedded")
    return cache


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps({"speaker": who, "text": text}) + "\n" for who, text in SAID))
    return path


def talk(n: int, people: int = 3) -> Dialogue:
    turns = [Sample(id=str(i), source="t", item=i, text=f"turn {i * i % 17}", track=f"p{i % people}") for i in range(n)]
    return Dialogue(tuple(turns), id="t")


def test_without_a_reader_the_remark_says_how_to_make_one(cache: Path, chat: Path) -> None:
    part = reading.read_source(look(chat, "chat.jsonl"), Settings())
    assert set(part.timeline.column("by")) == {"affectus/text-goemotions"}
    (note,) = part.notes
    assert NAME in note
    assert "affectus train recipes/emotionic/dialogue-embedded.yaml" in note


def test_its_rows_stand_beside_those_of_the_words(trained: Path, chat: Path) -> None:
    part = reading.read_source(look(chat, "chat.jsonl"), Settings())
    rows = part.timeline.where(by=NAME)
    assert [a.track for a in rows] == [who for who, _ in SAID]
    assert [a.item for a in rows] == [0, 1, 2, 3, 4]
    assert set(rows.column("modality")) == {"dialogue"}
    assert len(part.timeline.where(by="affectus/text-goemotions")) == len(SAID)
    assert any(NAME in note and "until then" in note for note in part.notes)
    kinds = {e.kind for a in rows for e in a.evidence}
    assert kinds == {"inertia", "contagion"}
    assert {e.text for a in rows for e in a.evidence} <= {"ann", "ben", "cem"}


def test_only_the_past_is_read_unless_it_is_asked_otherwise(trained: Path, chat: Path) -> None:
    dialogue = Dialogue(tuple(Sample(id=str(i), item=i, text=t, track=w) for i, (w, t) in enumerate(SAID)))
    cut = Dialogue(dialogue.turns[:3])
    past, full = (
        [read_dialogues([d], Settings(context=context), reading.Log()).scores("meld-7")[:3] for d in (dialogue, cut)]
        for context in ("past", "full")
    )
    np.testing.assert_allclose(past[0], past[1], atol=1e-6)
    assert np.abs(full[0] - full[1]).max() > 1e-5
    with pytest.raises(InputError, match="context"):
        Settings(context="future")  # type: ignore[arg-type]


def test_one_turn_and_subtitles_without_names_are_no_conversation(trained: Path, tmp_path: Path) -> None:
    single, cues = tmp_path / "one.jsonl", tmp_path / "film.srt"
    single.write_text(json.dumps({"speaker": "ann", "text": "Hello"}) + "\n")
    cues.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\nYou again\n")
    assert set(analyze([single, cues]).column("by")) == {"affectus/text-goemotions"}


@pytest.mark.slow
def test_a_long_conversation_is_read_in_stretches_that_hear_enough(trained: Path) -> None:
    firsts = [first_heard(at) for at in range(5000)]
    heard = np.arange(5000) - firsts
    assert heard.max() == MOST - 1
    assert heard[CARRIED:].min() >= CARRIED
    dialogue = talk(MOST + 200, people=40)
    read = read_dialogues([dialogue], Settings(), reading.Log())
    assert [a.item for a in read[MOST - 2 : MOST + 2]] == [MOST - 2, MOST - 1, MOST, MOST + 1]
    assert len(read) == MOST + 200
    whole = reading.reader(NAME).seeing("past").read([Dialogue(dialogue.turns[:MOST])])
    np.testing.assert_allclose(read.scores("meld-7")[:MOST], whole.scores("meld-7"), atol=1e-5)


@pytest.mark.slow
def test_listening_gives_what_reading_the_past_gives(trained: Path) -> None:
    dialogue = talk(40)
    offline = read_dialogues([dialogue], Settings(), reading.Log())
    listener = Listener()
    for turn, wanted in zip(dialogue.turns, offline, strict=True):
        heard = listener.hear(turn.text or "", turn.track)
        assert heard.item == turn.item
        assert heard.labels == wanted.labels
        for label, p in wanted.scores["meld-7"].items():
            assert heard.scores["meld-7"][label] == pytest.approx(p, abs=1e-5)


@pytest.mark.slow
def test_listening_forgets_what_a_stretch_forgets(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectus.analysis.read_dialogue.MOST", 8)
    monkeypatch.setattr("affectus.analysis.read_dialogue.CARRIED", 3)
    dialogue = talk(30)
    offline = read_dialogues([dialogue], Settings(), reading.Log()).scores("meld-7")
    listener = Listener()
    online = [listener.hear(turn.text or "", turn.track).scores["meld-7"] for turn in dialogue.turns]
    np.testing.assert_allclose(np.array([list(row.values()) for row in online]), offline, atol=1e-5)
    assert len(listener._turns) <= 8


def test_a_reader_of_whole_dialogues_can_not_listen(cache: Path) -> None:
    with pytest.raises(ConfigError, match="whole dialogues"):
        Listener(build("emotionic/tiny", context="full"))
    with pytest.raises(ConfigError, match="while it goes on"):
        Listener(build("text-classifier/tiny"))


def test_words_of_another_language_are_flagged(trained: Path, chat: Path) -> None:
    read = analyze(chat, language="de")
    assert all("language:de" in a.flags for a in read.where(by=NAME))


def test_conversations_of_one_file_are_apart(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    lines = [
        {"dialogue": d, "speaker": w, "text": t, "start": 600.0 + i} for i, (w, t) in enumerate(SAID) for d in "ab"
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    analyze(path, out=tmp_path / "out")
    read = Timeline.load(tmp_path / "out" / "timeline.parquet")
    assert set(read.column("source")) == {"chats.jsonl#a", "chats.jsonl#b"}
    first, second = (read.where(by=NAME, source=f"chats.jsonl#{d}").scores("meld-7") for d in "ab")
    np.testing.assert_allclose(first, second, atol=1e-5)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "conversations in one file" in page
    assert page.count("<h3>The conversation</h3>") == 2
    assert page.count("read each turn from what was said until then") == 1
    assert ">0:00<" not in page
    assert ">10:00<" in page


@pytest.mark.parametrize(
    ("turns", "wanted"),
    [
        ([(None, "Hi", 0, 1), ("ann", "Oh", 1, 2), (" ", "No", 2, 3)], [["unknown-speaker"], [], ["unknown-speaker"]]),
        ([("ann", "Hi", 5, 6), ("ben", "Oh", 1, 2), ("ann", "No", 9, 9)], [[], [], []]),  # told in order of time
        ([("ann", "Hi", 5, None), ("ben", "Oh", 1, None), ("ann", "No", None, None)], [[], ["out-of-order"], []]),
        ([("ann", "Hi", 0, 10), ("ben", "Oh", 5, 8), ("ann", "No", 7, 12)], [[], [], []]),
        ([("ann", "Hi", 0, 1), ("ben", " ", 1, 2), ("ann", "No", 2, 3)], [[], []]),
        ([(f"p{i % 40}", f"turn {i % 7}", i, i + 1) for i in range(120)], [[]] * 120),
    ],
    ids=["nameless", "unsorted", "partly-timed", "overlapping", "empty", "forty-people"],
)
def test_odd_chats_are_read_and_flagged(trained: Path, tmp_path: Path, turns: list, wanted: list) -> None:
    path = tmp_path / "odd.jsonl"
    names = ("speaker", "text", "start", "end")
    path.write_text("".join(json.dumps(dict(zip(names, turn, strict=True))) + "\n" for turn in turns))
    read = analyze(path).where(by=NAME)
    assert [list(a.flags) for a in read] == wanted
    assert np.isfinite(read.scores("meld-7")).all()
    times = [start for who, text, start, _ in turns if text.strip()]
    assert [a.start for a in read] == (times if None in times else sorted(times))


def test_one_turn_is_no_conversation(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"speaker": "ann", "text": "We won!"}))
    assert set(analyze(path).column("by")) == {"affectus/text-goemotions"}
