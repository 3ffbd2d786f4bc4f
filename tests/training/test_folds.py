"""Cross-validation of a recipe: what each fold learns from, and what the figures are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from affectus.card import CheckpointCard
from affectus.corpora.base import Loaded, corpus, gold, one_hot, with_gold
from affectus.errors import ConfigError, InputError
from affectus.evaluation.answers import cases
from affectus.evaluation.protocols import Folds, protocol
from affectus.evaluation.results import Result
from affectus.registry import load
from affectus.sample import Sample
from affectus.taxonomy import scale
from affectus.training.folds import cross_validate
from affectus.training.recipe import Recipe, parse

LABELS = scale("isear-7").labels
TARGET = {"scale": "isear-7", "perspective": "felt"}


@pytest.fixture
def recipe() -> Recipe:
    run = {"system": "tfidf-linear/tiny", "config": {"targets": [TARGET], "parts": 0, "least": 1}, "data": {"isear": 1},
           "splits": {"train": "all"}, "method": "fit"}  # fmt: skip
    return parse(Recipe, {"runs": {"only": run}})


@pytest.fixture
def loaded() -> Loaded:
    """Seventy texts by fourteen respondents, each of whom has one emotion and a word that nobody else uses."""
    rng, rows, labels = np.random.default_rng(0), [], []
    for author in range(14):
        word = "".join(rng.choice(list("bcdfghjklmnpqrstvwxz"), 9))
        for text in range(5):
            name = f"{author}-{text}"
            rows.append(Sample(id=name, source="isear", text=f"{word} {text}", groups={"author": f"{author}"}))
            labels.append([LABELS[author % 7]])
    scores = {"isear-7": one_hot(labels, "isear-7")}
    rows = with_gold(rows, scores, perspective="felt", by="respondents", modality="text")
    return Loaded(corpus("isear"), {"all": rows})


def test_groups_stay_together_so_that_nothing_is_learned_of_those_held_out(
    recipe: Recipe, loaded: Loaded, tmp_path: Path
) -> None:
    apart = {}
    for name in ("5-fold", "5-fold-by-respondent"):
        found, _, _ = cross_validate(recipe, loaded, tmp_path, name="r", protocol=name, resamples=20)
        apart[name] = found.result.metrics["accuracy"].value
    assert apart["5-fold"] == 1
    assert apart["5-fold-by-respondent"] < 0.5


def test_figures_are_of_the_readers_that_did_not_learn_from_the_items(
    recipe: Recipe, loaded: Loaded, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    found, shared, _ = cross_validate(
        recipe, loaded, tmp_path, out, name="r", protocol="5-fold-by-respondent", resamples=50
    )
    compared = cases(protocol("isear", "5-fold-by-respondent"), loaded)
    said = np.empty(len(compared.samples), object)
    for fold in range(5):
        reader = load(str(out / "isear" / "5-fold-by-respondent" / f"fold-{fold}"))
        held = np.flatnonzero(compared.folds == fold)
        scores = reader.read([compared.samples[i] for i in held]).scores("isear-7")
        said[held] = np.array(LABELS)[scores.argmax(1)]
    true = np.array(LABELS)[gold(compared.samples, "isear-7").argmax(1)]

    def macro(rows: np.ndarray) -> float:
        return f1_score(true[rows], said[rows], labels=LABELS, average="macro", zero_division=0)

    each = [macro(compared.folds == fold) for fold in range(5)]
    folds, value = found.result.folds["macro_f1"], found.result.metrics["macro_f1"]
    assert folds.each == pytest.approx(each)
    assert value.value == folds.mean == pytest.approx(np.mean(each))
    assert folds.pooled == pytest.approx(macro(np.ones(70, bool)))
    assert folds.sd == pytest.approx(np.std(each, ddof=1))
    assert value.low <= value.high
    assert "14 groups" in found.result.interval
    assert found.result.name == "tfidf-linear/tiny by r"
    assert Result.from_dict(found.result.to_dict()) == found.result
    assert shared.readouts[0].scale == "isear-7"


def test_the_fold_after_the_held_out_one_is_watched_and_finished_folds_are_kept(
    recipe: Recipe, loaded: Loaded, tmp_path: Path
) -> None:
    watching = replace(recipe.runs["only"], splits={"train": "all", "watch": "all"})
    recipe, out = replace(recipe, runs={"only": watching}), tmp_path / "out"
    compared = cases(protocol("isear", "5-fold"), loaded)
    first, _, _ = cross_validate(recipe, loaded, tmp_path, out, name="r", resamples=0)
    for fold in range(5):
        card = CheckpointCard.load(out / "isear" / "5-fold" / f"fold-{fold}")
        assert card.figures[0].n == (compared.folds == (fold + 1) % 5).sum()
        assert card.figures[0].protocol == "isear/whole"
    before = {file: file.stat().st_mtime_ns for file in out.rglob("model.safetensors")}
    again, _, _ = cross_validate(recipe, loaded, tmp_path, out, name="r", resamples=0)
    assert {file: file.stat().st_mtime_ns for file in out.rglob("model.safetensors")} == before
    assert again.result.metrics == first.result.metrics


def test_a_protocol_says_whether_folds_are_averaged_or_pooled(
    recipe: Recipe, loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = protocol("isear", "5-fold-by-respondent")
    pooled = replace(of, name="one-out", folds=Folds(k=0, by="author", pooled=True))
    monkeypatch.setattr("affectus.evaluation.protocols._all", lambda: (pooled,))
    found, _, _ = cross_validate(recipe, loaded, tmp_path, name="r", resamples=20)
    folds, value = found.result.folds["accuracy"], found.result.metrics["accuracy"]
    assert len(folds.each) == 14
    assert value.value == folds.pooled
    assert "answers pooled" in found.result.protocol.sentence
    assert value.low <= value.value <= value.high


def test_mistakes_are_named(recipe: Recipe, loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'isear/whole' has no folds.*isear/5-fold, isear/5-fold-by-respondent"):
        cross_validate(recipe, loaded, tmp_path, name="r", protocol="whole")
    other = replace(recipe, runs={"only": replace(recipe.runs["only"], data={"goemotions": 1.0})})
    with pytest.raises(ConfigError, match=r"no run of the recipe learns from 'isear'.*goemotions"):
        cross_validate(other, loaded, tmp_path, name="r")
