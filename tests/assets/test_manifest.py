"""The shipped manifest: complete, pinned, and free of places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from affectus.assets import convert, manifest
from affectus.errors import UnknownName

TEXT = Path(manifest.__file__).with_name("manifest.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("asset", manifest.table().values(), ids=lambda asset: asset.name)
def test_every_entry_is_complete_and_pinned(asset):
    assert all([asset.title, asset.role, asset.licence, asset.origin, asset.gives, asset.files, asset.sources])
    assert asset.download > 0
    for file in asset.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.bytes > 0
        assert "/" not in file.name
    packages = [source for source in asset.sources if source.package]
    assert asset.sources[0].package, "a package comes first"
    assert all(re.fullmatch(r"[0-9.]+", source.version) for source in packages)
    assert convert.converter(asset.convert).VERSION >= 1
    if asset.convert == "copy":
        names = {file.name for file in asset.files}
        assert {*asset.parts.values(), asset.entry} - {""} <= names


def test_no_host_stands_in_the_manifest():
    assert not re.search(r"https?:|npm|\.org\b|\.co\b|\.io\b", TEXT)


def test_the_default_group_is_what_analysis_needs():
    roles = {asset.role for asset in manifest.select("default")}
    assert roles == {
        "text-encoder",
        "speech-encoder",
        "voice-activity",
        "speaker-encoder",
        "face-detector",
        "face-mesh",
        "face-emotion",
    }


def test_the_digest_changes_with_bytes_and_with_the_converter():
    asset = manifest.table()["ge2e"]
    assert asset.digest(1) == asset.digest(1) != asset.digest(2)
    assert asset.digest(1) != manifest.table()["facemesh"].digest(1)


def test_select_keeps_the_order_and_drops_doubles():
    assert [a.name for a in manifest.select(["facemesh", "ge2e", "facemesh"])] == ["facemesh", "ge2e"]
    assert [a.name for a in manifest.select("all")] == list(manifest.table())
    with pytest.raises(UnknownName, match="asset or group"):
        manifest.select("nothing-like-it")


def test_every_asset_has_its_notice():
    notices = Path(__file__).parents[2] / "THIRD_PARTY.md"
    lines = [line for line in notices.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    rows = {line.split("`")[1]: line for line in lines if not line.startswith("| `src/")}
    assert list(rows) == list(manifest.table())
    for name, asset in manifest.table().items():
        assert asset.licence in rows[name]
        assert str(asset.sources[0]) in rows[name]
