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
    with pytest.raises(CheckpointError, match=r"does not fit TextClassifier: .* keys differ.*remedy: .*another system"):
        registry.load(str(folder))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"system": "tfidf-linear"},
            r"checkpoint of 'tfidf-linear', but .* TfidfLinear: .*'backbone'; remedy: .*another",
        ),
        ({"system": "elsewhere"}, r"'elsewhere', a system that is not installed here; allowed: .*text-classifier"),
        (
            {"system": None},
            r"not that of a checkpoint of ours: it holds system, .*; allowed: at least system and config",
        ),
        ({"config": None}, r"not that of a checkpoint of ours"),
        ({"config": {"wdth": 3}}, r"does not fit TextClassifier: .*'wdth'"),
        ({"readouts": [{"scal": "ekman-6"}]}, r"scales or readouts that can't be understood"),
        ({"readouts": [{"scale": "nowhere", "perspective": "felt"}]}, r"scales or readouts .*'nowhere'"),
        ({"scales": [{"nme": "x"}]}, r"scales or readouts"),
    ],
)
def test_a_config_of_another_system_or_none(folder: Path, change: dict, said: str) -> None:
    row = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**row, **change}))
    with pytest.raises(CheckpointError, match=said):
        registry.load(str(folder))


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"model_type": "bert"}'])
def test_a_config_that_is_no_checkpoints(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json.*remedy"):
        registry.load(str(folder))


def test_a_checkpoint_given_to_another_class(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"checkpoint of 'text-classifier', but .* does not fit TfidfLinear"):
        registry.entry("tfidf-linear").load()[0].restore(folder)


def test_weights_of_another_size(folder: Path, tmp_path: Path) -> None:
    row = json.loads((folder / "config.json").read_text())
    row["config"]["targets"] = [{"scale": "ekman-6", "perspective": "perceived"}]
    row["readouts"] = []
    (folder / "config.json").write_text(json.dumps(row))
    with pytest.raises(CheckpointError, match="does not fit TextClassifier"):
        registry.load(str(folder))
