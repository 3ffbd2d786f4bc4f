"""Files that are used as they come."""

from __future__ import annotations

from pathlib import Path

VERSION = 1


def convert(raw: Path, out: Path) -> None:
    """Move every file of `raw` to `out`."""
    for path in raw.iterdir():
        path.rename(out / path.name)
