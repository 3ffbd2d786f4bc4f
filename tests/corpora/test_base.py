"""Where corpora are looked for, several judgements of one sample, groups, and fingerprints."""

from pathlib import Path

import numpy as np
import pytest

from affectus.corpora.base import (
    Judgement,
    Loaded,
    corpus,
    dialogues,
    fingerprint,
    gold,
    groups,
    known_corpora,
    locate,
    with_gold,
    with_judgements,
)
from affectus.errors import FileError, UnknownName
from affectus.frontends.tokens import gold_rows
from affectus.sample import Persona, Sample

SCALE = "wassa-turn-empathy"


def copy_of(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "isear.csv").write_bytes(b"x")
    return folder


def test_a_corpus_is_found_in_its_folder_or_below_a_root(tmp_path: Path) -> None:
    folder = copy_of(tmp_path / "isear")
    assert locate("isear", folder) == locate("isear", str(tmp_path)) == folder
    other = tmp_path / "semeval2018-task1"
    (other / "V-reg").mkdir(parents=True)
    (other / "V-reg/Valence-reg-En-train.txt").write_bytes(b"x")
    assert locate("semeval2018-vreg", tmp_path) == other


def test_without_a_root_the_usual_places_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("AFFECTUS_DATA", raising=False)
    with pytest.raises(FileError) as caught:
        locate("isear")
    for part in ("'isear'", "data/isear", "shared/data", "../shared/data", "--data", "AFFECTUS_DATA", "isear.csv"):
        assert part in str(caught.value)
    beside = copy_of(tmp_path / "shared/data/isear")
    assert locate("isear").resolve() == beside
    here = copy_of(tmp_path / "work/data/isear")
    assert locate("isear").resolve() == here
    named = copy_of(tmp_path / "elsewhere/isear")
    monkeypatch.setenv("AFFECTUS_DATA", str(tmp_path / "elsewhere"))
    assert locate("isear") == named
    with pytest.raises(UnknownName, match="did you mean 'isear'"):
        locate("isaer")


def test_every_corpus_says_how_its_folder_is_told() -> None:
    for name in known_corpora():
        assert corpus(name).files, name
        assert corpus(name).obtain, name


def judged() -> list[Sample]:
    samples = [Sample(id=f"s{i}", source="x", item=i, text=f"t{i}") for i in range(3)]
    felt, seen = np.array([[1.0], [np.nan], [5]]), np.array([[2.0], [3], [4]])
    return with_judgements(
        samples,
        [
            Judgement({SCALE: felt}, "felt", "writer"),
            Judgement({SCALE: seen}, "perceived", "readers"),
            Judgement({SCALE: seen - 1}, "perceived", "reader 1"),
        ],
        modality="text",
    )


def test_several_judgements_of_a_sample_are_told_apart() -> None:
    samples = judged()
    assert samples[0].gold is not None
    assert [a.by for a in samples[0].gold] == ["writer", "readers", "reader 1"]
    assert gold(samples, SCALE)[:, 0].tolist() == [1, 3, 5]  # the first that is known
    assert gold(samples, SCALE, "perceived")[:, 0].tolist() == [2, 3, 4]
    assert gold(samples, SCALE, by="reader 1")[:, 0].tolist() == [1, 2, 3]
    assert np.isnan(gold(samples, SCALE, by="nobody")).all()
    rows = gold_rows(samples, SCALE, "perceived")
    assert rows is not None
    assert rows[:, 0].tolist() == [2, 3, 4]
    lone = with_gold([Sample(id="a")], {SCALE: np.array([[2.0]])}, perspective="felt", by="w", modality="text")
    assert gold(lone, SCALE, "perceived").tolist() == [[2]]  # there is no other to choose


def test_fingerprints_see_order_text_and_gold() -> None:
    samples = judged()
    same = fingerprint(judged())
    assert fingerprint(samples) == same
    assert fingerprint(samples[::-1]) != same
    assert fingerprint([Sample(**{**vars(s), "text": "other"}) for s in samples]) != same
    assert fingerprint([Sample(**{**vars(s), "gold": None}) for s in samples]) != same
    faces = [Sample(id="a", features={"face": np.full((2, 2), v, np.uint8)}) for v in (0, 1)]
    assert fingerprint(faces[:1]) != fingerprint([Sample(**{**vars(faces[1]), "id": "a"})]) != fingerprint([])


def test_groups_and_dialogues() -> None:
    turns = [
        Sample(id=f"{d}-{i}", text="hm", track="ab"[i % 2], groups={"dialogue": d, "speaker": "ab"[i % 2]})
        for d in ("d1", "d2")
        for i in range(3)
    ]
    assert groups(turns, "dialogue").tolist() == ["d1"] * 3 + ["d2"] * 3
    with pytest.raises(UnknownName, match="no group named 'author'; allowed: dialogue, speaker"):
        groups(turns, "author")
    talks = dialogues(turns, {"d1": {"a": Persona("a", {"openness": 0.5})}})
    assert [len(talk.turns) for talk in talks] == [3, 3]
    assert [list(talk.persona) for talk in talks] == [["a"], []]
    assert [len(talk.turns) for talk in dialogues([Sample(id="x"), Sample(id="y")])] == [1, 1]


def test_empty_splits_and_repeated_ids_are_errors() -> None:
    described = corpus("isear")
    with pytest.raises(FileError, match=r"split 'test' of 'isear' is empty \(7 rows left out: no answer\)"):
        Loaded(described, {"train": [Sample(id="a")], "test": []}, {"no answer": 7})
    with pytest.raises(FileError, match="2 samples of 'isear' have the id 'a'"):
        Loaded(described, {"train": [Sample(id="a")], "test": [Sample(id="a")]})
