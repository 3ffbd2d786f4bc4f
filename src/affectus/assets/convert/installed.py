"""Files that stay where their package was installed; nothing is converted or cached."""

from __future__ import annotations

from pathlib import Path

from affectus.errors import AssetError

VERSION = 1


def convert(raw: Path, out: Path) -> None:
    """Refuse: such an asset is installed, never converted."""
    raise AssetError(f"{raw} belongs to an installed package", remedy="install the extra that brings it")
