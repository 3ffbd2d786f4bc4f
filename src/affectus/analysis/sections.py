"""One source in the report: its pictures, key moments and words."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from markupsafe import Markup

from affectus.affect import Affect
from affectus.analysis import drawing
from affectus.analysis.conversation import INFLUENCES, Conversation, conversation
from affectus.analysis.distribution import Distribution, distribution
from affectus.analysis.lanes import Lane
from affectus.analysis.moments import Moment, Place, key_moments
from affectus.analysis.palette import family
from affectus.analysis.plot import figure
from affectus.analysis.quotes import shaded
from affectus.timeline import Timeline

MOST_PEOPLE = 12  # persons of one source that are drawn
MOST_QUOTES = 60  # words of one source that are listed
MOST_MOMENTS = 6
_MOST_PANELS = 8  # lanes up to which distributions are shown for each person
_MOST_PLANES = 3
_LEAST_INFLUENCE = 0.01  # bits; less moves nothing that anybody would see


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a file apart from its readings.

    Args:
        name: As in the timeline's `source`.
        kind: text, table, subtitles, chat, audio, video, image.
        seconds: Length of a medium.
        notes: Remarks for people: faults of the file, words that were not read, who was joined with whom.
        file: The file that holds it, where it is one conversation of several.
    """

    name: str
    kind: str
    seconds: float | None = None
    notes: tuple[str, ...] = ()
    file: str = ""


@dataclass(frozen=True)
class Chip:
    """A label in the colour of its family, with its probability as text."""

    label: str
    family: str
    p: str = ""


@dataclass(frozen=True)
class MomentShown:
    """A key moment as it is shown; see `affectus.analysis.moments.Moment`."""

    kind: str
    source: str
    who: str
    where: str
    modality: str
    before: Chip | None
    now: Chip
    among: str
    quote: Markup
    because: tuple[str, ...]
    picture: str


@dataclass(frozen=True)
class Quote:
    """Words that were read, with their reading."""

    where: str
    who: str
    text: Markup
    labels: tuple[Chip, ...]
    among: str
    flags: tuple[str, ...]


@dataclass
class Section:
    """Everything that the page shows of one source."""

    id: str
    info: SourceInfo
    facts: list[str]
    readings: int = 0
    derived: bool = False
    merged: bool = False
    people: list[tuple[str, list[Markup]]] = field(default_factory=list)
    people_left_out: int = 0
    conversation: Conversation | None = None
    shifts: list[MomentShown] = field(default_factory=list)
    planes: list[tuple[str, Markup]] = field(default_factory=list)
    distributions: list[tuple[str, Markup, Distribution]] = field(default_factory=list)
    moments: list[MomentShown] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)
    quotes_left_out: int = 0
    figure: Markup | None = None

    @property
    def speakers(self) -> bool:
        """Whether it is known of any words who said them."""
        return any(quote.who for quote in self.quotes)

    @property
    def moved(self) -> bool:
        """Whether anything is known of what moved the readings that shifted."""
        return any(moment.because for moment in self.shifts)


