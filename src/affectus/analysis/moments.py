"""Key moments: where a person's reading changes most, and where it is strongest and most certain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from affectus.analysis.lanes import Lane, lanes
from affectus.timeline import Timeline

_DULL = {"neutral", "other", "no emotion", "something else"}
_LEAST_SHIFT = 0.15  # bits
_LEAST_P = 0.5


class Place(NamedTuple):
    """Where a picture of a moment would be taken: the middle of a timed reading, or a picture file as a whole."""

    source: str
    track: str
    seconds: float | None


@dataclass(frozen=True)
class Moment:
    """A reading worth looking at.

    Args:
        kind: `shift`: the reading differs much from the one before; `strong`: one label, held with certainty.
        row: Row in the timeline.
        before: Row that a shift departs from.
        size: Jensen–Shannon divergence in bits of a shift, probability over set size of a strong reading.
        lane: The lane that it stands in.
        at: Position in the lane.
    """

    kind: Literal["shift", "strong"]
    row: int
    before: int | None
    size: float
    lane: Lane
    at: int

    @property
    def place(self) -> Place:
        """Where to take a picture."""
        lane = self.lane
        middle = float(lane.start[self.at] + lane.end[self.at]) / 2
        return Place(lane.source, lane.track, round(middle, 3) if lane.timed else None)


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Jensen–Shannon divergence (Lin 1991) of the rows of two score arrays in bits, (n,) in [0, 1].

    Scores that do not sum to 1 are brought to that; NaN counts as 0.
    """
    p, q = (np.nan_to_num(np.asarray(x, np.float64)) for x in (p, q))
    p, q = (x / np.maximum(x.sum(axis=1, keepdims=True), 1e-12) for x in (p, q))
    middle = (p + q) / 2

    def towards(x: np.ndarray) -> np.ndarray:
        ratio = np.divide(x, middle, out=np.ones_like(x), where=x > 0)
        return (x * np.log2(ratio)).sum(axis=1)

    return np.clip((towards(p) + towards(q)) / 2, 0, 1)


def key_moments(timeline: Timeline | Sequence[Lane], limit: int = 6) -> list[Moment]:
    """The most telling readings of each source, at most `limit`, in order of time.

    Half of the places go to shifts and half to strong readings as far as there are any. Readings of a person who has
    fused ones count as fused when shifts are sought. Abstentions are no moments, and neutral readings no strong ones.

    Args:
        timeline: All readings, or their lanes.
        limit: Moments of each source.
    """
    found: dict[str, list[Lane]] = {}
    for lane in lanes(timeline) if isinstance(timeline, Timeline) else timeline:
        if lane.labelled:
            found.setdefault(lane.source, []).append(lane)
    return [moment for group in found.values() for moment in _of_source(group, limit)]


def _of_source(group: Sequence[Lane], limit: int) -> list[Moment]:
    fused = {lane.track for lane in group if lane.modality == "fused"}
    main = [lane for lane in group if lane.modality == "fused" or lane.track not in fused]
    changed = _best((m for lane in main for m in shifts(lane, 4 * limit)), limit, [])
    strong = _best((m for lane in group for m in _strong(lane, 4 * limit)), limit, [])
    chosen = changed[: max((limit + 1) // 2, limit - len(strong))]
    chosen += _best(strong, limit - len(chosen), chosen)
    return sorted(chosen, key=lambda m: (not m.lane.timed, m.lane.start[m.at], m.lane.track))


def shifts(lane: Lane, most: int) -> list[Moment]:
    """The largest changes of label from one decided reading of a lane to the next, at most so many."""
    usable = np.flatnonzero(lane.shown >= 0)
    if len(usable) < 2:
        return []
    before, after = usable[:-1], usable[1:]
    size = divergence(lane.scores[before], lane.scores[after])
    size = np.where(lane.shown[before] != lane.shown[after], size, 0)
    chosen = [i for i in np.argsort(-size, kind="stable")[:most] if size[i] >= _LEAST_SHIFT]
    return [
        Moment("shift", int(lane.rows[after[i]]), int(lane.rows[before[i]]), float(size[i]), lane, int(after[i]))
        for i in chosen
    ]


def _strong(lane: Lane, most: int) -> list[Moment]:
    dull = np.array([label in _DULL for label in lane.scale.labels] + [True])  # the last is "none shown"
    size = np.where(dull[lane.shown], 0, np.nan_to_num(lane.p)) / np.maximum(lane.set_size, 1)
    chosen = [i for i in np.argsort(-size, kind="stable")[:most] if lane.p[i] >= _LEAST_P and size[i] > 0]
    return [Moment("strong", int(lane.rows[i]), None, float(size[i]), lane, int(i)) for i in chosen]


def _best(candidates: Iterable[Moment], limit: int, beside: Sequence[Moment]) -> list[Moment]:
    """The largest that do not overlap one another or those `beside` in one person's time."""
    chosen: list[Moment] = []
    for moment in sorted(candidates, key=lambda m: -m.size):
        if len(chosen) == limit:
            break
        if not any(_same_time(moment, other) for other in (*chosen, *beside)):
            chosen.append(moment)
    return chosen


def _same_time(a: Moment, b: Moment) -> bool:
    if (a.lane.source, a.lane.track, a.lane.timed) != (b.lane.source, b.lane.track, b.lane.timed):
        return False
    return bool(a.lane.start[a.at] < b.lane.end[b.at] and b.lane.start[b.at] < a.lane.end[a.at])
