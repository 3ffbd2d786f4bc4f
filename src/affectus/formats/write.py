"""One call for all output formats: the suffix chooses."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from affectus.atomic import make_folder
from affectus.errors import InputError, suggest
from affectus.formats.csv import write_csv
from affectus.formats.eaf import write_eaf
from affectus.formats.jsonl import write_jsonl
from affectus.formats.parquet import write_parquet
from affectus.formats.textgrid import write_textgrid
from affectus.formats.tiers import left_out
from affectus.formats.webvtt import write_vtt
from affectus.timeline import Timeline

FORMATS: Mapping[str, str] = {
    "parquet": ".parquet",
    "csv": ".csv",
    "jsonl": ".jsonl",
    "eaf": ".eaf",
    "textgrid": ".TextGrid",
    "vtt": ".vtt",
}
"""Names of the output formats → the suffix of their files."""

_WRITERS: Mapping[str, Callable[[Timeline, Path], Path]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "jsonl": write_jsonl,
    "eaf": write_eaf,
    "textgrid": write_textgrid,
    "vtt": write_vtt,
}

TIERED = ("eaf", "textgrid", "vtt")
"""Formats that describe one recording: they hold timed readings only, and a file for each source."""


def write(timeline: Timeline, path: str | Path, *, media: Mapping[str, Path] | None = None) -> Path:
    """Write a timeline; the suffix chooses the format (.parquet .csv .jsonl .eaf .TextGrid .vtt).

    ELAN, TextGrid and WebVTT describe one recording and hold timed readings only (`left_out` counts the others). With
    several sources that have timed readings, `results.eaf` becomes a folder `results` with one file for each of them,
    named like the source.

    Args:
        timeline: What to write.
        path: File to write; its folder is created.
        media: Source → the file that was read, so that ELAN finds it. Without it the source's name is linked.

    Returns:
        The file, or the folder that holds the files.

    Raises:
        InputError: If the suffix names no format.
        OutputError: If there is no permission or no space.
    """
    path = Path(path)
    name = path.suffix.lower().lstrip(".")
    if name not in FORMATS:
        raise InputError(
            f"{path.name!r} names no output format",
            allowed=" ".join(FORMATS.values()),
            remedy=suggest(name, FORMATS) or "choose one of these suffixes",
        )
    if name not in TIERED:
        return _WRITERS[name](timeline, path)
    sources = _timed_sources(timeline)
    if len(sources) <= 1:
        return _write_tiers(timeline, path, name, sources[0] if sources else None, media or {})
    folder = make_folder(path.with_suffix(""))
    for source, file in zip(sources, _file_names(sources), strict=True):
        part = timeline.where(source=source)
        _write_tiers(part, folder / f"{file}{FORMATS[name]}", name, source, media or {})
    return folder


def _write_tiers(timeline: Timeline, path: Path, name: str, source: str | None, media: Mapping[str, Path]) -> Path:
    if name == "eaf":
        return write_eaf(timeline, path, media.get(source or "", source))
    return _WRITERS[name](timeline, path)


def _timed_sources(timeline: Timeline) -> list[str | None]:
    import pyarrow.compute as pc

    timed = timeline.table.filter(pc.is_valid(timeline.table["start"]))
    names: list[str | None] = pc.unique(timed["source"]).to_pylist()
    return sorted(names, key=lambda name: name or "")


def _file_names(sources: Sequence[str | None]) -> list[str]:
    """A file name without suffix for each source: safe, distinct (also where case is ignored), as short as can be."""
    stems = [_safe(Path(source or "").stem) for source in sources]
    counts: dict[str, int] = {}
    for stem in stems:
        counts[stem.lower()] = counts.get(stem.lower(), 0) + 1
    out: list[str] = []
    for source, stem in zip(sources, stems, strict=True):
        name = stem
        if counts[stem.lower()] > 1 or not stem:
            name = f"{_safe(source or '')[-80:]}-{hashlib.sha256((source or '').encode()).hexdigest()[:8]}"
        out.append(name)
    return out


def _safe(name: str) -> str:
    """Letters, digits and harmless signs of any script; at most 100 characters."""
    return re.sub(r"[^\w\-. ()]+", "_", name).strip(" ._")[:100].encode("utf-8")[:200].decode("utf-8", "ignore")


__all__ = ["FORMATS", "TIERED", "left_out", "write"]
