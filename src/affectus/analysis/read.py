"""One source → its readings: which stages a file goes through follows from what it holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from affectus.analysis.part import Part
from affectus.analysis.plan import Source
from affectus.analysis.settings import Settings
from affectus.media import Fault, Kind
from affectus.timeline import Timeline


@dataclass
class Log:
    """What is noted while a source is read.

    Args:
        seconds: Working seconds of each stage.
        faults: Of the file.
        notes: Remarks for people.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin

    def remarks(self) -> tuple[str, ...]:
        """Notes, then faults with their place."""
        return tuple(dict.fromkeys([*self.notes, *(_describe(fault) for fault in self.faults)]))


def _describe(fault: Fault) -> str:
    where = (
        ""
        if fault.start is None
        else f" at {fault.start:.1f}" + ("" if fault.end is None else f"–{fault.end:.1f}") + " s"
    )
    return f"{fault.kind}{where}" + (f": {fault.text}" if fault.text else "")


@cache
def reader(name: str) -> Any:
    """A checkpoint, loaded once a process."""
    from affectus.registry import load

    return load(name)


def read_source(source: Source, settings: Settings) -> Part:
    """Read one file.

    Args:
        source: As found by `collect`.
        settings: Choices of the user.

    Raises:
        FileError: If the file can't be read.
        AssetError: If a model is missing.
    """
    from affectus.analysis.read_media import read_media
    from affectus.analysis.read_text import read_text_source

    log = Log()
    if source.kind in (Kind.AUDIO, Kind.VIDEO):
        timeline = read_media(source, settings, log)
    elif source.kind is Kind.IMAGE:
        timeline = _read_image(source, settings, log)
    else:
        timeline = read_text_source(source, settings, log)
    return Part(source, timeline, log.seconds, log.remarks())


def _read_image(source: Source, settings: Settings, log: Log) -> Timeline:
    from affectus.analysis.people import name_people, rename
    from affectus.media import read_image
    from affectus.sample import Media, Sample

    with log.stage("image"):
        picture = read_image(source.path, log.faults)
    with log.stage("face"):
        sample = Sample(id=source.name, source=source.name, media=Media("image", array=picture))
        timeline: Timeline = reader(settings.readers["face"]).read([sample])
    tracks = [t for t in dict.fromkeys(timeline.column("track")) if t]
    if not tracks:
        log.notes.append("no face was found")
    return rename(timeline, name_people([], tracks, {}))
