"""A conversation on disk: one JSON line a turn, only ever added to, readable after a crash."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from affectus.atomic import make_folder, output_errors
from affectus.errors import FileError


class ConversationLog:
    """Turns in a file. Each line is on the disk before the next turn is asked for.

    What is there already is never changed: a line that a crash cut off is ended and left where it is.

    Args:
        path: The file; it is made if it is not there.

    Raises:
        OutputError: If it can't be written.
        FileError: If it exists and holds something else than JSON lines.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        make_folder(self.path.parent)
        self.rows: list[dict[str, Any]] = []
        self.unreadable = 0
        with output_errors(self.path), self.path.open("a+b") as file:
            file.seek(0)
            held = file.read()
            for line in held.splitlines():
                self._take(line)
            if self.unreadable and not self.rows:
                raise FileError(f"{str(self.path)!r} is no log of a conversation", remedy="name another file")
            if held and not held.endswith(b"\n"):
                file.write(b"\n")

    def add(self, speaker: str, text: str, **more: Any) -> None:
        """Write one turn.

        Args:
            speaker: Who.
            text: Words.
            **more: Whatever else is known of it, for example a reply's `record`.

        Raises:
            OutputError: If it can't be written.
        """
        row = {"turn": len(self.rows), "time": datetime.now(UTC).isoformat(timespec="seconds"), "speaker": speaker}
        row |= {"text": text} | more
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        with output_errors(self.path), self.path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.rows.append(row)

    def _take(self, line: bytes) -> None:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and isinstance(row.get("speaker"), str) and isinstance(row.get("text"), str):
            self.rows.append(row)
        elif line.strip():
            self.unreadable += 1
