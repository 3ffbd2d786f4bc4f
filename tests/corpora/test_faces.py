"""CK+ and the part of FER2013."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from affectus.corpora import ck48, fer2013_part
from affectus.corpora.base import gold
from affectus.errors import FileError
from affectus.taxonomy import scale

SHARED = Path(__file__).parents[3] / "shared" / "data"


def toy_ck(folder, subjects=12):
    for at, label in enumerate(scale("ck-7").labels):
        (folder / label).mkdir(parents=True)
        for subject in range(subjects):
            name = f"S{subject:03d}_{at:03d}_00000017.png"
            cv2.imwrite(str(folder / label / name), np.full((48, 48), subject, np.uint8))


def test_ck_subjects_stay_together(tmp_path):
    toy_ck(tmp_path / "CK+48")
    samples = list(ck48.load(tmp_path)["all"])
    assert len(samples) == 84
    assert gold(samples, "ck-7").sum(0).tolist() == [12] * 7
    folds = ck48.folds(samples)
    subjects = np.array([s.track for s in samples])
    assert all(len(set(folds[subjects == s])) == 1 for s in set(subjects))
    assert set(folds) == set(range(10))
    assert (ck48.folds(samples, seed=1) != folds).any()


def test_what_is_no_ck_is_named(tmp_path):
    with pytest.raises(FileError, match="anger"):
        ck48.load(tmp_path)
    toy_ck(tmp_path)
    (tmp_path / "anger" / "holiday.png").write_bytes(b"")
    with pytest.raises(FileError, match="holiday"):
        ck48.load(tmp_path)


def test_fer_part(tmp_path):
    images, labels = np.zeros((3, 48, 48), np.uint8), np.array([0, 6, 3])
    for split in ("train", "val"):
        np.savez(tmp_path / f"{split}.npz", images=images, labels=labels)
    assert gold(fer2013_part.load(tmp_path)["val"], "fer2013-7").argmax(1).tolist() == [0, 6, 3]
    np.savez(tmp_path / "val.npz", images=images, labels=labels + 5)
    with pytest.raises(FileError, match="labels up to 11"):
        fer2013_part.load(tmp_path)
    (tmp_path / "val.npz").write_bytes(b"no")
    with pytest.raises(FileError, match="no part of FER2013"):
        fer2013_part.load(tmp_path)


@pytest.mark.data
def test_real_counts():
    if not (SHARED / "ck48").is_dir():
        pytest.skip("CK+ is not here")
    samples = list(ck48.load(SHARED / "ck48")["all"])
    assert (len(samples), len({s.track for s in samples})) == (981, 118)
    loaded = fer2013_part.load(SHARED / "fer2013-part")
    assert [len(loaded[s]) for s in ("train", "val")] == [2503, 2692]
