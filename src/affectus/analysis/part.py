"""`Part`: what is known of one source after reading it."""

from __future__ import annotations

from dataclasses import dataclass, field

from affectus.analysis.plan import Source
from affectus.timeline import Timeline


@dataclass(frozen=True)
class Part:
    """What is known of one source after reading it.

    Args:
        source: The file.
        timeline: Its readings.
        seconds: Working seconds of each stage.
        notes: Remarks for people: faults of the file, words that were not read, who was joined with whom.
    """

    source: Source
    timeline: Timeline
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
