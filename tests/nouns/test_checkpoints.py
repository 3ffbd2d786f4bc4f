"""Folders that are no checkpoint, or not the one that was meant, are errors with the remedy."""

import json
import pickle
from pathlib import Path

import pytest

from affectus import registry
from affectus.errors import CheckpointError


class Trap:
    def __reduce__(self):
        return (Path("/").joinpath, ("unpickled",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    registry.build("text-classifier/tiny").save_pretrained(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "best.pt", "model.PTH", "svm.pkl", "last.ckpt"])
def test_pickled_weights_are_refused_with_the_converter(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Trap()))
    for load in (
        registry.load,
        registry.card,
        lambda path: registry.entry("text-classifier").load()[0].restore(folder),
    ):
        with pytest.raises(CheckpointError, match=rf"'{name}'.*unpickled.*affectus convert SYSTEM/VARIANT .* --out"):
            load(str(folder))
    with pytest.raises(CheckpointError, match="unpickled"):
        registry.load(str(folder / name))


def test_a_pickle_beside_our_own_weights_is_left_alone(folder: Path) -> None:
    (folder / "optimizer.pt").write_bytes(pickle.dumps(Trap()))
    assert len(registry.load(str(folder)).read(["a text"])) == 1


def test_damaged_weights(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    for broken in (b"", whole[: len(whole) // 2], b"\xff" * 100):
        (folder / "model.safetensors").write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"no readable checkpoint.*remedy"):
            registry.load(str(folder))


def test_weights_of_another_system(folder: Path, tmp_path: Path) -> None:
    registry.build("tfidf-linear/tiny").save_pretrained(tmp_path / "other")
    (folder / "model.safetensors").write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match=r"does not fit TextClassifier: .* keys differ"):
        registry.load(str(folder))


def test_weights_of_another_size(folder: Path, tmp_path: Path) -> None:
    row = json.loads((folder / "config.json").read_text())
    row["config"]["targets"] = [{"scale": "ekman-6", "perspective": "perceived"}]
    row["readouts"] = []
    (folder / "config.json").write_text(json.dumps(row))
    with pytest.raises(CheckpointError, match="does not fit TextClassifier"):
        registry.load(str(folder))
