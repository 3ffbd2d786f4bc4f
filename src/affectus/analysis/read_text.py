"""Texts, tables, subtitles and chats → a reading of each sentence, row, cue or turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from affectus import progress
from affectus.analysis.plan import Source
from affectus.analysis.read import Log, reader
from affectus.analysis.settings import Settings
from affectus.media import Kind
from affectus.sample import Dialogue, Sample
from affectus.timeline import Timeline

_CHUNK = 1024  # samples that are held and read at a time
ENGLISH = "en"


def read_text_source(source: Source, settings: Settings, log: Log) -> Timeline:
    """Read a file of words.

    Args:
        source: Text, table, subtitles or chat.
        settings: Column, renamed fields, language, reader.
        log: Receives times, faults and remarks.
    """
    from affectus.formats.read import read_samples

    kind = source.kind
    if settings.rename and kind is Kind.TABLE and source.path.suffix.lower() == ".jsonl":
        kind = Kind.CHAT  # with its fields renamed it is one
    items = read_samples(
        source.path,
        kind,
        text_column=settings.text_column if kind is Kind.TABLE else None,
        map=settings.rename if kind is Kind.CHAT else None,
        language=settings.language,
        faults=log.faults,
    )
    samples = (replace(sample, source=source.name) for sample in _turns(items))
    timeline = read_words(samples, settings, log, total=None)
    if not len(timeline):
        log.notes.append("there is no text in it")
    return timeline


def read_words(samples: Iterable[Sample], settings: Settings, log: Log, total: float | None) -> Timeline:
    """Read samples of text in constant memory; a language that the reader was not trained on is flagged."""
    parts, ordered = [], iter(samples)
    with progress.task("words", total) as advance:
        while chunk := list(islice(ordered, _CHUNK)):
            with log.stage("text"):
                parts.append(reader(settings.readers["text"]).read(chunk))
            advance(len(chunk))
    timeline = Timeline.concat(parts)
    language = (settings.language or ENGLISH).lower()
    if language.split("-")[0] != ENGLISH and len(timeline):
        log.notes.append(f"the text reader was trained on English; its readings of {settings.language!r} are flagged")
        flags = [[*(row or ()), f"language:{language}"] for row in timeline.column("flags")]
        timeline = timeline.set_column("flags", flags)
    return timeline


def _turns(items: Iterable[Sample | Dialogue]) -> Iterator[Sample]:
    for item in items:
        yield from item.turns if isinstance(item, Dialogue) else (item,)
