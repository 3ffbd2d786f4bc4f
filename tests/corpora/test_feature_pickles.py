"""Shared features of conversations, in small files made to the layouts."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectus.corpora import iemocap_features, meld_features
from affectus.corpora.base import gold, load_corpus
from affectus.corpora.feature_pickles import convert
from affectus.errors import FileError

RNG = np.random.default_rng(0)
TALKS = {"Ses01F_a": 3, "Ses02F_b": 1, "Ses05M_c": 2}


def vectors(width: int, talks: dict[Any, int] = TALKS) -> dict[Any, list[np.ndarray]]:
    return {talk: [RNG.standard_normal(width).astype(np.float32) for _ in range(n)] for talk, n in talks.items()}


def lists(value: Any, talks: dict[Any, int] = TALKS) -> dict[Any, list[Any]]:
    return {talk: [value(talk, i) for i in range(n)] for talk, n in talks.items()}


def dump(path: Path, value: Any) -> Path:
    path.write_bytes(pickle.dumps(value, 2))
    return path


def said(talk: Any, i: int) -> str:
    return f"{talk} says {i}"


def iemocap(folder: Path, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The RoBERTa file and the DialogueRNN file of the same three dialogues."""
    speakers, labels = lists(lambda t, i: "MF"[i % 2]), lists(lambda t, i: i + 3)
    roberta = {
        "speakers": speakers, "labels": labels, **{f"roberta{k}": vectors(5) for k in (1, 2, 3, 4)},
        "sentences": lists(said), "train": ["Ses01F_a"], "test": ["Ses05M_c"], "dev": ["Ses02F_b"], **changes,
    }  # fmt: skip
    rnn = {
        "ids": lists(lambda t, i: f"{t}_{i}"), "speakers": speakers, "labels": labels, "text": vectors(4),
        "audio": vectors(6), "visual": vectors(7), "sentences": lists(said), "train": {"Ses01F_a", "Ses02F_b"},
        "test": {"Ses05M_c"},
    }  # fmt: skip
    return roberta, rnn


def test_roberta_files_give_four_layers_and_their_mean(tmp_path: Path) -> None:
    roberta, rnn = iemocap(tmp_path)
    dump(tmp_path / "iemocap_features_roberta.pkl", tuple(roberta.values()))
    dump(tmp_path / "IEMOCAP_features.pkl", tuple(rnn.values()))
    loaded = load_corpus("iemocap-features", tmp_path)
    assert {split: len(rows) for split, rows in loaded.splits.items()} == {"train": 3, "dev": 1, "test": 2}
    (talk,) = loaded.dialogues("test")
    first, second = talk.turns
    assert (first.track, second.track, first.text) == ("M", "F", "Ses05M_c says 0")
    assert gold(talk.turns, "iemocap-6").argmax(1).tolist() == [3, 4]
    assert {name: x.shape for name, x in first.features.items()} == {
        "roberta1": (5,), "roberta2": (5,), "roberta3": (5,), "roberta4": (5,), "text": (5,), "audio": (6,),
        "visual": (7,),
    }  # fmt: skip
    wanted = np.mean([roberta[f"roberta{k}"]["Ses05M_c"][1] for k in (1, 2, 3, 4)], axis=0)
    np.testing.assert_allclose(second.features["text"], wanted, rtol=1e-6)
    np.testing.assert_array_equal(second.features["audio"], rnn["audio"]["Ses05M_c"][1])


def test_dialogue_rnn_files_alone(tmp_path: Path) -> None:
    _, rnn = iemocap(tmp_path)
    dump(tmp_path / "IEMOCAP_features.pkl", tuple(rnn.values()))
    loaded = load_corpus("iemocap-features", tmp_path)
    assert {split: len(rows) for split, rows in loaded.splits.items()} == {"train": 4, "test": 2}
    np.testing.assert_array_equal(loaded["test"][0].features["text"], rnn["text"]["Ses05M_c"][0])


def test_texts_alone(tmp_path: Path) -> None:
    keys = ("speakers", "labels", "sentences", "train", "test", "dev")
    roberta, _ = iemocap(tmp_path)
    dump(tmp_path / "iemocap.pkl", [roberta[key] for key in keys])
    loaded = load_corpus("iemocap-features", tmp_path)
    assert loaded["dev"][0].text == "Ses02F_b says 0"
    assert not loaded["dev"][0].features


def meld(folder: Path) -> None:
    talks = {0: 2, 1039: 1, 1153: 3}
    one = lists(lambda t, i: np.eye(9)[i] if i < 2 else np.zeros(9), talks)
    parts = {
        "speakers": one, "labels": lists(lambda t, i: 6 - i, talks), "sentiments": lists(lambda t, i: i, talks),
        **{f"roberta{k}": vectors(5, talks) for k in (1, 2, 3, 4)}, "sentences": lists(said, talks), "train": [0],
        "test": [1153], "dev": [1039],
    }  # fmt: skip
    dump(folder / "meld_features_roberta.pkl", tuple(parts.values()))
    rnn = [lists(said, talks), one, lists(lambda t, i: 6 - i, talks), *(vectors(k, talks) for k in (600, 300, 342)),
           lists(said, talks), {0, 1039}, {1153}, []]  # fmt: skip
    dump(folder / "MELD_features_raw1.pkl", tuple(rnn))
    comet = vectors(768, {0: 2, 1039: 1})  # nothing of the third dialogue
    dump(folder / "meld_features_comet.pkl", tuple([comet] * 9))


