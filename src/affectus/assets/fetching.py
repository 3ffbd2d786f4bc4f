"""Download, verify, convert, keep: once for each asset, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from affectus.assets import cache, download
from affectus.assets.convert import converter
from affectus.assets.manifest import DEFAULT_GROUP, Asset, select
from affectus.atomic import make_folder, output_errors
from affectus.errors import AffectusError, AssetError, require

Step = Literal["present", "downloading", "converting", "ready"]
Progress = Callable[[Asset, Step], None]
_LOCK_SECONDS = 1800


def fetch(
    names: str | Iterable[str] = DEFAULT_GROUP, *, offline: bool = False, progress: Progress | None = None
) -> list[Path]:
    """Bring model files into the cache; what is there and whole is left alone, what is damaged is replaced.

    Args:
        names: Names or groups of the manifest.
        offline: Open no socket; complain about what is missing.
        progress: Called with the asset and the step that begins.

    Returns:
        The cached folder of each asset, in the order asked for.

    Raises:
        UnknownName: If a name is in no manifest entry and no group.
        AssetError: If an asset can't be had from any source; the cache then holds nothing of it.
        MissingDependency: If its converter needs a package that is not installed.
        OutputError: If the cache folder can't be written.
    """
    report = progress or (lambda asset, step: None)
    assets = select(names)
    if offline:
        missing = [asset.name for asset in assets if not _whole(asset)]
        if missing:
            raise AssetError(
                f"not fetched: {', '.join(missing)}",
                remedy=f"run `{cache.FETCH} {' '.join(missing)}` without --offline",
            )
    return [_present(asset, report) or _fetch(asset, report) for asset in assets]


def _present(asset: Asset, report: Progress) -> Path | None:
    if not _whole(asset):
        return None
    report(asset, "present")
    return cache.installed_folder(asset) if asset.installed else cache.folder(asset)


def _whole(asset: Asset) -> bool:
    """Whether all files of the asset are there and have the right hashes."""
    try:
        cache.verify(asset.name)
    except AssetError:
        return False
    return True


def _fetch(asset: Asset, report: Progress) -> Path:
    if asset.installed:
        cache.verify(asset.name)  # fails with the pip command: an installed package is not ours to mend
    if asset.needs:
        require(asset.needs, extra=asset.extra, purpose=f"converting the model {asset.name!r}")
    from filelock import FileLock, Timeout

    target = cache.folder(asset)
    # The lock lies beside the asset's folder so that removing the asset never removes a lock that is held.
    make_folder(cache.root())
    try:
        with output_errors(target), FileLock(cache.root() / f".{asset.name}.lock", timeout=_LOCK_SECONDS):
            if _whole(asset):  # another process was faster
                report(asset, "present")
                return target
            work = target.with_name(f".{target.name}.part")
            _discard(work)  # left by a process that was killed: nobody else holds the lock
            try:
                _build(asset, work, report)
                _discard(target)
                (work / "out").rename(target)
            finally:
                _discard(work)
                _drop_if_empty(target.parent)
    except Timeout as error:
        raise AssetError(
            f"another process has been fetching {asset.name!r} for {_LOCK_SECONDS // 60} minutes",
            remedy="wait for it, or end it",
        ) from error
    report(asset, "ready")
    return target


def _build(asset: Asset, work: Path, report: Progress) -> None:
    """Fill `work/out` with the converted asset and its record."""
    out = make_folder(work / "out")
    failures: list[AffectusError] = []
    for source in asset.sources:
        raw, scratch = work / "raw", work / "scratch"
        for folder in (raw, scratch):
            _discard(folder)
            make_folder(folder)
        report(asset, "downloading")
        try:
            download.from_source(asset, source, raw, scratch)
            break
        except AssetError as error:
            failures.append(error)
    else:
        reasons = "; ".join(f"({index}) {error.what}" for index, error in enumerate(failures, 1))
        allowed = next((error.allowed for error in failures if error.allowed), "")
        remedy = next(
            (error.remedy for error in failures if error.remedy), f"run `{cache.FETCH} {asset.name}` again later"
        )
        raise AssetError(f"the model {asset.name!r} can't be fetched: {reasons}", allowed=allowed, remedy=remedy)
    report(asset, "converting")
    converter(asset.convert).convert(raw, out)
    cache.write_record(asset, out)


def _discard(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _drop_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
