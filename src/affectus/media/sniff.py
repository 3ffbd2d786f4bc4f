"""What kind of file this is: the content decides, and a suffix that says otherwise is an error."""

from __future__ import annotations

import json
from pathlib import Path

from affectus.errors import FileError, suggest
from affectus.media import signature
from affectus.media.files import head
from affectus.media.signature import Format, Kind, identify_bytes

SUFFIXES: dict[str, Kind] = {
    ".txt": Kind.TEXT,
    ".md": Kind.TEXT,
    ".csv": Kind.TABLE,
    ".tsv": Kind.TABLE,
    ".jsonl": Kind.TABLE,
    ".parquet": Kind.TABLE,
    ".srt": Kind.SUBTITLES,
    ".vtt": Kind.SUBTITLES,
    ".wav": Kind.AUDIO,
    ".flac": Kind.AUDIO,
    ".mp3": Kind.AUDIO,
    ".ogg": Kind.AUDIO,
    ".opus": Kind.AUDIO,
    ".m4a": Kind.AUDIO,
    ".jpg": Kind.IMAGE,
    ".jpeg": Kind.IMAGE,
    ".png": Kind.IMAGE,
    ".webp": Kind.IMAGE,
    ".mp4": Kind.VIDEO,
    ".mov": Kind.VIDEO,
    ".mkv": Kind.VIDEO,
    ".webm": Kind.VIDEO,
}
"""Every suffix that can be read, with the kind that it promises: a `.jsonl` may be a chat, a `.mp4` sound."""


def sniff(path: Path | str) -> Kind:
    """The kind of a file, from its content and its suffix together.

    A `.jsonl` whose rows have `speaker` and `text` is a chat, else a table; a video container of sound alone is audio.

    Raises:
        FileError: If the file is missing, unreadable, empty or a folder, if its suffix is unknown or contradicts its
            content, or if a container has neither sound nor pictures.
    """
    path = Path(path)
    data = head(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        form = identify_bytes(data)
        what = f"{str(path)!r} has the suffix {suffix!r}" if suffix else f"{str(path)!r} has no suffix"
        near = suggest(suffix, form.suffixes or SUFFIXES)
        hint = (
            f"it holds {form.noun}; rename it to {path.with_suffix(form.suffixes[0]).name!r}" if form.suffixes else ""
        )
        raise FileError(what, allowed=" ".join(SUFFIXES), remedy=near or hint or "convert it to one of these")
    form = identify_bytes(data)
    if suffix not in form.suffixes:
        raise _contradiction(path, form)
    if form.demuxer:
        return _sniff_streams(path, suffix, form)
    if suffix == ".jsonl" and _is_chat(data):
        return Kind.CHAT
    return SUFFIXES[suffix]


def _contradiction(path: Path, form: Format, noun: str = "", suffix: str = "") -> FileError:
    suffix = suffix or (form.suffixes[0] if form.suffixes else "")
    if form is signature.TEXT:
        remedy = "give it the suffix of what it is (.txt, .csv, .jsonl, .srt …), or record or export the file again"
    elif suffix:
        remedy = f"rename it to {path.with_suffix(suffix).name!r}"
    elif form in (signature.BINARY, signature.EMPTY):
        remedy = "copy or export the file again"
    else:
        remedy = f"convert it to {path.suffix.lower()}"
    where = f" (in {str(path.parent)!r})" if path.parent != Path() else ""
    what = f"{path.name!r} holds {noun or form.noun}, not what its suffix {path.suffix!r} says{where}"
    return FileError(what, remedy=remedy)


def _sniff_streams(path: Path, suffix: str, form: Format) -> Kind:
    from affectus.media.probe import probe

    info = probe(path)
    promised = SUFFIXES[suffix]
    if info.video is None:
        return Kind.AUDIO
    if promised is Kind.AUDIO:
        if form is signature.OGG:
            raise FileError(f"{path.name!r} holds Ogg video, not sound", remedy="convert it to .webm or .mp4")
        raise _contradiction(path, form, noun="video", suffix=".mp4")
    return Kind.VIDEO


def _is_chat(data: bytes) -> bool:
    """Whether the first row of JSON lines has a speaker and a text."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    for line in data.decode(encoding, errors="replace").splitlines():
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                return False
            return isinstance(row, dict) and {"speaker", "text"} <= row.keys()
    return False
