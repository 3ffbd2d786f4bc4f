"""Conversations as JSON lines, `{"dialogue"?, "speaker", "text", "start"?, "end"?}`, or as rows of a table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from affectus.errors import FileError, InputError, suggest
from affectus.formats.table import delimited_lines, json_lines
from affectus.media.faults import Fault

FIELDS = ("dialogue", "speaker", "text", "start", "end")
LINES = {".jsonl": json_lines, ".csv": delimited_lines, ".tsv": delimited_lines}
"""Suffixes of files that can hold a chat, and what gives their lines."""

_CLOCK = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)")


@dataclass(frozen=True)
class Turn:
    """What one speaker says at once.

    Args:
        dialogue: Name of the conversation, the file's stem where it has none.
        speaker: Who; None where that is not said.
        text: Words.
        start: Seconds; of calendar times, since the conversation's first one; None without times.
        end: Seconds, half-open.
        line: Line of the file, from 1.
    """

    dialogue: str
    speaker: str | None
    text: str
    start: float | None = None
    end: float | None = None
    line: int = 0


def read_chat(
    path: Path | str,
    map: Mapping[str, str] | None = None,
    encoding: str | None = None,
    faults: list[Fault] | None = None,
) -> dict[str, list[Turn]]:
    """The turns of each conversation of a file, in order.

    Conversations stand in the order of their first lines. Turns follow the order of the lines, or their start if all
    have one.

    Args:
        path: .jsonl, .csv or .tsv.
        map: Their field names → ours, for example `{"Utterance": "text", "Speaker": "speaker"}`.
        encoding: As in `text.read_text`.
        faults: Receives `encoding-guessed`, `empty-text` for turns without words (they are left out), and
            `unknown-speaker` for those whose speaker is null or blank.

    Returns:
        Turns by name of the conversation.

    Raises:
        FileError: If a line is malformed (with its number), there are no turns, or the suffix is another.
        InputError: If `map` names a field that is not ours or not in the file.
    """
    path = Path(path)
    if path.suffix.lower() not in LINES:
        raise FileError(f"{str(path)!r} can't be read as a chat", allowed=" ".join(LINES), remedy="convert it")
    names = dict(map or {})
    for theirs, target in names.items():
        if target not in FIELDS:
            turned = f"turn it round: {target}={theirs}" if theirs in FIELDS else suggest(target, FIELDS)
            raise InputError(f"field {theirs!r} is mapped to {target!r}", allowed=", ".join(FIELDS), remedy=turned)
    targets = set(names.values())  # a field of theirs that happens to have one of these names gives way
    seen: dict[str, list[Turn]] = {}
    dated: dict[str, bool] = {}
    known: set[str] = set()
    empty = 0
    for number, row in LINES[path.suffix.lower()](path, encoding, faults):
        if not known:
            _check_map(names, row.keys(), path, ("speaker", "text"))
        known |= row.keys()
        renamed = {names.get(key, key): value for key, value in row.items() if key in names or key not in targets}
        turn, calendar = _turn(renamed, path, number)
        if calendar is not None and dated.setdefault(turn.dialogue, calendar) != calendar:
            raise _bad(path, number, "times are partly seconds and partly dates", "use one kind in a conversation")
        if turn.text.strip():
            seen.setdefault(turn.dialogue, []).append(turn)
        else:
            empty += 1
    if known:
        _check_map(names, known, path, FIELDS)
    if not seen:
        raise FileError(
            f"{str(path)!r} holds no turn with words", remedy='write lines like {"speaker": "Ann", "text": "Hi!"}'
        )
    nameless = sum(turn.speaker is None for turns in seen.values() for turn in turns)
    remarks = {"empty-text": (empty, "without words"), "unknown-speaker": (nameless, "of nobody known")}
    if faults is not None:
        faults += [Fault(kind, text=f"{n} turn{'s' * (n > 1)} {what}") for kind, (n, what) in remarks.items() if n]
    return {name: _in_order(turns, dated.get(name, False)) for name, turns in seen.items()}


def _check_map(names: dict[str, str], known: Iterable[str], path: Path, targets: tuple[str, ...]) -> None:
    known = sorted(known)
    for theirs, ours in names.items():
        if ours in targets and theirs not in known:
            listing = ", ".join(map(repr, known))
            raise InputError(f"{str(path)!r} has no field {theirs!r}", allowed=listing, remedy=suggest(theirs, known))


def _turn(row: dict[str, Any], path: Path, number: int) -> tuple[Turn, bool | None]:
    """The turn, and whether its times are calendar dates (None without times)."""
    for name in ("speaker", "text"):
        if name not in row:
            listing = ", ".join(repr(name) for name in row) or "none"
            remedy = f"rename a field with --map THEIRS={name} (map={{'theirs': '{name}'}})"
            raise FileError(
                f"{str(path)!r}, line {number}: no field {name!r}", allowed=f"it has {listing}", remedy=remedy
            )
    if not isinstance(row["text"], str):
        raise _bad(path, number, f"text is a {type(row['text']).__name__}", "give a string")
    for name in ("speaker", "dialogue"):
        if not isinstance(row.get(name), str | int | float | None):
            raise _bad(path, number, f"{name} is a {type(row[name]).__name__}", "give a string or a number")
    start, dated = _time(row.get("start"), path, number)
    end, end_dated = _time(row.get("end"), path, number)
    if None not in (dated, end_dated) and dated != end_dated:
        raise _bad(path, number, "start and end are of different kinds", "give seconds or dates for both")
    if start is not None and end is not None and end < start:
        raise _bad(
            path, number, f"the turn ends ({row['end']!r}) before it begins ({row['start']!r})", "mend that line"
        )
    if start is None and end is not None:
        raise _bad(path, number, "it has an end but no start", "give both or none")
    dialogue, speaker = _name(row.get("dialogue")) or path.stem, _name(row.get("speaker"))
    return Turn(dialogue, speaker, row["text"], start, end, number), dated


def _name(value: str | float | None) -> str | None:
    """A name without the blanks around it; None for no name."""
    return None if value is None else str(value).strip() or None


def _time(value: Any, path: Path, number: int) -> tuple[float | None, bool | None]:
    """Seconds (of the epoch for dates), and whether it was a date."""
    if value is None or value == "":
        return None, None
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), True
        except (ValueError, OverflowError):
            value = _seconds(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e15:
        return float(value), False
    raise _bad(
        path,
        number,
        f"time {value!r}"[:80],
        "give seconds (12.5), a clock (0:01:12.5) or ISO 8601 (2026-01-31T18:00:00)",
    )


def _seconds(written: str) -> float | str:
    """Seconds of a number or a clock in words; what is neither stays as it is."""
    clock = _CLOCK.fullmatch(written)
    if clock is not None:
        return 3600 * int(clock[1]) + 60 * int(clock[2]) + float(clock[3].replace(",", "."))
    try:
        return float(written)
    except ValueError:
        return written


def _in_order(turns: list[Turn], dated: bool) -> list[Turn]:
    if all(turn.start is not None for turn in turns):
        turns = sorted(turns, key=lambda turn: turn.start or 0.0)
    zero = min((turn.start for turn in turns if turn.start is not None), default=0.0) if dated else 0.0
    return [
        Turn(t.dialogue, t.speaker, t.text, _minus(t.start, zero), _minus(t.end, zero), t.line) for t in turns
    ]  # fmt: skip


def _minus(time: float | None, zero: float) -> float | None:
    return None if time is None else time - zero


def _bad(path: Path, number: int, what: str, remedy: str) -> FileError:
    return FileError(f"{str(path)!r}, line {number}: {what}", remedy=remedy)
