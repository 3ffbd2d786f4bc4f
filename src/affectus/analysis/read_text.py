"""Texts, tables, subtitles and chats → a reading of each sentence, row, cue or turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice

from affectus import progress
from affectus.analysis.plan import Source
from affectus.analysis.read import Log, reader
from affectus.analysis.settings import Settings
from affectus.media import Kind
from affectus.roles import Explainer
from affectus.sample import Dialogue, Sample
from affectus.timeline import Timeline

_CHUNK = 512  # samples that are read at a time
EXPLAINED = 2000  # texts of one source whose words are left out in turn
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
    """Read samples of text in constant memory.

    Up to `EXPLAINED` of them are explained by the words whose absence changes the reading, at a reading a word;
    more are explained by what the reader gives for nothing. A language that it was not trained on is flagged.
    """
    parts, ordered = [], iter(samples)
    head = list(islice(ordered, EXPLAINED + 1))
    chosen = reader(settings.readers["text"])
    few = len(head) <= EXPLAINED and isinstance(chosen, Explainer)
    read = chosen.explain if few else chosen.read
    if not few and isinstance(chosen, Explainer):
        log.notes.append(
            f"more than {EXPLAINED} texts: words are weighed by their share in the score, not left out in turn"
        )
    ordered = chain(head, ordered)
    with progress.task("words", total) as advance:
        while chunk := list(islice(ordered, _CHUNK)):
            with log.stage("text"):
                parts.append(read(chunk))
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
