"""Readings as tiers of segments: what ELAN, Praat and WebVTT have in common."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from affectus.affect import Affect
from affectus.taxonomy import scale
from affectus.timeline import Timeline

_SPOKEN_LEVELS = 4
"""A level scale with more labels than this is a rig or a set of action units: curves, not a caption."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]+")


@dataclass(frozen=True, order=True)
class Segment:
    """One reading as a labelled stretch of time.

    Args:
        start: Milliseconds.
        end: Milliseconds, always after `start`.
        label: Decided labels with their probabilities, on one line.
        text: What was said, on one line; empty when nothing was.
        valence: Valence on its own scale, if the reader gave one.
    """

    start: int
    end: int
    label: str
    text: str = ""
    valence: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Tier:
    """Segments of one track, modality and reader that do not overlap."""

    name: str
    track: str
    modality: str
    by: str
    segments: tuple[Segment, ...]


def one_line(text: str | None) -> str:
    """Text without line breaks and control characters, which tier formats can't hold."""
    return " ".join(_UNPRINTABLE.sub(" ", text or "").split())


def caption(affect: Affect) -> str:
    """The reading in a few words: `joy 0.82, gratitude 0.41`, `abstained`, `valence 0.30`; empty if it has none."""
    if affect.abstained:
        return "abstained"
    target = affect.target
    if target is None or target not in affect.scores:
        return ""
    row = affect.scores[target]
    if scale(target).kind == "level":
        names = tuple(row) if len(scale(target)) <= _SPOKEN_LEVELS else ()
    else:
        names = affect.labels or ((affect.top,) if affect.top else ())
    return one_line(", ".join(f"{name} {row[name]:.2f}" if name in row else name for name in names))


def _valence(affect: Affect) -> float | None:
    for row in affect.scores.values():
        if "valence" in row:
            return row["valence"]
    return None


def _segment(affect: Affect) -> Segment | None:
    """The reading on the time axis, or None if it has no place there or nothing to say in words."""
    start, end, label = affect.start, affect.end, caption(affect)
    if start is None or end is None or not label or not (math.isfinite(start) and math.isfinite(end)) or end <= 0:
        return None
    first = max(0, round(start * 1000))
    return Segment(first, max(first + 1, round(end * 1000)), label, one_line(affect.text), _valence(affect))


def left_out(timeline: Timeline) -> int:
    """How many readings ELAN, Praat and WebVTT can't hold: those without a time, and rig curves without a label."""
    return sum(_segment(affect) is None for affect in timeline)


def tiers(timeline: Timeline) -> list[Tier]:
    """Tiers of one source: one for each track, modality and reader, and a further one where readings overlap."""
    groups: dict[tuple[str, str, str], list[Segment]] = {}
    for affect in timeline:
        segment = _segment(affect)
        if segment is not None:
            key = (one_line(affect.track), one_line(affect.modality), one_line(affect.by))
            groups.setdefault(key, []).append(segment)
    readers: dict[tuple[str, str], set[str]] = {}
    for track, modality, by in groups:
        readers.setdefault((track, modality), set()).add(by)
    out: list[Tier] = []
    taken: set[str] = set()
    for (track, modality, by), segments in sorted(groups.items()):
        shared = len(readers[track, modality]) > 1
        base = " ".join(part for part in (track, modality, f"({by})" if shared and by else "") if part) or "readings"
        for layer in _layers(segments):
            name = next(name for name in _numbered(base) if name not in taken)
            taken.add(name)
            out.append(Tier(name, track, modality, by, tuple(layer)))
    return out


def _numbered(base: str) -> Iterable[str]:
    yield base
    number = 2
    while True:
        yield f"{base} #{number}"
        number += 1


def _layers(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Split into as few layers as have no overlap (first fit over the start times)."""
    layers: list[list[Segment]] = []
    for segment in sorted(segments):
        free = next((layer for layer in layers if layer[-1].end <= segment.start), None)
        if free is None:
            layers.append([segment])
        else:
            free.append(segment)
    return layers
