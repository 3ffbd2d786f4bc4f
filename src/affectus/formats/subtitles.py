"""Timed text: SubRip (.srt) and WebVTT (.vtt)."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from affectus.errors import FileError
from affectus.formats.text import read_text
from affectus.media.faults import Fault


@dataclass(frozen=True)
class Cue:
    """One subtitle.

    Args:
        start: Seconds.
        end: Seconds, half-open.
        text: Words in one line, without mark-up.
        speaker: Who says them, when the file tells.
    """

    start: float
    end: float
    text: str
    speaker: str | None = None


_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]*)>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")  # <i>, <00:01.000>, {\an8}
_NAMED = re.compile(r"(?P<name>[^\W\d_][\w .'’-]{0,30}):\s+(?P<words>\S.*)$", re.S)
_NUMBERED = re.compile(r"(?:speaker|person|voice|sprecher|interviewer|participant)[ _-]?\w{0,3}$", re.I)
_NO_NAMES = re.compile(
    "note|warning|attention|update|pp?s|edit|re|subject|breaking|spoiler|tip|fact|example|question|answer|q|a|https?",
    re.I,
)


def read_subtitles(path: Path | str, encoding: str | None = None, faults: list[Fault] | None = None) -> list[Cue]:
    """The cues of a subtitle file, by their start.

    Line ends of any kind, a byte-order mark, missing numbers, hours left out and `.` for `,` are taken as they come.
    Who speaks is told by `<v Name>`, or by a prefix `NAME:`; a prefix that is not in capitals counts only if it
    begins two cues or more.

    Args:
        path: .srt or .vtt.
        encoding: As in `text.read_text`.
        faults: Receives `encoding-guessed`, and `empty-text` for cues without words (they are left out).

    Raises:
        FileError: If it holds no cue or one is malformed (with its line).
    """
    path = Path(path)
    lines = read_text(path, encoding, faults).splitlines()
    if path.suffix.lower() == ".vtt" and not (lines and lines[0].startswith("WEBVTT")):
        raise FileError(
            f"{str(path)!r}, line 1: no WEBVTT header", remedy="write WEBVTT into the first line, or rename it to .srt"
        )
    cues = list(_cues(lines, str(path)))
    if not cues:
        raise FileError(f"{str(path)!r} holds no subtitle", allowed="lines like 00:00:01,000 --> 00:00:02,500")
    worded = _with_names([cue for cue in cues if cue.text])
    if faults is not None and len(worded) < len(cues):
        faults.append(Fault("empty-text", text=f"{len(cues) - len(worded)} cues without words"))
    return sorted(worded, key=lambda cue: cue.start)


def _cues(lines: list[str], name: str) -> Iterator[Cue]:
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if re.match(r"(?:NOTE|STYLE|REGION)\b", line) and not _follows_timing(lines, number):
            while number < len(lines) and lines[number].strip():  # a comment or style sheet reaches to the empty line
                number += 1
        elif "-->" in line:
            start, end = _timing(line, name, number)
            words: list[str] = []
            while number < len(lines) and lines[number].strip() and "-->" not in lines[number]:
                words.append(lines[number])
                number += 1
            if number < len(lines) and "-->" in lines[number] and words and words[-1].strip().isdigit():
                words.pop()  # the number of the next cue, whose empty line is missing
            yield from _voices(start, end, "\n".join(words))
        elif (
            line.strip()
            and not line.startswith("WEBVTT")
            and not _follows_timing(lines, number)
            and not _header(lines, number)
        ):
            raise FileError(
                f"{name}, line {number}: {line.strip()[:40]!r} belongs to no subtitle",
                remedy="mend or remove that line",
            )


def _follows_timing(lines: list[str], number: int) -> bool:
    return number < len(lines) and "-->" in lines[number]


def _header(lines: list[str], number: int) -> bool:
    """Whether the line belongs to the block of the WEBVTT line."""
    return bool(lines) and lines[0].startswith("WEBVTT") and all(line.strip() for line in lines[:number])


def _timing(line: str, name: str, number: int) -> tuple[float, float]:
    match = _TIMING.match(line)
    if not match:
        raise FileError(
            f"{name}, line {number}: {line.strip()[:60]!r} is no pair of times",
            allowed="00:00:01,000 --> 00:00:02,500",
            remedy="mend that line",
        )
    parts = match.groups()
    start, end = _seconds(parts[:4]), _seconds(parts[4:])
    if end < start:
        raise FileError(
            f"{name}, line {number}: the subtitle ends before it begins ({line.strip()[:60]!r})",
            remedy="mend that line",
        )
    return start, end


def _seconds(parts: Iterable[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = 3600 * int(hours or 0) + 60 * int(minutes or 0) + int(seconds or 0)
    return float(f"{whole}.{fraction or 0}")


def _voices(start: float, end: float, words: str) -> Iterator[Cue]:
    """One cue for each `<v Name>` in it, or one without a name."""
    marks = list(_VOICE.finditer(words))
    if not marks or words[: marks[0].start()].strip():
        yield Cue(start, end, _plain(words[: marks[0].start()] if marks else words))
    for i, mark in enumerate(marks):
        stop = marks[i + 1].start() if i + 1 < len(marks) else len(words)
        yield Cue(start, end, _plain(words[mark.end() : stop]), html.unescape(mark.group(1)).strip() or None)


def _plain(words: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", words)).split())


def _with_names(cues: list[Cue]) -> list[Cue]:
    """Take `NAME:` off the text where it is surely a name."""
    found = [_NAMED.match(cue.text) if cue.speaker is None else None for cue in cues]
    often = Counter(match["name"] for match in found if match)
    return [
        replace(cue, speaker=match["name"].strip(), text=match["words"])
        if match and _is_name(match["name"], often)
        else cue
        for cue, match in zip(cues, found, strict=True)
    ]


def _is_name(name: str, often: Counter[str]) -> bool:
    if _NO_NAMES.fullmatch(name.strip()) or len(name.split()) > 4:
        return False
    if _NUMBERED.match(name) or (name.isupper() and len(name) > 1):
        return True
    return often[name] >= 2 and all(word[0].isupper() for word in name.split()) and len(name.split()) <= 3
