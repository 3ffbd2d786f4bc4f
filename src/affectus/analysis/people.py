"""Whose voice belongs to whose face: readings of one person get one track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from affectus.timeline import Timeline


@dataclass(frozen=True)
class Person:
    """A person in one source.

    Args:
        name: Track of all their readings.
        speaker: Track of the voice, None if they were never heard.
        face: Track of the face, None if they were never seen.
        reason: Why voice and face were joined.
    """

    name: str
    speaker: str | None
    face: str | None
    reason: str = ""


def name_people(speakers: Sequence[str], faces: Sequence[str], joined: Mapping[str, tuple[str, str]]) -> list[Person]:
    """Give one name to each person: heard and seen, only heard, only seen, in this order.

    Args:
        speakers: Tracks of voices, in order of appearance.
        faces: Tracks of faces, in order of appearance.
        joined: Speaker → (face, reason).
    """
    pairs: list[tuple[str | None, str | None, str]] = [(s, *joined[s]) for s in speakers if s in joined]
    pairs += [(s, None, "") for s in speakers if s not in joined]
    seen = {face for _, face, _ in pairs}
    pairs += [(None, f, "") for f in faces if f not in seen]
    return [Person(f"person-{i}", s, f, reason) for i, (s, f, reason) in enumerate(pairs, 1)]


def rename(timeline: Timeline, people: Sequence[Person]) -> Timeline:
    """Replace tracks of voices and faces by the names of their persons; other tracks stay."""
    to = {track: p.name for p in people for track in (p.speaker, p.face) if track}
    return timeline.set_column("track", [to.get(track, track) for track in timeline.column("track")])
