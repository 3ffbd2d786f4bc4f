"""Small wheels and assets made on the spot."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from affectus.assets.manifest import Asset, File, Source


def wheel(folder: Path, package: str, version: str, members: Mapping[str, bytes]) -> Path:
    """Write a wheel that pip accepts."""
    dashed = package.replace("-", "_")
    info = f"{dashed}-{version}.dist-info"
    path = folder / f"{dashed}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
        zipped.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        zipped.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        zipped.writestr(f"{info}/RECORD", "")
    return path


def toy(contents: Mapping[str, bytes], sources: Iterable[Source], **changes: object) -> Asset:
    """An asset whose pinned files have the given contents."""
    files = tuple(File(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in contents.items())
    row = {
        "name": "toy",
        "title": "a toy",
        "role": "test",
        "group": "default",
        "licence": "MIT",
        "origin": "this test",
        "convert": "copy",
        "gives": "bytes",
        "download": 1,
    }
    return Asset(files=files, sources=tuple(sources), **{**row, **changes})  # type: ignore[arg-type]