class Sections:
    """Makes the sections of a timeline.

    Args:
        timeline: All readings.
        found: Their lanes.
        thumbnails: `Moment.place` → JPEG.
    """

    def __init__(self, timeline: Timeline, found: Sequence[Lane], thumbnails: Mapping[Place, bytes]) -> None:
        self.timeline, self.thumbnails = timeline, thumbnails
        self.by_source: dict[str, list[Lane]] = {}
        for lane in found:
            self.by_source.setdefault(lane.source, []).append(lane)

    def make(self, number: int, info: SourceInfo, *, explore: bool) -> Section:
        """The section of one source.

        Args:
            number: Its place on the page, from 1.
            info: The source.
            explore: Whether to add the zoomable figure.
        """
        own = self.by_source.get(info.name, [])
        labelled = [lane for lane in own if lane.labelled]
        people = {lane.track for lane in own if lane.track}
        readings = sum(len(lane) for lane in labelled)
        facts = [info.kind, drawing.length(info.seconds) if info.seconds else "", _count(len(people), "person")]
        section = Section(f"source-{number}", info, [f for f in (*facts, _count(readings, "reading")) if f], readings)
        if not own:
            return section
        section.derived = any(lane.derived for lane in own)
        section.merged = any(len(lane) > drawing.MOST_BARS for lane in own)
        self._draw_people(section, own)
        section.conversation = conversation(self.timeline, own, info.seconds)
        if section.conversation is not None:
            section.shifts = self.moments(section.conversation.shifts)
        for name, lane in _by_modality(labelled):
            mean = distribution(lane)
            if mean.readings:
                section.distributions.append((name, drawing.distribution_bars(mean, lane.scale.name), mean))
        found = key_moments(own, MOST_MOMENTS)
        if readings > 2 or any(m.place in self.thumbnails for m in found):
            section.moments = self.moments(found)
        self._add_quotes(section, [lane for lane in labelled if lane.modality == "text"])
        if explore:
            section.figure = _json(figure(own))
        return section

    def moments(self, found: Sequence[Moment]) -> list[MomentShown]:
        """Key moments as they are shown."""
        affects = self._affects([m.row for m in found])
        said = [self._said(m, affect) for m, affect in zip(found, affects, strict=True)]
        rows = sorted({row for row in said if row is not None})
        words = dict(zip(rows, self._affects(rows), strict=True))
        return [
            self._moment(moment, affect, words[row] if row is not None else None)
            for moment, affect, row in zip(found, affects, said, strict=True)
        ]

    def _affects(self, rows: Sequence[int]) -> list[Affect]:
        return list(self.timeline[np.array(rows, int)]) if rows else []

    def _draw_people(self, section: Section, own: Sequence[Lane]) -> None:
        tracks = _by_readings(own)
        section.people_left_out = max(0, len(tracks) - MOST_PEOPLE)
        spans = {}
        for timed in {lane.timed for lane in own}:
            last = max(float(lane.end.max()) for lane in own if lane.timed is timed)
            first = min(float(lane.start.min()) for lane in own if lane.timed is timed)
            spans[timed] = drawing.whole(first, last, section.info.seconds if timed else None)
        for track in tracks[:MOST_PEOPLE]:
            pictures = []
            for timed in (True, False):
                mine = [lane for lane in own if lane.track == track and lane.timed is timed]
                if any(len(lane) > 1 or timed for lane in mine):  # a single reading has no course
                    pictures.append(drawing.person_timeline(mine, spans[timed]))
                plane = drawing.affect_plane([lane for lane in mine if len(lane) > 1])
                if plane is not None and len(section.planes) < _MOST_PLANES:
                    section.planes.append((track, plane))
            if pictures:
                section.people.append((track, pictures))

    def _add_quotes(self, section: Section, texts: Sequence[Lane]) -> None:
        places = [(not lane.timed, lane.start[i], lane, i) for lane in texts for i in range(len(lane))]
        places.sort(key=lambda place: place[:2])
        section.quotes_left_out = max(0, len(places) - MOST_QUOTES)
        places = places[:MOST_QUOTES]
        affects = self._affects([int(lane.rows[i]) for *_, lane, i in places])
        for (_, _, lane, i), affect in zip(places, affects, strict=True):
            if affect.text:
                section.quotes.append(
                    Quote(
                        where=drawing.when(lane, i),
                        who=lane.track,
                        text=shaded(affect.text, affect.evidence),
                        labels=_chips(affect, lane.scale.name),
                        among=_among(affect),
                        flags=tuple(f for f in affect.flags if not f.startswith(("derived:", "abstained:low"))),
                    )
                )

    def _said(self, moment: Moment, affect: Affect) -> int | None:
        """Row of the words of a moment: its own, else what the same person said most of its time."""
        if affect.text:
            return moment.row
        start, end = moment.lane.start[moment.at], moment.lane.end[moment.at]
        best: tuple[float, int] | None = None
        for lane in self.by_source[moment.lane.source]:
            if lane.modality == "text" and (lane.track, lane.timed) == (moment.lane.track, moment.lane.timed):
                shared = np.minimum(lane.end, end) - np.maximum(lane.start, start)
                at = int(shared.argmax())
                if shared[at] > 0 and (best is None or shared[at] > best[0]):
                    best = (float(shared[at]), int(lane.rows[at]))
        return best[1] if best else None

    def _moment(self, moment: Moment, affect: Affect, said: Affect | None) -> MomentShown:
        lane = moment.lane
        of = lane.scale

        def chip(row: int, p: str = "") -> Chip:
            label = of.labels[lane.shown[row]]
            return Chip(label, family(label, of.name), p)

        before = int(np.flatnonzero(lane.rows == moment.before)[0]) if moment.before is not None else None
        picture = self.thumbnails.get(moment.place)
        return MomentShown(
            kind=moment.kind,
            source=lane.source,
            who=lane.track,
            where=drawing.when(lane, moment.at),
            modality=lane.modality,
            before=chip(before) if before is not None else None,
            now=chip(moment.at, f"{lane.p[moment.at]:.2f}"),
            among=_among(affect),
            quote=shaded(said.text, said.evidence) if said and said.text else Markup(""),
            because=_because(affect),
            picture=f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}" if picture else "",
        )


