"""Small files in the formats of corpora. All texts are made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def write(folder: Path, files: Mapping[str, str], encoding: str = "utf-8") -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode(encoding))
    return folder


def sheet(header: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str = "\t") -> str:
    return "".join(delimiter.join(map(str, row)) + "\n" for row in [header, *rows])
