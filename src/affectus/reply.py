"""`Reply`: what an agent answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from affectus.affect import Affect
from affectus.sample import Media
from affectus.timeline import Timeline


@dataclass(frozen=True)
class Reply:
    """An answer, the feeling it is meant to show, and why.

    Args:
        text: What is said.
        intended: The feeling that the answer should show.
        reasons: Steps that led to it, in order.
        by: Part of the answer → model that made it.
        seconds: Part of the work → seconds it took.
        speech: Spoken answer.
        motion: Face in motion, a timeline on a rig scale.
    """

    text: str
    intended: Affect | None = None
    reasons: tuple[str, ...] = ()
    by: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    speech: Media | None = None
    motion: Timeline | None = None
