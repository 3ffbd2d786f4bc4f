"""The two copies of the headlines that go round: organisers' files and two arrays of unlike order and length."""

from pathlib import Path

import numpy as np
import pytest

from affectus.corpora.base import Loaded, gold, load_corpus
from affectus.errors import FileError

NAME, SCALE = "semeval2007-headlines", "ren-5"
DATA = Path(__file__).parents[3] / "shared" / "data" / NAME
SILENT = (43, 86, 121, 151)
TRIAL = [i for i in range(1, 254) if i not in (152, 157, 227)]


def everything(loaded: Loaded) -> list:
    return sorted((s for rows in loaded.splits.values() for s in rows), key=lambda s: s.item)


def points() -> np.ndarray:
    """(1250, 6) made-up scores, trial before test, zero where the corpus is silent."""
    made = np.random.default_rng(0).integers(0, 101, (1250, 6))
    made[np.array(SILENT) - 1] = [0, 9, 0, 0, 0, 0]
    return made


def official(folder: Path, made: np.ndarray) -> Path:
    for part, ids in (("trial", TRIAL), ("test", range(500, 1500))):
        place = folder / f"AffectiveText.{part}"
        place.mkdir()
        lines = [f'<instance id="{i}">Headline &amp; {i}</instance>' for i in ids]
        (place / f"affectivetext_{part}.xml").write_text("\n".join(["<corpus>", *lines, "</corpus>"]))
        rows = made[:250] if part == "trial" else made[250:]
        gold = [f"{i} " + " ".join(map(str, row)) for i, row in zip(ids, rows, strict=True)]
        (place / f"affectivetext_{part}.emotions.gold").write_text("\n".join(gold) + "\n")
    return folder


def arrays(folder: Path, made: np.ndarray) -> Path:
    five = made[:, [0, 2, 3, 4, 5]].astype(float)
    five = five[five.sum(1) > 0]
    texts = [f"headline {i}" for i in (*range(500, 1500), *TRIAL)]
    np.save(folder / "semEval2007_headlines.npy", np.array(texts))
    np.save(folder / "labels_normalized_semEval_anger_fear_joy_sad_surp.npy", five / five.sum(1, keepdims=True))
    return folder


def test_both_copies_pair_the_same_texts_with_the_same_profiles(tmp_path: Path) -> None:
    made = points()
    for name in ("official", "arrays"):
        (tmp_path / name).mkdir()
    a = load_corpus(NAME, official(tmp_path / "official", made))
    b = load_corpus(NAME, arrays(tmp_path / "arrays", made))
    assert [len(a[s]) for s in ("train", "dev", "test")] == [747, 249, 250]
    assert a.left_out == b.left_out == {"no score on any of the five emotions": 4}
    for split in a.splits:
        assert [s.id for s in a[split]] == [s.id for s in b[split]]
        assert np.allclose(gold(a[split], SCALE), gold(b[split], SCALE), atol=1e-6)
    kept = everything(a)
    assert {int(s.id) for s in kept}.isdisjoint(SILENT)
    assert kept[-1].text == "Headline & 1499"
    assert everything(b)[-1].text == "headline 1499"
    assert gold(kept, "semeval2007-6")[0].tolist() == made[0].tolist()
    assert kept[0].gold[0].perspective == "evoked"


def test_arrays_of_another_length_are_not_paired(tmp_path: Path) -> None:
    np.save(arrays(tmp_path, points()) / "semEval2007_headlines.npy", np.array(["one"] * 1246))
    with pytest.raises(FileError, match="1246 texts"):
        load_corpus(NAME, tmp_path)


def test_gold_that_is_none(tmp_path: Path) -> None:
    path = official(tmp_path, points()) / "AffectiveText.trial" / "affectivetext_trial.emotions.gold"
    path.write_text("1 22 2 60 0 64\n")
    with pytest.raises(FileError, match="line 1 of the gold of trial"):
        load_corpus(NAME, tmp_path)
    with pytest.raises(FileError, match="no copy of this corpus"):
        load_corpus(NAME, tmp_path / "AffectiveText.test")


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the corpus is not at hand")
def test_the_real_arrays() -> None:
    loaded = load_corpus(NAME, DATA)
    rows = everything(loaded)
    profile = gold(rows, SCALE)
    assert len(rows) == 1246
    assert np.allclose(profile.sum(1), 1, atol=1e-6)
    assert np.allclose(profile[0], [0.1507, 0.4110, 0, 0.4384, 0], atol=1e-4)
    deadly = np.array([any(w in s.text.split() for w in ("dead", "killed", "kills", "dies")) for s in rows])
    sadness = profile[:, 3]
    assert deadly.sum() > 20
    assert sadness[deadly].mean() > 2 * sadness[~deadly].mean()  # true of this pairing, not of one shifted by a row
    assert sadness[np.roll(deadly, 1)].mean() < 1.5 * sadness.mean()