def joined(group: Sequence[Lane]) -> Lane:
    """Several lanes on one scale as one, in order of time."""
    if len(group) == 1:
        return group[0]
    names = ("rows", "start", "end", "scores", "shown", "set_size", "abstained", "affect")
    order = np.argsort(np.concatenate([lane.start for lane in group]), kind="stable")
    columns: dict[str, Any] = {name: np.concatenate([getattr(lane, name) for lane in group])[order] for name in names}
    return replace(group[0], track="", **columns)


def _by_modality(own: Sequence[Lane]) -> list[tuple[str, Lane]]:
    """Lanes to show the distribution of: for each person and modality, or for each modality where that is too much."""
    single = len({lane.track for lane in own}) == 1 or len(own) > _MOST_PANELS
    groups: dict[tuple[Any, ...], list[Lane]] = {}
    for lane in own:
        key = ("" if single else lane.track, lane.modality, lane.by, lane.scale.name, lane.timed)
        groups.setdefault(key, []).append(lane)
    return [(" · ".join(part for part in key[:2] if part), joined(group)) for key, group in groups.items()]


def _chips(affect: Affect, of: str) -> tuple[Chip, ...]:
    row = affect.scores.get(of, {})
    shown = affect.labels or ((affect.top,) if affect.top and not affect.abstained else ())
    return tuple(Chip(label, family(label, of), f"{row[label]:.2f}" if label in row else "") for label in shown)


def _among(affect: Affect) -> str:
    chosen = affect.sets.get(affect.target or "", ())
    more = f" and {len(chosen) - 6} more" if len(chosen) > 6 else ""
    return ", ".join(chosen[:6]) + more if len(chosen) > 1 else ""


def _because(affect: Affect) -> tuple[str, ...]:
    """Evidence other than the words of a quote, which are shaded there, and the places of faces in frames."""
    rows = [e for e in affect.evidence if e.kind not in ("word", "frame")]
    rows = [e for e in rows if e.kind not in INFLUENCES or (e.weight or 0.0) >= _LEAST_INFLUENCE]
    shown = []
    for e in rows[:4]:
        place = ""
        if e.kind == "span" and e.start is not None and e.end is not None:
            place = f"moved by {drawing.clock(e.start, 0.1)}–{drawing.clock(e.end, 0.1)}"
        moved = f"{e.kind} from {e.text or 'somebody unknown'}" if e.kind in INFLUENCES else e.text
        text = ", ".join(part for part in (place, moved) if part)
        if text:
            shown.append(text + (f" ({e.weight:.2f})" if e.weight is not None else ""))
    return tuple(shown)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}" if n else ""


def _json(drawn: dict[str, Any]) -> Markup:
    """A figure as JSON that can't end the element it stands in."""
    text = json.dumps(drawn, ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _by_readings(own: Sequence[Lane]) -> list[str]:
    """Tracks, those with the most readings first."""
    readings: dict[str, int] = {}
    for lane in own:
        readings[lane.track] = readings.get(lane.track, 0) + len(lane)
    return sorted(readings, key=lambda track: -readings[track])
