"""Texts, tables, subtitles and chats → a reading of each sentence, row, cue or turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, islice

from affectus import progress
from affectus.analysis.english import in_english
from affectus.analysis.plan import Source
from affectus.analysis.read import Log, reader
from affectus.analysis.read_dialogue import named, read_dialogues, spoken
from affectus.analysis.settings import Settings
from affectus.media import Kind
from affectus.roles import Explainer
from affectus.sample import Dialogue, Item, Sample, conversations, flatten
from affectus.timeline import Timeline

_CHUNK = 512  # samples that are read at a time
EXPLAINED = 2000  # texts of one source whose words are left out in turn


def read_text_source(source: Source, settings: Settings, log: Log) -> Timeline:
    """Read a file of words.

    Args:
        source: Text, table, subtitles or chat.
        settings: Column, renamed fields, language, reader.
        log: Receives times, faults and remarks.
    """
    from affectus.formats.read import read_samples

    kind, names = source.kind, dict(settings.rename)
    if names and kind is Kind.TABLE:
        kind = Kind.CHAT  # with its fields renamed it is one
        names |= {settings.text_column: "text"} if settings.text_column else {}
    items = read_samples(
        source.path,
        kind,
        text_column=settings.text_column if kind is Kind.TABLE else None,
        map=names if kind is Kind.CHAT else None,
        language=settings.language,
        faults=log.faults,
    )
    if kind in (Kind.CHAT, Kind.SUBTITLES):
        timeline = _conversations(list(items), source, settings, log)
    else:
        samples = (replace(sample, source=source.name) for sample in items if isinstance(sample, Sample))
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
    return in_english(Timeline.concat(parts), settings, log)


def _conversations(items: Iterable[Item], source: Source, settings: Settings, log: Log) -> Timeline:
    """Turns by their words alone, then in their conversation; the cues of subtitles are one.

    Each of several conversations in a file is a source of its own, `FILE#CONVERSATION`: what one person says in two of
    them is no course of anything, and their times may be the same.
    """
    talks = [item for item in conversations(items) if isinstance(item, Dialogue)]
    found = [named(talk, f"{source.name}#{talk.id}" if len(talks) > 1 else source.name) for talk in talks]
    words = read_words(flatten(found), settings, log, total=None)
    return Timeline.concat([words, read_dialogues([d for d in found if spoken(d)], settings, log)])
