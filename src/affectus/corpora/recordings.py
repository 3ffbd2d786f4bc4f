"""What loaders of recorded speech share: the sound files of a folder, and the people in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectus.sample import Media, Persona

SUFFIXES = (".wav", ".flac")


def recordings(folder: Path, pattern: str = "*") -> list[Path]:
    """Sound files in order of their paths; hidden ones (`._x.wav`, left by other systems) are passed over.

    Args:
        folder: Where they are.
        pattern: As of `Path.glob`: `*` takes the folder itself, `**/*` also what is below.
    """
    found = (path for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in found if not path.name.startswith("."))


def sound(*places: Path) -> Media | None:
    """The first of several places of a sound file that exists; None if none does."""
    found = next((place for place in places if place.is_file()), None)
    return None if found is None else Media("audio", path=found)


def people(sexes: Mapping[str, str]) -> dict[str, Persona]:
    """What is known of speakers of whom only the sex is: track → persona."""
    return {name: Persona(name, attributes={"sex": sex}) for name, sex in sexes.items()}
