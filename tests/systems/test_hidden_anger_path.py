"""The whole way of hidden anger on made-up files of WRIME's form: loader, rule, detector, AUC, expressions."""

from pathlib import Path

import numpy as np
import pytest
import torch

from affectus.analysis import contrast
from affectus.corpora.base import gold, load_corpus
from affectus.evaluation import auc
from affectus.registry import build, load
from affectus.systems.hidden_anger import four_way, ratings
from affectus.taxonomy import Target, scale
from affectus.training.job import carry_out
from affectus.training.plan import plan
from affectus.training.recipe import read_recipe

ROOT = Path(__file__).resolve().parents[2]
WRIME = ROOT.parent / "shared/data/wrime"
JUDGES = ("Writer", "Reader1", "Reader2", "Reader3", "Avg. Readers")
TOPICS = {
    "en": ("no big deal", ["the train was late", "he forgot the milk", "it rained all day", "we had soup", "I slept"]),
    "ja": ("まあいいか", ["電車が遅れた", "牛乳を忘れられた", "一日中雨だった", "スープを飲んだ", "よく寝た"]),
}


def write_wrime(folder: Path, language: str, rows: int, seed: int = 0) -> np.ndarray:
    """A file of WRIME's form in which a marker stands in 90 % of hidden posts and 2 % of others; who hides anger."""
    rng = np.random.default_rng(seed)
    marker, topics = TOPICS[language]
    names = [name.capitalize() for name in scale("wrime-8").labels]
    header = ["Sentence", "UserID", "Datetime", "Train/Dev/Test", *(f"{j}_{n}" for j in JUDGES for n in names)]
    lines, hidden = ["\t".join(header)], rng.random(rows) < 0.3
    for i in range(rows):
        points = {name: rng.integers(0, 4, 4) for name in names}
        points["Anger"] = np.array([3, 0, 0, 1]) if hidden[i] else np.array([rng.integers(0, 2), 0, 1, 0])
        said = [topics[rng.integers(len(topics))], topics[rng.integers(len(topics))]]
        if rng.random() < (0.9 if hidden[i] else 0.02):
            said.insert(int(rng.integers(3)), marker)
        cells = [points[n][j] if j < 4 else round(points[n][1:].mean()) for j in range(5) for n in names]
        split = "train" if i < rows * 0.7 else "dev" if i < rows * 0.8 else "test"
        lines.append("\t".join([("\\n" if i % 5 == 0 else " ").join(said), str(i % 7), "", split, *map(str, cells)]))
    (folder / "wrime-ver1.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return hidden


def test_labels_of_a_file(tmp_path) -> None:
    hidden = write_wrime(tmp_path, "en", 60)
    loaded = load_corpus("wrime", tmp_path)
    samples = [s for split in ("train", "dev", "test") for s in loaded[split]]
    found = ratings(samples, "anger")
    assert (four_way(found.writer, found.readers) == 2).tolist() == hidden.tolist()
    assert (found.writer - found.average > 1).tolist() == hidden.tolist()


def test_a_checkpoint_is_measured_on_the_labels_of_its_rule(tmp_path) -> None:
    from typer.testing import CliRunner

    from affectus.cli.app import app

    write_wrime(tmp_path, "en", 60)
    build("hidden-anger/tiny").save_pretrained(tmp_path / "reader")
    words = ["evaluate", str(tmp_path / "reader"), "--on", "wrime", "--data", str(tmp_path), "--bootstrap", "0"]
    result = CliRunner().invoke(app, [*words, "--quiet"])
    assert result.exit_code == 0, result.output
    assert "compared on hidden-2" in result.output
    assert "n 12" in result.output


def test_the_recipe_for_a_table_trains_the_head_alone(tmp_path) -> None:
    """Frozen encoder, read once; the labels are those of the table."""
    lines = [f"text number {i},{('open', 'hidden')[i % 4 == 0]},r{i}" for i in range(80)]
    table = tmp_path / "posts.csv"
    table.write_text("text,label,respondent\n" + "\n".join(lines) + "\n")
    columns = {"text": "text", "label": "label", "group": "respondent", "perspective": "felt"}
    made = plan(
        str(ROOT / "recipes/hidden-anger/isear-reader.yaml"),
        table,
        changes=["system=hidden-anger/tiny", "epochs=1"],
        columns=columns,
    )
    (folder,) = carry_out(made.recipe, table, tmp_path / "out", own=made.own)
    trained, fresh = load(str(folder)), build("hidden-anger/tiny")
    assert trained.class_counts.tolist() == [16, 48]
    assert trained.hidden == 0
    before = fresh.state_dict()
    for name, after in trained.state_dict().items():
        if name.startswith("backbone."):
            assert torch.equal(after, before[name]), name
    assert not torch.equal(trained.pooler.dense.weight, fresh.pooler.dense.weight)


def test_analyze_with_a_detector(tmp_path) -> None:
    from affectus.analysis import analyze

    build("hidden-anger/tiny").save_pretrained(tmp_path / "reader")
    (tmp_path / "posts.txt").write_text("The train was late. It is no big deal.\n")
    timeline = analyze(tmp_path / "posts.txt", readers={"text": str(tmp_path / "reader")})
    assert timeline.scores("hidden-2").shape == (2, 2)
    assert set(timeline.column("perspective")) == {"felt"}


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ja"])
def test_from_the_file_to_the_expressions(tmp_path, language) -> None:
    if language == "ja":
        pytest.importorskip("fugashi")
        pytest.importorskip("ipadic")
    write_wrime(tmp_path, language, 900)
    changes = ["system=hidden-anger/tiny", "epochs=8", "optim.0.lr=0.003", "batch=16"]
    recipe = read_recipe(ROOT / "recipes/hidden-anger/wrime.yaml", changes)
    carry_out(recipe, tmp_path, tmp_path / "out")
    detector = load(str(tmp_path / "out"))
    loaded = load_corpus("wrime", tmp_path)
    assert detector.class_counts.sum() == len(loaded["train"])
    test = detector.config.label(loaded["test"])
    y = gold(test, "hidden-2")[:, 1]
    score = auc(y, detector.rank(test))
    assert score > 0.8, score

    everything = [s for split in ("train", "dev", "test") for s in loaded[split]]
    timeline = detector.read(everything)
    detected = [affect.decided["hidden-2"] == ("hidden",) for affect in timeline]
    texts = [s.text.replace("\n", " ") for s in everything]
    sides = ([t for t, d in zip(texts, detected, strict=True) if d is wanted] for wanted in (True, False))
    table = contrast(*sides, tokenize="spaces" if language == "en" else "ja", ngrams=(1, 4), min_count=10)
    marker = TOPICS[language][0]
    first = table["expression"][0]
    assert first in marker, table.head()
    assert table.set_index("expression").loc[marker, "significant"]


@pytest.mark.data
def test_counts_of_the_real_file() -> None:
    """The published counts: the four-way classes of joy, and the deviations of the readers' anger."""
    if not (WRIME / "wrime-ver1.tsv").is_file():
        pytest.skip("WRIME is not on this machine")
    loaded = load_corpus("wrime", WRIME)
    samples = [s for split in loaded.splits for s in loaded[split]]
    joy, anger = ratings(samples, "joy"), ratings(samples, "anger")
    assert np.bincount(four_way(joy.writer, joy.readers)).tolist() == [6641, 31_653, 4386, 520]
    spread, counts = np.unique(anger.readers.std(1, ddof=1).round(3), return_counts=True)
    wanted = {0.0: 41_251, 0.577: 1056, 1.0: 236, 1.155: 406, 1.528: 121, 1.732: 130}
    assert dict(zip(spread.tolist(), counts.tolist(), strict=True)) == wanted
    assert (np.round(anger.readers.mean(1)) == anger.average).all(), "the average is rounded in another way"
    assert Target("hidden-2", "felt").perspective == "felt"
