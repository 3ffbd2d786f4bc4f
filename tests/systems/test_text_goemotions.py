"""The shipped text reader: what the README shows, and the figures of its card."""

from pathlib import Path

import numpy as np
import pytest

import affectus
from affectus import registry
from affectus.card import CheckpointCard
from affectus.registry import SHIPPED
from affectus.runtime import OnnxReader

FOLDER = SHIPPED / "text-goemotions"
DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not (FOLDER / "model.onnx").is_file(), reason="the text reader is not in this tree")


@pytest.fixture(scope="module")
def reader() -> OnnxReader:
    return OnnxReader.open(FOLDER, threads=1)


def test_gratitude_is_read_with_its_words(reader: OnnxReader) -> None:
    reading = reader.read(["Thank you so much, I really appreciate your help!"])[0]
    assert reading.top == "gratitude"
    assert "gratitude" in reading.labels
    assert "gratitude" in reading.sets["goemotions-28"]
    assert reading.evidence
    assert reading.perspective == "perceived"
    assert reading.by == "affectus/text-goemotions"


def test_the_telling_word_is_found_by_leaving_words_out(reader: OnnxReader) -> None:
    for text, word in (
        ("I was terrified of the dark.", "terrified"),
        ("This is disgusting, I must say.", "disgusting"),
    ):
        evidence = reader.explain([text])[0].evidence
        assert max(evidence, key=lambda e: e.weight or 0).text == word


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("This is disgusting, I nearly threw up.", "disgust"),
        ("I am so angry at him right now!", "anger"),
        ("I was terrified of the dark.", "fear"),
        ("Wow, I did not expect that at all!", "surprise"),
        ("The shop opens at nine.", "neutral"),
        ("I miss her so much, I keep crying.", "sadness"),
        ("Congratulations, what wonderful news!", "joy"),
    ],
)
def test_plain_cases_on_ekmans_scale(reader: OnnxReader, text: str, group: str) -> None:
    scores = reader.read([text])[0].scores["ekman-6+neutral"]
    assert max(scores, key=scores.__getitem__) == group


def test_pleasant_texts_have_higher_derived_valence(reader: OnnxReader) -> None:
    good, bad = reader.read(["I love this, best day ever!", "I hate this, worst day ever."])
    assert good.scores["valence-arousal"]["valence"] > 0.2 > -0.2 > bad.scores["valence-arousal"]["valence"]
    assert "derived:valence-arousal" in good.flags


def test_it_fits_its_bounds() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 25e6
    card = CheckpointCard.load(FOLDER)
    figures = {f.metric: f for f in card.figures if (f.protocol, f.split) == ("goemotions/official", "test")}
    assert figures["macro-F1"].value >= 0.52
    assert figures["ECE of the top label"].value <= 0.03
    assert 0.88 <= figures["conformal coverage"].value <= 0.92
    assert abs(figures["macro-F1, int8 − float32"].value) <= 0.005
    assert [f.metric for f in card.figures if f.headline] == ["macro-F1"]


def test_load_gives_it() -> None:
    if "affectus/text-goemotions" in registry.checkpoints() and registry.find("affectus/text-goemotions") != FOLDER:
        pytest.skip("the user's own checkpoint of this name comes first")
    assert affectus.load("affectus/text-goemotions").read(["thanks"])[0].top == "gratitude"


@pytest.mark.data
@pytest.mark.slow
def test_the_card_is_true(reader: OnnxReader) -> None:
    from affectus.corpora.base import load_corpus
    from affectus.evaluation.carded import carded
    from affectus.evaluation.evaluate import evaluate

    if not (DATA / "goemotions").is_dir():
        pytest.skip("GoEmotions is not here")
    also = ("ece_top_label", "brier", "set_coverage", "set_size")
    found = evaluate(reader, load_corpus("goemotions", DATA / "goemotions"), also=also, resamples=0).result
    stated = {(f.protocol, f.split, f.metric): f.value for f in CheckpointCard.load(FOLDER).figures}
    known = {(f.protocol, f.split, f.metric): f.value for f in carded(found)}
    assert len(set(stated) & set(known)) >= 5
    for key in set(stated) & set(known):
        # Other processors round the int8 sums a little differently.
        assert np.isclose(known[key], stated[key], atol=0.01), key
