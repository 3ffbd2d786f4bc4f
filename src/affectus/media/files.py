"""Opening a file for reading: what can go wrong before its content matters."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from affectus.errors import FileError


def check_file(path: Path | str) -> Path:
    """The path of an existing, ordinary file with something in it.

    Raises:
        FileError: If it is missing, a folder, a device or pipe, empty, or can't be looked at.
    """
    path = Path(path)
    with _explained(path):
        info = path.stat()
    if stat.S_ISDIR(info.st_mode):
        raise FileError(f"{str(path)!r} is a folder", allowed="a file", remedy="name one of the files in it")
    if not stat.S_ISREG(info.st_mode):
        raise FileError(
            f"{str(path)!r} is a device or pipe", allowed="an ordinary file", remedy="save its content to a file"
        )
    if info.st_size == 0:
        raise FileError(f"{str(path)!r} is empty (0 bytes)", remedy="copy or record the file again")
    return path


@contextmanager
def reading(path: Path | str) -> Iterator[BinaryIO]:
    """Open an ordinary, non-empty file in binary; refusals of the operating system become `FileError`."""
    path = check_file(path)
    with _explained(path):
        file = path.open("rb")
    with file:
        yield file


def head(path: Path | str, size: int = 65536) -> bytes:
    """The first bytes of a file.

    Raises:
        FileError: As `check_file`, or if it can't be read.
    """
    with reading(path) as file, _explained(Path(path)):
        return file.read(size)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileError:
        raise
    except FileNotFoundError as error:
        raise FileError(f"{str(path)!r} does not exist", remedy="check the spelling of the path") from error
    except PermissionError as error:
        raise FileError(f"no permission to read {str(path)!r}", remedy="change the permissions of the file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"can't read {str(path)!r}: {reason}", remedy="check the path and the disk") from error
