"""`affectus evaluate`, `compare` and `protocols` on a small made corpus."""

import json
from pathlib import Path

import pytest

from affectus.evaluation.protocols import known_protocols

RECIPES = Path(__file__).parents[2] / "recipes"
TWEETS = [("so happy today", 1), ("I hate this", 0), ("what a lovely day", 1), ("terrible, awful", 3), ("hope", 2)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "tweeteval-emotion"
    folder.mkdir(parents=True)
    for split in ("train", "val", "test"):
        (folder / f"{split}_text.txt").write_text("".join(f"{text}\n" for text, _ in TWEETS))
        (folder / f"{split}_labels.txt").write_text("".join(f"{label}\n" for _, label in TWEETS))
    return tmp_path / "data"


def test_json_holds_figures_with_their_whole_protocol(run, data, tmp_path):
    options = ("--on", "tweeteval-emotion", "--data", data, "--bootstrap", 200, "--quiet")
    code, out, _ = run("evaluate", "vader", *options, "--json", "--store", tmp_path / "store")
    row = json.loads(out)
    assert code == 0
    assert row["metrics"]["macro_f1"] == {"value": 1.0, "low": pytest.approx(0.5, abs=0.5), "high": 1.0, "n": 5}
    assert row["protocol"]["name"] == "polarity"
    assert row["protocol"]["scales"] == ["polarity-3"]
    assert row["seed"] == 0
    assert "200 resamples" in row["interval"]
    (stored,) = (tmp_path / "store").iterdir()
    assert json.loads(stored.read_text()) == row


def test_figures_of_probability_are_asked_for_by_name(run, data):
    options = ("--on", "tweeteval-emotion", "--data", data, "--bootstrap", 0, "--quiet", "--json")
    code, out, _ = run("evaluate", "vader", *options, "--also", "macro_auc", "--also", "brier")
    metrics = json.loads(out)["metrics"]
    assert code == 0
    assert list(metrics) == ["macro_f1", "accuracy", "macro_auc", "brier"]
    assert metrics["macro_auc"]["value"] == 1
    assert 0 < metrics["brier"]["value"] < 0.5
    for name, said in {
        "auc": "macro_auc",
        "pearson": "no figure of label",
        "brir": "brier",
        "set_size": "no conf",
    }.items():
        code, _, error = run("evaluate", "vader", *options, "--also", name)
        assert code == 2
        assert said in error


def test_text_says_protocol_and_split_and_a_report_is_written(run, data, tmp_path):
    options = ("--on", "tweeteval-emotion", "--data", data / "tweeteval-emotion", "--bootstrap", 0, "--quiet")
    code, out, _ = run("evaluate", "vader", *options, "--split", "dev", "--report", tmp_path / "page.html")
    assert code == 0
    assert "vader on tweeteval-emotion/polarity: split 'dev'" in out
    assert "macro-F1: 1.000, n 5" in out
    assert "intervals: none" in out
    page = (tmp_path / "page.html").read_text()
    assert "tweeteval-emotion/polarity" in page
    assert "lovely" not in page  # the corpus may not be passed on


def test_mistakes_are_errors_with_a_remedy(run, data):
    on = ("--on", "tweeteval-emotion", "--data", data)
    for words, said in {
        ("evaluate", "vader", "--on", "tweeteval", "--data", data): "did you mean 'tweeteval-emotion'",
        ("evaluate", "vader", *on, "--protocol", "polarty"): "did you mean 'polarity'",
        ("evaluate", "vader", *on, "--protocol", "official"): "no map leads to tweeteval-emotion-4",
        ("evaluate", "vader", *on, "--split", "tset"): "did you mean 'test'",
        ("evaluate", "vadr", *on): "no checkpoint named 'vadr'",
        ("evaluate", "vader", "epochs=3", *on): "'vader' is no recipe",
        ("evaluate", "nowhere.yaml", *on): "there is no recipe 'nowhere.yaml'",
        ("evaluate", RECIPES / "tfidf-linear" / "tweeteval-emotion.yaml", *on): "has no folds",
        ("evaluate", RECIPES / "tfidf-linear" / "goemotions.yaml", *on): "no run of the recipe learns from",
        ("evaluate", "vader", "--on", "tweeteval-emotion/polarty", "--data", data): "did you mean 'polarity'",
        ("compare", "vader", *on): "two or more",
        ("compare", "vader", "vader", *on): "vader is named twice",
        ("protocols", "isaer"): "did you mean 'isear'",
    }.items():
        code, _, error = run(*words)
        assert code == 2
        assert said in error


def test_two_readers_side_by_side(run, data, tmp_path):
    code, out, _ = run(
        "compare", "vader", "vader/tiny", "--on", "tweeteval-emotion", "--data", data, "--bootstrap", 100,
        "--out", tmp_path / "out", "--quiet",
    )  # fmt: skip
    assert code == 0
    assert "vader/tiny" in out
    assert "| vader/tiny |" in (tmp_path / "out" / "comparison.md").read_text()


def test_runs_of_one_system_stand_together(run, data, tmp_path):
    code, out, _ = run(
        "compare", "twice=vader,vader", "vader", "--on", "tweeteval-emotion", "--data", data, "--bootstrap", 50,
        "--out", tmp_path / "out", "--quiet",
    )  # fmt: skip
    assert code == 0
    assert "twice: mean of 2 runs" in out
    assert "| twice |" in (tmp_path / "out" / "comparison.md").read_text()


def test_protocols_are_listed(run):
    code, out, _ = run("protocols", "isear")
    assert code == 0
    assert "isear/5-fold-by-respondent" in out
    _, out, _ = run("protocols", "--json")
    assert len(json.loads(out)) == len(known_protocols())
