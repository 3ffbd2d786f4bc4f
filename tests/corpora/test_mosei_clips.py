"""The package of aligned clips of CMU-MOSEI, in small files made to its layout."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from affectus.corpora.base import gold, groups, load_corpus
from affectus.errors import FileError
from affectus.evaluation.metrics import binary_weighted_f1, weighted_accuracy
from affectus.frontends.clips import landmark_frames, picture_frames
from affectus.registry import build

RNG = np.random.default_rng(0)


def clip(name: str, frames: int = 14, **changes: Any) -> dict[str, Any]:
    face = RNG.uniform(50, 200, (frames, 440))
    words = RNG.standard_normal((frames, 300))
    return {"uttr_id": name, "OpenFace": face, "text_feat": words, "label": [0, 0.33, 0, 0, 2, 0], **changes}


def package(folder: Path, *clips: dict[str, Any]) -> Path:
    for split in ("train", "valid", "test"):
        place = folder / split
        (place / "Mel_Spect").mkdir(parents=True)
        (place / f"{split}_data.pkl").write_bytes(pickle.dumps(list(clips), 2))
        for found in clips:
            frames = len(found["OpenFace"])
            mel = RNG.exponential(1, (frames + 1, 128))
            if "mute" not in str(found.get("uttr_id")):
                (place / "Mel_Spect" / f"{found.get('uttr_id')}.pkl").write_bytes(pickle.dumps(mel, 2))
    pictures = folder / "test" / "Frames_resize" / "a_1"
    pictures.mkdir(parents=True)
    for number in (1, 2, 10):
        cv2.imwrite(str(pictures / f"frame{number}.jpg"), np.full((20, 20, 3), 20 * number, np.uint8))
    return folder


def test_streams_are_in_step(tmp_path: Path) -> None:
    first = clip("a_1")
    loaded = load_corpus("mosei-clips", package(tmp_path, first, clip("a_2"), clip("mute"), clip("c", 2)))
    assert {split: len(rows) for split, rows in loaded.splits.items()} == {"train": 2, "dev": 2, "test": 2}
    assert loaded.left_out == {"clip without its mel file": 3, "clip of two frames or fewer": 3}
    sample = loaded["test"][0]
    assert {name: x.shape for name, x in sample.features.items()} == {
        "landmarks": (14, 68, 2), "words": (14, 300), "mel": (14, 128),
    }  # fmt: skip
    np.testing.assert_allclose(sample.features["landmarks"][3, 5], first["OpenFace"][3, [304, 372]], rtol=1e-6)
    points = landmark_frames(sample)
    assert points is not None
    assert points.shape == (14, 51, 2)
    pictures = picture_frames(sample, 30.0)
    assert pictures is not None
    assert pictures[:, 0, 0, 0].tolist() == [20, 40, 200]  # by number, not by letter
    assert gold(loaded["test"], "mosei-6").tolist() == [[0, 1, 0, 0, 1, 0]] * 2
    assert groups(loaded["test"], "video").tolist() == ["a", "a"]
    system = build("pairwise-contrastive/tiny", words=300, heads=2)
    assert system.collate(loaded["test"]).inputs["there"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 1]]


@pytest.mark.parametrize(
    "changes",
    [{"label": [1, 2]}, {"OpenFace": np.zeros((14, 300))}, {"text_feat": None}, {"OpenFace": [[0.0], [1.0, 2.0]]}],
)
def test_clips_that_do_not_fit(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(FileError, match="clip 0 of"):
        load_corpus("mosei-clips", package(tmp_path, clip("a", **changes)))


def test_other_packages_are_refused(tmp_path: Path) -> None:
    folder = package(tmp_path, clip("a"))
    (folder / "valid" / "valid_data.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(FileError, match="holds a dict"):
        load_corpus("mosei-clips", folder)
    (folder / "valid" / "valid_data.pkl").unlink()
    with pytest.raises(FileError, match="0 lists of clips for the split 'dev'"):
        load_corpus("mosei-clips", folder)


def test_figures_are_those_of_the_formulas() -> None:
    found, said = RNG.random((50, 6)) < 0.3, RNG.random((50, 6)) < 0.5
    accuracies, f1s = [], []
    for a, b in zip(found.T, said.T, strict=True):
        p, n, tp, tn = a.sum(), (~a).sum(), (a & b).sum(), (~a & ~b).sum()
        accuracies.append((tp * n / p + tn) / (2 * n))
        yes, no = 2 * tp / (p + b.sum()), 2 * tn / (n + (~b).sum())
        f1s.append((p * yes + n * no) / 50)
    assert weighted_accuracy(found.astype(int), said.astype(int)) == pytest.approx(np.mean(accuracies))
    assert binary_weighted_f1(found.astype(int), said.astype(int)) == pytest.approx(np.mean(f1s))
    never = np.zeros((4, 1), int)
    assert weighted_accuracy(never, never) == 1