def test_meld_has_sentiment_speakers_by_place_and_numbers_as_names(tmp_path: Path) -> None:
    meld(tmp_path)
    loaded = load_corpus("meld-features", tmp_path)
    turns = loaded["test"]
    assert [turn.track for turn in turns] == ["speaker-0", "speaker-1", None]
    assert gold(turns, "meld-7").argmax(1).tolist() == [6, 5, 4]
    assert gold(turns, "meld-sentiment-3").argmax(1).tolist() == [0, 1, 2]
    assert turns[0].features["audio"].shape == (300,)
    assert loaded["train"][1].features["xReact"].shape == (768,)
    assert loaded.remarks["without the feature xReact"] == 3
    assert len(loaded.dialogues("test")) == 1


def test_other_corpora(tmp_path: Path) -> None:
    roberta, _ = iemocap(tmp_path)
    dump(tmp_path / "emorynlp.pkl", (lists(lambda t, i: np.eye(9)[8]), *list(roberta.values())[1:2],
                                     *list(roberta.values())[6:]))  # fmt: skip
    loaded = load_corpus("emorynlp-features", tmp_path)
    assert loaded["test"][0].track == "speaker-8"
    assert gold(loaded["test"], "emorynlp-7").argmax(1).tolist() == [3, 4]
    dump(tmp_path / "dailydialog_features_roberta.pkl", tuple(roberta.values()))
    daily = load_corpus("dailydialog-features", tmp_path)
    names = [daily["train"][i].gold[0].top for i in range(3)]  # type: ignore[index]
    assert names == ["sadness", "fear", "surprise"]  # 3, 4, 5


def test_converted_files_say_the_same_and_need_no_pickle(tmp_path: Path) -> None:
    meld(tmp_path)
    out = tmp_path / "plain"
    for source in meld_features.SOURCES:
        if (path := source.find(tmp_path)) is not None:
            assert convert(path, source, out).is_file()
    before, after = load_corpus("meld-features", tmp_path), load_corpus("meld-features", out)
    assert before.summary == after.summary
    for split in before.splits:
        for a, b in zip(before[split], after[split], strict=True):
            assert (a.id, a.text, a.track) == (b.id, b.text, b.track)
            assert list(a.features) == list(b.features) or set(a.features) == set(b.features)
            for name in a.features:
                np.testing.assert_array_equal(a.features[name], b.features[name])
            np.testing.assert_array_equal(gold([a], "meld-7"), gold([b], "meld-7"))
    next(out.glob("*roberta.json")).write_text("{}", encoding="utf-8")
    with pytest.raises(FileError, match="convert them again"):
        load_corpus("meld-features", out)


class Runs:
    def __reduce__(self) -> Any:
        return os.system, ("touch HERE",)


def test_hostile_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    roberta, _ = iemocap(tmp_path)
    dump(tmp_path / "iemocap_features_roberta.pkl", (Runs(), *list(roberta.values())[1:]))
    with pytest.raises(FileError, match=r"wants to use '.*system' while it is read"):
        load_corpus("iemocap-features", tmp_path)
    with pytest.raises(FileError, match="wants to use"):
        convert(tmp_path / "iemocap_features_roberta.pkl", iemocap_features.SOURCES[0], tmp_path / "out")
    assert not (tmp_path / "HERE").exists()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"labels": lists(lambda t, i: 9)}, "turn 0 of 'Ses01F_a' has the label 9"),
        ({"labels": lists(lambda t, i: "sad")}, "has the label 'sad'"),
        ({"sentences": {**lists(said), "Ses05M_c": ["alone"]}}, "'Ses05M_c' has 1 turns in 'sentences' and 2 labels"),
        ({"roberta2": lists(lambda t, i: "x")}, "has no numbers in 'roberta2'"),
        ({"roberta2": lists(lambda t, i: np.zeros((2, 2)))}, r"has shape \(2, 2\) in 'roberta2'"),
        ({"roberta2": 7}, "'roberta2' in .* is a int"),
        ({"train": 7}, "'train' in .* is a int"),
        ({"train": ["strange"]}, "names dialogue 'strange', which has no labels"),
        ({"train": [], "test": [], "dev": []}, "name no dialogues of a split"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    roberta, _ = iemocap(tmp_path, **changes)
    dump(tmp_path / "iemocap_features_roberta.pkl", tuple(roberta.values()))
    with pytest.raises(FileError, match=what):
        load_corpus("iemocap-features", tmp_path)


def test_other_layouts_are_refused(tmp_path: Path) -> None:
    dump(tmp_path / "iemocap_features_roberta.pkl", (1, 2, 3))
    with pytest.raises(FileError, match="holds 3 parts"):
        load_corpus("iemocap-features", tmp_path)
    dump(tmp_path / "iemocap_features_roberta.pkl", {"a": 1})
    with pytest.raises(FileError, match="holds dict"):
        load_corpus("iemocap-features", tmp_path)
    (tmp_path / "iemocap_features_roberta.pkl").unlink()
    with pytest.raises(FileError, match="holds no labels"):
        load_corpus("iemocap-features", tmp_path)
