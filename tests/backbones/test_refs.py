from __future__ import annotations

import pytest

from affectus.backbones import resolve
from affectus.errors import AssetError, CheckpointError, InputError, UnknownName


def test_each_form_is_understood(tmp_path):
    assert resolve("hf:org/name").location == "org/name"
    assert not resolve("hf:org/name").local
    assert resolve("tiny:bert").location == "bert"
    assert resolve(tmp_path).location == str(tmp_path)
    assert resolve(str(tmp_path)).scheme == "folder"


def test_an_asset_that_was_not_fetched_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path))
    with pytest.raises(AssetError, match="affectus assets fetch default"):
        resolve("asset:minilm-l6")
    with pytest.raises(UnknownName, match="did you mean 'minilm-l6'"):
        resolve("asset:minilm-16")
    with pytest.raises(InputError, match="'ct2'"):
        resolve("asset:whisper-tiny-en/onnx")


@pytest.mark.parametrize("ref", ["hf:", "hf:/", "hf:a/b/c"])
def test_malformed_hub_ids_are_refused(ref):
    with pytest.raises(InputError, match="hf:ORG/NAME"):
        resolve(ref)


def test_a_bare_hub_id_is_never_guessed():
    with pytest.raises(CheckpointError, match="write 'hf:org/name'"):
        resolve("org/name")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "model.bin").touch()
    with pytest.raises(CheckpointError, match="is a file"):
        resolve(tmp_path / "model.bin")
