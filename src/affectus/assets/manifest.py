"""The table of model files: names, exact bytes, sources and licences."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from affectus.errors import unknown

DEFAULT_GROUP = "default"
INSTALLED = "installed"  # the converter name of assets that live inside an installed package
_TABLE = Path(__file__).with_name("manifest.toml")


@dataclass(frozen=True)
class File:
    """One file of an asset as its source must give it.

    Args:
        name: Name in the source's folder and in the cache.
        sha256: Its hash, 64 hex digits.
        bytes: Its size.
    """

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Source:
    """One place that has the files: a package or a hub repository.

    Args:
        package: Name in a package index, or empty.
        version: Exact version of the package.
        folder: Folder inside the wheel.
        hub: Repository id of a model hub, or empty.
    """

    package: str = ""
    version: str = ""
    folder: str = ""
    hub: str = ""

    def __str__(self) -> str:
        return f"{self.package} {self.version}" if self.package else f"hub repository {self.hub}"


@dataclass(frozen=True)
class Asset:
    """One entry of the manifest.

    Args:
        name: The name that `asset:` references and commands use.
        title: What it is, for people.
        role: What it does in the library, for example `speech-encoder`.
        group: `default` if the main job needs it.
        licence: SPDX name of the licence of the weights.
        origin: Who made the weights, and from what.
        convert: Module of `affectus.assets.convert` that turns the files into what we load.
        gives: The class or format that comes out.
        files: What a source must deliver.
        sources: Where to look, in order.
        download: Size of the first source's archive in bytes.
        entry: What `path(name)` points at, relative to the cached folder.
        parts: Other named places inside the cached folder.
        extra: The extra that installs the package which carries the asset, or which its converter needs.
        needs: A module outside the core that the converter needs.
    """

    name: str
    title: str
    role: str
    group: str
    licence: str
    origin: str
    convert: str
    gives: str
    files: tuple[File, ...]
    sources: tuple[Source, ...]
    download: int
    entry: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    extra: str = ""
    needs: str = ""

    @property
    def installed(self) -> bool:
        """Whether the asset lives inside an installed package and not in the cache."""
        return self.convert == INSTALLED

    def digest(self, converter_version: int) -> str:
        """Twelve hex digits that change with the files or with the way they are converted."""
        text = "\n".join([f"{self.convert} {converter_version}", *sorted(f"{f.name} {f.sha256}" for f in self.files)])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def table() -> Mapping[str, Asset]:
    """All assets by name, in the order of the manifest."""
    return read(_TABLE)


def read(path: Path) -> Mapping[str, Asset]:
    """Parse a manifest file."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))
    assets = {}
    for name, row in rows.items():
        files = tuple(File(**each) for each in row.pop("files"))
        sources = tuple(Source(**each) for each in row.pop("sources"))
        parts = MappingProxyType(row.pop("parts", {}))
        assets[name] = Asset(name=name, files=files, sources=sources, parts=parts, **row)
    return MappingProxyType(assets)


def find(name: str) -> Asset:
    """The asset of that name, or `UnknownName` with the nearest spelling."""
    assets = table()
    if name not in assets:
        raise unknown("asset", name, assets, listing="affectus assets list")
    return assets[name]


def select(names: str | Iterable[str]) -> list[Asset]:
    """Assets of the given names and groups (`default`, `chat`, …, `all`), each once, in the order asked for."""
    wanted = [names] if isinstance(names, str) else list(names)
    groups: dict[str, list[Asset]] = {"all": list(table().values())}
    for asset in table().values():
        groups.setdefault(asset.group, []).append(asset)
    chosen: dict[str, Asset] = {}
    for name in wanted:
        members = [table()[name]] if name in table() else groups.get(name)
        if members is None:
            raise unknown("asset or group", name, [*table(), *groups], listing="affectus assets list")
        chosen.update({asset.name: asset for asset in members})
    return list(chosen.values())
