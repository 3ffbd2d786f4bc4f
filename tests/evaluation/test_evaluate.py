"""Figures of a small made corpus against scikit-learn and counts by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripted_readers import Scripted, tweets
from sklearn.metrics import accuracy_score, f1_score

from affectus.corpora.base import Loaded, corpus, load_corpus, one_hot, with_gold
from affectus.errors import FileError, InputError, UnknownName
from affectus.evaluation.answers import cases, fold_numbers
from affectus.evaluation.evaluate import evaluate
from affectus.evaluation.protocols import Folds, protocol
from affectus.evaluation.results import load_results
from affectus.sample import Dialogue, Sample
from affectus.taxonomy import scale

ROWS = [
    ("joy", "joy"),
    ("joy", "optimism"),
    ("anger", "anger"),
    ("sadness", "anger"),
    ("sadness", "sadness"),
    ("optimism", "optimism"),
    ("nothing that is a label", "joy"),
    ("anger", "joy"),
]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return load_corpus("tweeteval-emotion", tweets(tmp_path, ROWS))


def test_the_official_protocol_equals_scikit_learn(loaded: Loaded) -> None:
    found = evaluate(Scripted("toy", "tweeteval-emotion-4"), loaded, resamples=200)
    gold = [g for _, g in ROWS]
    said = [text if text in scale("tweeteval-emotion-4").labels else "none" for text, _ in ROWS]
    labels = list(scale("tweeteval-emotion-4").labels)
    metrics = found.result.metrics
    assert metrics["macro_f1"].value == pytest.approx(
        f1_score(gold, said, labels=labels, average="macro", zero_division=0)
    )
    assert metrics["accuracy"].value == pytest.approx(accuracy_score(gold, said))
    assert metrics["macro_f1"].n == len(ROWS)
    assert metrics["macro_f1"].low <= metrics["macro_f1"].value <= metrics["macro_f1"].high
    assert found.result.no_answer == 1
    assert found.result.protocol.title == "tweeteval-emotion/official"


def test_gold_is_carried_to_the_readers_scale_and_rows_without_image_are_counted(loaded: Loaded) -> None:
    reader = Scripted("toy", "leia-5")
    found = evaluate(reader, loaded, resamples=0).result
    assert found.protocol.name == "leia-strict"
    assert found.left_out == {"label without an image on leia-5": 2}
    rows = [(text, {"joy": "happiness"}.get(g, g)) for text, g in ROWS if g != "optimism"]
    gold, said = [g for _, g in rows], [t if t in scale("leia-5").labels else "none" for t, _ in rows]
    classes = ["happiness", "sadness", "anger"]
    expected = f1_score(gold, said, labels=classes, average="macro", zero_division=0)
    assert found.metrics["macro_f1"].value == pytest.approx(expected)
    assert found.metrics["macro_f1"].n == 6


def test_answers_outside_the_present_classes_are_wrong_unless_restricted(tmp_path: Path) -> None:
    rows = [("fear,anger", "anger"), ("sadness", "sadness"), ("fear", "joy"), ("anger", "anger")]
    loaded = load_corpus("tweeteval-emotion", tweets(tmp_path, rows))

    class Torn(Scripted):
        def read(self, items):
            timeline = super().read(items)
            scores = timeline.scores("leia-5").copy()
            both = (scores > 0.3).sum(1) > 1
            scores[both] = [0.0, 0.0, 0.6, 0.0, 0.4]  # fear first, anger second
            return timeline.set_scores(scale("leia-5"), scores, [["fear"]] * len(scores))

    strict = evaluate(Torn("toy", "leia-5"), loaded, protocol="leia-strict", resamples=0).result
    present = evaluate(Torn("toy", "leia-5"), loaded, protocol="leia-strict-present", resamples=0).result
    assert strict.metrics["accuracy"].value == pytest.approx(2 / 4)
    assert present.metrics["accuracy"].value == pytest.approx(3 / 4)
    assert present.no_answer == 1  # fear alone ties among the three that are left
    assert strict.no_answer == 0


def test_decided_labels_of_several_are_mapped(tmp_path: Path) -> None:
    names = scale("goemotions-28").labels
    rows = [("joy,anger", ["joy", "anger"]), ("love", ["admiration"]), ("neutral", ["neutral"]), ("fear", ["sadness"])]
    rows += [("anger", ["anger"])]
    for split in ("train", "dev", "test"):
        text = "".join(
            f"{t}\t{','.join(str(names.index(g)) for g in gs)}\t{split}-{i}\n" for i, (t, gs) in enumerate(rows)
        )
        (tmp_path / f"{split}.tsv").write_text(text, encoding="utf-8")
    loaded = load_corpus("goemotions", tmp_path)
    reader = Scripted("toy", "goemotions-28")
    ekman = evaluate(reader, loaded, protocol="ekman", resamples=0).result
    # joy, anger and neutral are right (admiration and love are both joy); fear is said for sadness; four labels empty
    assert ekman.metrics["macro_f1"].value == pytest.approx(3 / 7)
    assert ekman.metrics["micro_f1"].value == pytest.approx(2 * 5 / (6 + 6))
    strict = evaluate(reader, loaded, protocol="leia-strict", resamples=0)
    assert strict.result.left_out == {"with several labels": 1, "label without an image on leia-5": 2}


def test_levels_and_their_mean(tmp_path: Path) -> None:
    described = corpus("semeval2018-vreg")
    samples = [Sample(id=str(i), source="made", item=i, text=str(v)) for i, v in enumerate((-0.5, 0.1, 0.4, 0.9))]
    gold = np.array([[-0.6], [0.2], [0.3], [1.0]], np.float32)
    rated = with_gold(samples, {"valence": gold}, perspective="perceived", by="me", modality="text")

    class Levels(Scripted):
        def read(self, items):
            from affectus.readout import read_out

            rows = [[float(s.text) if s.text else np.nan] for s in items]
            return read_out(
                [s.span for s in items], {"valence": np.array(rows)}, self.readouts, by="toy", modality="text"
            )

    loaded = Loaded(described, {"test": rated, "audit": [replace(s, id="audit", gold=None) for s in samples[:1]]})
    found = evaluate(Levels("toy", "valence"), loaded, resamples=50).result
    assert found.metrics["pearson"].value == pytest.approx(np.corrcoef([-0.5, 0.1, 0.4, 0.9], gold[:, 0])[0, 1])
    with pytest.raises(InputError, match=r"split 'audit' .* no rows .* 1 left out \(without gold\)"):
        evaluate(Levels("toy", "valence"), loaded, split="audit")
    with pytest.raises(UnknownName, match="split"):
        evaluate(Levels("toy", "valence"), loaded, split="tset")


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    loaded = load_corpus("tweeteval-emotion", tweets(tmp_path, [("joy", "joy"), ("anger", "joy")]))
    with pytest.raises(InputError, match=r"all 2 compared rows .* \['joy'\]"):
        evaluate(Scripted("toy", "tweeteval-emotion-4"), loaded)


def test_another_number_of_readings_is_refused(loaded: Loaded) -> None:
    class Short(Scripted):
        def read(self, items):
            return super().read(items)[:1]

    with pytest.raises(InputError, match="gave 1 readings of 8 samples"):
        evaluate(Short("toy", "tweeteval-emotion-4"), loaded)


def test_folds_keep_groups_together_and_repeat_with_their_seed() -> None:
    samples = [Sample(id=str(i), text="x", groups={"author": f"person-{i // 3}"}) for i in range(30)]
    gold = np.eye(2)[np.arange(30) % 2]
    grouped = fold_numbers(Folds(k=5, by="author"), samples, gold)
    assert all(len(set(grouped[i : i + 3])) == 1 for i in range(0, 30, 3))
    assert set(grouped) == set(range(5))
    assert (fold_numbers(Folds(k=5, by="author"), samples, gold) == grouped).all()
    assert (fold_numbers(Folds(k=5, by="author", seed=1), samples, gold) != grouped).any()
    stratified = fold_numbers(Folds(k=5, stratify=True), samples, gold)
    assert all(gold[stratified == f].sum(0).tolist() == [3, 3] for f in range(5))
    assert len(set(fold_numbers(Folds(k=0, by="author"), samples, gold))) == 10
    with pytest.raises(InputError, match="10 items or groups"):
        fold_numbers(Folds(k=11, by="author"), samples, gold)


def test_figures_over_folds_are_means_of_the_folds() -> None:
    described = corpus("isear")
    labels = ["joy", "fear"] * 15
    samples = [Sample(id=str(i), source="isear", item=i, text=labels[(i * i) % 7 % 2], track="t") for i in range(30)]
    rated = with_gold(
        samples,
        {"isear-7": one_hot([[g] for g in labels], "isear-7")},
        perspective="felt",
        by="me",
        modality="text",
    )
    loaded = Loaded(described, {"all": rated})
    found = evaluate(Scripted("toy", "isear-7", "felt"), loaded, protocol="5-fold", resamples=0)
    compared = cases(protocol("isear", "5-fold"), loaded)
    each = []
    for fold in range(5):
        here = compared.folds == fold
        each.append((found.answers.values[here] == compared.gold[here]).all(1).mean())
    assert found.result.metrics["accuracy"].value == pytest.approx(np.mean(each))


def test_results_read_back(loaded: Loaded, tmp_path: Path) -> None:
    found = evaluate(Scripted("affectus/toy", "tweeteval-emotion-4"), loaded, resamples=20).result
    path = found.save(tmp_path / "store")
    assert path.name == "tweeteval-emotion--official--test--affectus-toy.json"
    assert load_results(tmp_path / "store") == [found]
    row = json.loads(path.read_text())
    assert row["protocol"]["split"] == "test"
    assert {"value", "low", "high", "n"} == set(row["metrics"]["macro_f1"])
    path.write_text('{"metrics": {"macro_f1": {"value": 1, "n": 3}}}')  # a figure without its protocol
    with pytest.raises(FileError, match="no readable result"):
        load_results(tmp_path / "store")


def test_a_reader_of_dialogues_sees_turns_that_nobody_judged() -> None:
    class Answers(Scripted):
        """Reads the labels that stand in the turn before."""

        modality = "dialogue"

        def read(self, items):
            talks = [item.turns for item in items if isinstance(item, Dialogue)]
            before = [replace(turn, text=talk[max(i - 1, 0)].text) for talk in talks for i, turn in enumerate(talk)]
            return super().read(before)

    labels = ["joy", "anger", "sadness", "optimism"] * 3
    asked = [Sample(id=f"a{i}", source=f"talk-{i}", text=label, track="x") for i, label in enumerate(labels)]
    said = [Sample(id=f"b{i}", source=f"talk-{i}", item=1, text="why", track="y") for i in range(len(labels))]
    name = "tweeteval-emotion-4"
    said = with_gold(said, {name: one_hot([[label] for label in labels], name)},
                     perspective="perceived", by="judges", modality="text")  # fmt: skip
    turns = [turn for pair in zip(asked, said, strict=True) for turn in pair]
    found = evaluate(Answers("answers", name), Loaded(corpus("tweeteval-emotion"), {"test": turns}), resamples=0)
    assert found.result.metrics["macro_f1"].n == len(labels)
    assert found.result.metrics["macro_f1"].value == 1
