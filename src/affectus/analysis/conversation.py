"""What a conversation as a whole shows: how each person's reading flows, where it shifts, and who moved whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from affectus.analysis import drawing
from affectus.analysis.lanes import Lane
from affectus.analysis.moments import Moment, shifts
from affectus.timeline import Timeline

MODALITY = "dialogue"
INFLUENCES = ("inertia", "contagion")
MOST_PEOPLE = 12  # whose flow is drawn
MOST_SHIFTS = 8
_MOST_PAIRS = 12


@dataclass(frozen=True)
class Influence:
    """How far the readings of one person were moved by the turns before.

    Args:
        kind: `inertia`: by the person's own; `contagion`: by that of who just spoke.
        of: Whose turns before they are.
        on: Whose readings are moved.
        bits: Mean over the turns, see `affectus.nn.influence`.
        turns: How many.
    """

    kind: str
    of: str
    on: str
    bits: float
    turns: int


@dataclass(frozen=True)
class Conversation:
    """A conversation as the report shows it.

    Args:
        flow: Picture: for each person the shares of the labels turn by turn, shifts marked.
        left_out: People who are not drawn.
        shifts: The largest shifts, in order of time.
        influences: The largest first, those of inertia before those of contagion.
    """

    flow: Markup
    left_out: int
    shifts: Sequence[Moment]
    influences: Sequence[Influence]


def conversation(timeline: Timeline, own: Sequence[Lane], seconds: float | None = None) -> Conversation | None:
    """What the readings of turns in their conversation show together; None if there are none.

    Args:
        timeline: All readings.
        own: Lanes of one source.
        seconds: Length of the source.
    """
    people = [lane for lane in own if lane.modality == MODALITY and lane.labelled and lane.track]
    people = [lane for lane in people if lane.timed is people[0].timed and lane.by == people[0].by]
    if not people or sum(map(len, people)) < 2:
        return None
    most = sorted(people, key=lambda lane: (-len(lane), lane.track))[:MOST_PEOPLE]
    drawn = sorted(most, key=lambda lane: float(lane.start[0]))  # in the order in which they enter
    first, last = min(float(lane.start.min()) for lane in people), max(float(lane.end.max()) for lane in people)
    span = drawing.whole(first, last, seconds if people[0].timed else None)
    found = [moment for lane in people for moment in shifts(lane, MOST_SHIFTS)]
    largest = sorted(found, key=lambda moment: -moment.size)[:MOST_SHIFTS]
    return Conversation(
        flow=drawing.flow(drawn, span, {moment.row for moment in found}),
        left_out=len(people) - len(drawn),
        shifts=sorted(largest, key=lambda moment: float(moment.lane.start[moment.at])),
        influences=influences(timeline[np.concatenate([lane.rows for lane in people])]),
    )


def influences(readings: Timeline) -> list[Influence]:
    """Mean influence between people, from the evidence of the readings of their turns."""
    held: dict[tuple[str, str, str], list[float]] = {}
    for track, evidence in zip(readings.column("track"), readings.column("evidence"), strict=True):
        for row in evidence if evidence is not None else ():
            if row["kind"] in INFLUENCES and row["weight"] is not None:
                held.setdefault((row["kind"], row["text"] or "", track or ""), []).append(row["weight"])
    found = [Influence(*key, float(np.mean(bits)), len(bits)) for key, bits in held.items()]
    ordered = sorted(found, key=lambda i: (INFLUENCES.index(i.kind), -i.bits, i.of, i.on))
    return [i for kind in INFLUENCES for i in [i for i in ordered if i.kind == kind][:_MOST_PAIRS]]
