"""Readings of English words, where the words are of another language."""

from __future__ import annotations

from affectus.analysis.read import Log
from affectus.analysis.settings import Settings
from affectus.timeline import Timeline

ENGLISH = "en"


def in_english(timeline: Timeline, settings: Settings, log: Log) -> Timeline:
    """The readings of a reader of English words, flagged where the words are of another language."""
    language = (settings.language or ENGLISH).lower()
    if language.split("-")[0] == ENGLISH or not len(timeline):
        return timeline
    log.notes.append(f"the text reader was trained on English; its readings of {settings.language!r} are flagged")
    flags = [[*(row or ()), f"language:{language}"] for row in timeline.column("flags")]
    return timeline.set_column("flags", flags)
