"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from affectus.errors import OutputError

_REASONS = {
    errno.EACCES: ("no permission to write there", "choose another folder or change its permissions"),
    errno.EPERM: ("no permission to write there", "choose another folder or change its permissions"),
    errno.EROFS: ("the file system is read-only", "choose another folder"),
    errno.ENOSPC: ("the disk is full", "free some space and run again with --resume"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and run again with --resume"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "choose another folder"),
    errno.EEXIST: ("a file of that name is in the way", "choose another folder"),
    errno.ENOENT: ("no folder can be made there", "choose another folder"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
    errno.EISDIR: ("a folder of that name is in the way", "choose another name"),
}


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into `OutputError` with the remedy."""
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError) or error.errno not in _REASONS:
            raise
        reason, remedy = _REASONS[error.errno]
        raise OutputError(f"can't write {str(path)!r}: {reason}", remedy=remedy) from error


def make_folder(path: Path) -> Path:
    """Create a folder with its parents, or raise `OutputError` with the remedy."""
    with output_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def writing(path: Path | str, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` and move it there when the block ends well.

    Args:
        path: Where the file is to appear; its folder is created.
        mode: `"w"` (UTF-8 text) or `"wb"`.
        **options: Passed on to `open`, for example `newline=""`.

    Raises:
        OutputError: If there is no permission or no space; `path` is then as it was before.
    """
    target = Path(path)
    make_folder(target.parent)
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    with output_errors(target):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        try:
            with os.fdopen(handle, mode, **options) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
