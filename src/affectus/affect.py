"""`Affect`: one reading, the view of one row of a `Timeline`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from affectus.taxonomy import Perspective, scale


@dataclass(frozen=True)
class Evidence:
    """What moved a reading.

    Args:
        kind: `word`, `span` (a stretch of time), `frame`, `speaker`, `map` (a scale or perspective was mapped),
            `cause` (a turn that brought the emotion about), …
        start: Seconds, or None where time has no meaning.
        end: Seconds, half-open.
        text: The word, the name of the map, a measured quantity.
        weight: Signed contribution to the first target's highest label; its unit is stated by the reader's page.
        item: Row, turn or picture of the source that is meant, where it is another than the reading's own.
    """

    kind: str
    start: float | None = None
    end: float | None = None
    text: str | None = None
    weight: float | None = None
    item: int | None = None


@dataclass(frozen=True)
class Affect:
    """One reading: scores on named scales, whose feeling they speak of, and why.

    What the reader did not give is absent.

    Args:
        scores: Scale name → label → score; a label without an opinion is missing.
        target: The reader's first target: the scale that `top` and `labels` speak of.
        perspective: Whose feeling it is.
        by: Checkpoint or rater.
        modality: `text`, `voice`, `face`, `fused`, …
        source: File or other origin.
        track: Speaker, face or channel.
        item: Row, turn or picture within the source.
        start: Seconds, or None where time has no meaning.
        end: Seconds, half-open.
        text: What was read, when it was text.
        words: Free descriptive words.
        evidence: What moved the reading.
        flags: Machine-readable warnings, for example `abstained:out-of-distribution`.
        decided: Scale name → decided labels; empty when the reader abstained.
        sets: Scale name → conformal set.
        sd: Scale name → label → standard deviation.
    """

    scores: Mapping[str, Mapping[str, float]]
    target: str | None
    perspective: Perspective | None
    by: str | None = None
    modality: str | None = None
    source: str | None = None
    track: str | None = None
    item: int | None = None
    start: float | None = None
    end: float | None = None
    text: str | None = None
    words: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    flags: tuple[str, ...] = ()
    decided: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sd: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def top(self) -> str | None:
        """The label with the highest score on the first target; None on a level or an unread row."""
        if self.target is None or scale(self.target).kind == "level":
            return None
        row = {k: v for k, v in self.scores.get(self.target, {}).items() if not math.isnan(v)}
        return max(row, key=row.__getitem__) if row else None

    @property
    def labels(self) -> tuple[str, ...]:
        """The decided labels on the first target; empty when the reader abstained or decides nothing."""
        return self.decided.get(self.target, ()) if self.target else ()

    @property
    def abstained(self) -> bool:
        """Whether the reader declined to decide."""
        return any(flag.startswith("abstained") for flag in self.flags)
