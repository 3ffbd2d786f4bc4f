"""`affectus evaluate-replies`."""

from __future__ import annotations

import json

import pytest

from affectus.registry import build

pytest.importorskip("nltk")


@pytest.fixture
def files(tmp_path):
    """Two systems' replies to three dialogues."""
    said = {"a": ["I'm so happy for you!", "That is wonderful.", "Great news."], "b": ["No.", "Why is that?", "I see."]}
    for name, texts in said.items():
        rows = [
            {"dialogue": str(i), "text": t, "intended": "joy", "scale": "goemotions-28", "by": {"text": "model"}}
            for i, t in enumerate(texts)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [f"A={tmp_path / 'a.jsonl'}", f"B={tmp_path / 'b.jsonl'}"]


def test_table_and_json(run, files, tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path / "cache"))  # nothing was trained on this machine
    code, shown, error = run("evaluate-replies", *files, "--bootstrap", 100, "--out", tmp_path / "out")
    assert code == 0, error
    assert "3 dialogues" in shown
    for word in ("Dist-1", "emotion found", "repetition", "unsafe", "p (Holm)", "100 resamples"):
        assert word in shown
    assert "affectus train recipes/epitome/empathy-embedded.yaml" in " ".join(shown.split())
    assert "by vader" in shown
    held = json.loads((tmp_path / "out" / "replies.json").read_text())
    assert held["figures"]["values"]["emotion found"]["B"]["value"] == 0
    assert held["figures"]["values"]["emotion found"]["A"]["value"] > 0


@pytest.mark.parametrize(("word", "told"), [("a.jsonl", "is no file with a name"), ("A=", "is no file with a name")])
def test_a_file_needs_a_name(run, word, told):
    code, _, error = run("evaluate-replies", word)
    assert code == 2
    assert told in error


def test_the_same_name_twice(run, files):
    code, _, error = run("evaluate-replies", files[0], files[0])
    assert code == 2
    assert "a different name for each file" in error


def test_a_sheet_and_its_votes(run, files, tmp_path):
    talks = tmp_path / "talks.jsonl"
    talks.write_text(
        "".join(json.dumps({"dialogue": str(i), "speaker": "you", "text": "Hi."}) + "\n" for i in range(3))
    )
    code, shown, error = run("evaluate-replies", *files, "--sheet", tmp_path / "s", "--dialogues", talks)
    assert code == 0, error
    assert "3 pairs" in shown
    key = json.loads((tmp_path / "s" / "key.json").read_text())
    for judge in ("ann", "bob"):
        votes = {str(n): {"empathy": "left", "relevance": "same", "fluency": "right"} for n in (1, 2, 3)}
        held = {"sheet": key["sheet"], "judge": judge, "votes": votes}
        (tmp_path / f"{judge}.json").write_text(json.dumps(held))
    code, shown, error = run(
        "evaluate-replies",
        "--votes",
        tmp_path / "ann.json",
        tmp_path / "bob.json",
        "--key",
        tmp_path / "s" / "key.json",
    )
    assert code == 0, error
    assert "ann: 9 of 9 votes" in shown
    assert "bob: 9 of 9 votes" in shown
    assert "50 % of the decided votes are for the left side" in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "the names are missing"),
        (("--votes", "a.json"), "no --key"),
        (("--key", "none.json"), "no file of votes"),
        (("A=a.jsonl", "B=b.jsonl", "--sheet", "s", "--out", "o"), "one at a time"),
    ],
)
def test_what_is_missing_is_said(run, words, told):
    code, _, error = run("evaluate-replies", *words)
    assert code == 2
    assert told in error


def test_a_sheet_needs_the_talks(run, files, tmp_path):
    code, _, error = run("evaluate-replies", *files, "--sheet", tmp_path / "s")
    assert code == 2
    assert "--dialogues" in error


def test_empathy_with_a_reader_of_ones_own(run, files, tmp_path):
    build("epitome/tiny").save_pretrained(tmp_path / "own")
    talks = tmp_path / "talks.jsonl"
    talks.write_text(
        "".join(json.dumps({"dialogue": str(i), "speaker": "you", "text": "Hi."}) + "\n" for i in range(3))
    )
    words = ("evaluate-replies", *files, "--reader", "vader", "--bootstrap", 50, "--empathy", tmp_path / "own")
    code, _, error = run(*words)
    assert code == 2
    assert "--dialogues" in error
    code, shown, error = run(*words, "--dialogues", talks)
    assert code == 0, error
    for word in ("reactions", "interpretations", "explorations", "empathy by", "over 3 dialogues"):
        assert word in shown
    code, _, error = run(*words[:-1], "affectus/none", "--dialogues", talks)
    assert code == 2
    assert "affectus/none" in error
