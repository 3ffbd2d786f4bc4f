"""Turning the files of a source into the files that we load; one small module for each kind.

A converter module has `VERSION` (raised when its output changes, so that old caches are left behind) and
`convert(raw, out)`, which fills the empty folder `out` and may move files out of `raw`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast


class Converter(Protocol):
    """What a converter module offers."""

    VERSION: int

    def convert(self, raw: Path, out: Path) -> None:
        """Fill `out` from the verified files in `raw`."""
        ...


def converter(name: str) -> Converter:
    """The converter module of that name."""
    return cast(Converter, importlib.import_module(f"affectus.assets.convert.{name}"))
