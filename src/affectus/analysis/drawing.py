"""Pictures of a report as SVG: they need no script, print well, and follow the page's colours by CSS classes.

Everything is built by `affectus.page.tag`, so that no name or quote can break out of a picture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from markupsafe import Markup

from affectus.analysis.distribution import Distribution
from affectus.analysis.lanes import Lane
from affectus.analysis.palette import COLOURS, families, family
from affectus.page import tag

WIDTH, GUTTER = 960, 92
_LETTER = 6.4  # width of a letter of a label, in units of the drawings
_NAME = 13  # letters of a person's name beside a picture
MOST_BARS = 320  # bars of one lane; more readings are drawn as means over equal stretches
_HEIGHT = {"fused": 30}
_THIN = 20
_LEVELS = 5  # steps of certainty, each a CSS class


def clock(seconds: float, step: float = 1.0) -> str:
    """`1:02:03`, `2:03` or, for steps below a second, `2:03.4`."""
    whole = int(seconds + 1e-6)
    text = f"{whole // 60 % 60:d}:{whole % 60:02d}"
    if whole >= 3600:
        text = f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return text if step >= 1 else f"{text}.{int((seconds - whole) * 10 + 1e-6)}"


def length(seconds: float) -> str:
    """`42 s`, `12:05 min`, `1:02:03 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{clock(seconds)} {'min' if seconds < 3600 else 'h'}"


def when(lane: Lane, at: int) -> str:
    """Where a reading stands, for people."""
    start, end = float(lane.start[at]), float(lane.end[at])
    if not lane.timed:
        return f"item {int(start) + 1}"
    step = 0.1 if end - start < 2 else 1.0
    return f"{clock(start, step)}–{clock(end, step)}"


def person_timeline(group: Sequence[Lane], span: tuple[float, float]) -> Markup:
    """Lanes of one person above one another, with the valence where it is given and an axis.

    Colour is the family of the label, strength of colour the probability above chance, height the size of the
    conformal set (full height: one label), and hatching an abstention.

    Args:
        group: Lanes of one source and track that share a unit of position.
        span: First and last position of the axis.
    """
    parts: list[Markup] = []
    y = 2.0
    for lane in group:
        if not lane.labelled:
            continue
        height = _HEIGHT.get(lane.modality, _THIN)
        parts.append(tag("text", lane.modality, x=GUTTER - 12, y=y + height / 2 + 4, class_="lane-name"))
        parts.append(tag("rect", x=GUTTER, y=y, width=WIDTH - GUTTER, height=height, class_="lane"))
        parts += _bars(lane, span, y, height)
        y += height + 6
    for lane in group:
        if not np.isnan(lane.affect[:, 0]).all():
            parts += _valence(lane, span, y)
            y += 44
            break
    parts += _axis(span, y, group[0].timed)
    label = f"Timeline of {group[0].track or group[0].source}"
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {y + 26:.0f}", class_="timeline", role="img", aria_label=label)


def whole(first: float, last: float, seconds: float | None) -> tuple[float, float]:
    """The axis of a source: all of a medium; else from 0, or from the first position if more than half were empty.

    Args:
        first: Position of the first reading.
        last: End of the last.
        seconds: Length of the medium, where there is one.
    """
    if seconds is None and first > last / 2:
        return first, last
    return min(0.0, first), max(last, seconds or 0.0)


def flow(people: Sequence[Lane], span: tuple[float, float], shifted: Collection[int]) -> Markup:
    """Shares of all labels in each turn, people below one another: how a conversation flows.

    A column is a turn; the heights of its colours are the shares of the families of labels, neutral at the bottom. A
    mark above it says that the label changed much from the same person's turn before.

    Args:
        people: One lane a person; their positions share a unit.
        span: First and last position of the axis.
        shifted: Rows that are marked.
    """
    parts: list[Markup] = []
    y, height = 10.0, 46.0
    order = ["neutral", *(kind for kind in COLOURS if kind != "neutral")]
    for person in people:
        name = person.track if len(person.track) <= _NAME else person.track[: _NAME - 1] + "…"
        hint = tag("title", person.track)
        parts.append(tag("text", hint, name, x=GUTTER - 12, y=y + height / 2 + 4, class_="lane-name"))
        parts.append(tag("rect", x=GUTTER, y=y, width=WIDTH - GUTTER, height=height, class_="lane"))
        lane, kinds = person.condensed(MOST_BARS), families(person.scale.name)
        for i in np.flatnonzero(np.isfinite(lane.scores).any(1)):
            left, right = _x(lane.start[i], span), _x(lane.end[i], span)
            width, bottom = max(right - left - (1.0 if right - left > 4 else 0.0), 0.8), y + height
            whole = float(np.nansum(lane.scores[i])) or 1.0
            for kind in order:
                members = [k for k, found in enumerate(kinds) if found == kind]
                share = float(np.nansum(lane.scores[i, members])) / whole
                tall = share * height
                if tall < 0.5:
                    continue
                bottom -= tall
                hint = tag("title", f"{person.track}, {when(lane, int(i))}: {kind} {share:.2f}")
                parts.append(tag("rect", hint, x=left, y=bottom, width=width, height=tall, class_=f"e-{kind} c5"))
        for i in np.flatnonzero(np.isin(person.rows, list(shifted))):
            middle = (_x(person.start[i], span) + _x(person.end[i], span)) / 2
            corners = f"{middle - 4:.1f},{y - 8:.1f} {middle + 4:.1f},{y - 8:.1f} {middle:.1f},{y - 1:.1f}"
            parts.append(tag("polygon", tag("title", "shift"), points=corners, class_="shift"))
        y += height + 14
    parts += _axis(span, y - 6, people[0].timed)
    label = f"Flow of {len(people)} people's readings"
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {y + 20:.0f}", class_="timeline", role="img", aria_label=label)


def _x(position: float, span: tuple[float, float]) -> float:
    return GUTTER + (position - span[0]) / max(span[1] - span[0], 1e-9) * (WIDTH - GUTTER)


def _bars(lane: Lane, span: tuple[float, float], y: float, height: float) -> Iterable[Markup]:
    lane = lane.condensed(MOST_BARS)
    certain, p, kinds = lane.certainty, lane.p, families(lane.scale.name)
    for i in range(len(lane)):
        left, right = _x(lane.start[i], span), _x(lane.end[i], span)
        gap = 1.0 if right - left > 4 else 0.0
        width = max(right - left - gap, 0.8)
        if lane.shown[i] < 0:
            hint = tag("title", f"{when(lane, i)}: abstained")
            yield tag("rect", hint, x=left, y=y, width=width, height=height, class_="quiet")
            continue
        label, size = lane.scale.labels[lane.shown[i]], int(lane.set_size[i])
        tall = height * (1.0 if size <= 1 else 0.7 if size <= 3 else 0.42)
        level = min(int(certain[i] * _LEVELS) + 1, _LEVELS)
        among = f", one of {size} labels in its set" if size > 1 else ""
        hint = tag("title", f"{when(lane, i)}: {label} {p[i]:.2f}{among}")
        style = f"e-{kinds[lane.shown[i]]} c{level}"
        yield tag("rect", hint, x=left, y=y + height - tall, width=width, height=tall, class_=style)
        seen = width if i + 1 == len(lane) else min(width, _x(lane.start[i + 1], span) - left)  # the next may overlap
        if seen > 7.0 * len(label) + 8 and tall > 12:
            ink = "on" if level >= 3 else "off"
            yield tag("text", label, x=left + 6, y=y + height - tall / 2 + 4, class_=f"bar-name {ink}")


def _valence(lane: Lane, span: tuple[float, float], y: float) -> Iterable[Markup]:
    lane = lane.condensed(MOST_BARS)
    middle, half = y + 19, 16
    name = "valence*" if lane.derived else "valence"
    yield tag("text", name, x=GUTTER - 12, y=middle + 4, class_="lane-name")
    yield tag("line", x1=GUTTER, x2=WIDTH, y1=middle, y2=middle, class_="zero")
    value = lane.affect[:, 0]
    for i in np.flatnonzero(~np.isnan(value)):
        left, right = _x(lane.start[i], span), _x(lane.end[i], span)
        top = middle - max(value[i], 0) * half
        hint = tag("title", f"{when(lane, int(i))}: valence {value[i]:+.2f}")
        width = max(right - left - (1.0 if right - left > 4 else 0.0), 0.8)
        sign = "above" if value[i] >= 0 else "below"
        yield tag("rect", hint, x=left, y=top, width=width, height=max(abs(value[i]) * half, 0.8), class_=sign)


def _axis(span: tuple[float, float], y: float, timed: bool) -> Iterable[Markup]:
    step = _step(span[1] - span[0], timed)
    first = np.ceil(span[0] / step - 1e-9) * step
    yield tag("line", x1=GUTTER, x2=WIDTH, y1=y + 3, y2=y + 3, class_="axis")
    for tick in np.arange(first, span[1] + step * 1e-6, step):
        x = _x(tick + (0 if timed else 0.5), span)
        if x > WIDTH:
            continue
        yield tag("line", x1=x, x2=x, y1=y + 3, y2=y + 7, class_="axis")
        text = clock(tick, step) if timed else str(int(tick) + 1)
        anchor = "end" if x > WIDTH - 14 else "start" if x < GUTTER + 8 else "middle"
        yield tag("text", text, x=x, y=y + 20, class_=f"tick {anchor}")
    if not timed:
        yield tag("text", "item", x=GUTTER - 12, y=y + 20, class_="lane-name")


def _step(length: float, timed: bool) -> float:
    """A round distance between ticks, so that there are about eight."""
    steps = (
        [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200]
        if timed
        else [m * 10**e for e in range(8) for m in (1, 2, 5)]
    )
    return float(next((s for s in steps if length / s <= 9), steps[-1]))


def affect_plane(group: Sequence[Lane]) -> Markup | None:
    """Path through the valence–arousal plane, older points paler; None if no lane has both."""
    lane = next((one for one in group if (~np.isnan(one.affect)).all(axis=1).any()), None)
    if lane is None:
        return None
    lane = lane.condensed(120)
    known = np.flatnonzero((~np.isnan(lane.affect)).all(axis=1))
    x, y = 130 + lane.affect[known, 0] * 104, 118 - lane.affect[known, 1] * 104
    parts = [
        tag("rect", x=26, y=14, width=208, height=208, rx=4, class_="lane"),
        tag("line", x1=26, x2=234, y1=118, y2=118, class_="zero"),
        tag("line", x1=130, x2=130, y1=14, y2=222, class_="zero"),
        tag("text", "unpleasant", x=26, y=240, class_="tick"),
        tag("text", "pleasant", x=234, y=240, class_="tick end"),
        tag("text", "calm", x=14, y=222, class_="tick", transform="rotate(-90 14 222)"),
        tag("text", "aroused", x=14, y=14, class_="tick end", transform="rotate(-90 14 14)"),
    ]
    if len(known) > 1:
        parts.append(
            tag("polyline", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True)), class_="path")
        )
    kinds = families(lane.scale.name)
    for i, (a, b) in enumerate(zip(x, y, strict=True)):
        at = int(known[i])
        kind = kinds[lane.shown[at]] if lane.shown[at] >= 0 else "other"
        level = 1 + round((_LEVELS - 1) * (i + 1) / len(known))
        hint = tag("title", f"{when(lane, at)}: valence {lane.affect[at, 0]:+.2f}, arousal {lane.affect[at, 1]:+.2f}")
        parts.append(tag("circle", hint, cx=a, cy=b, r=4.5, class_=f"e-{kind} c{level} dot"))
    for at, name in ((0, "start"), (len(known) - 1, "end"))[: 2 if len(known) > 1 else 0]:
        below = 14 if y[at] < 30 else -8
        parts.append(tag("text", name, x=x[at], y=y[at] + below, class_="mark middle"))
    return tag("svg", *parts, viewBox="0 0 248 248", class_="plane", role="img", aria_label="Valence–arousal path")


def distribution_bars(found: Distribution, of: str, most: int = 7) -> Markup:
    """Bars of the mean scores with their intervals."""
    row, full = 21, 190
    parts: list[Markup] = []
    count = min(most, len(found.labels))
    left = max(96.0, _LETTER * max((len(label) for label in found.labels[:count]), default=0) + 14)
    for i in range(count):
        label, mean, y = found.labels[i], float(found.mean[i]), i * row
        interval = "" if np.isnan(found.low[i]) else f" ({found.low[i]:.2f}–{found.high[i]:.2f})"
        parts.append(tag("text", label, x=left - 8, y=y + 14, class_="lane-name"))
        hint = tag("title", f"{label}: {mean:.2f}{interval}")
        kind = family(label, of)
        parts.append(
            tag("rect", hint, x=left, y=y + 3, width=max(mean * full, 1), height=row - 7, class_=f"e-{kind} c5")
        )
        end = mean
        if interval:
            low, high = left + found.low[i] * full, left + found.high[i] * full
            end = max(mean, float(found.high[i]))
            middle = y + 3 + (row - 7) / 2
            parts.append(tag("line", x1=low, x2=high, y1=middle, y2=middle, class_="whisker"))
            parts += [tag("line", x1=v, x2=v, y1=middle - 3, y2=middle + 3, class_="whisker") for v in (low, high)]
        parts.append(tag("text", f"{mean:.2f}", x=left + end * full + 6, y=y + 14, class_="value"))
    size = f"0 0 {left + full + 40:g} {count * row}"
    return tag("svg", *parts, viewBox=size, class_="bars", role="img", aria_label="Mean probability of each label")


def stacked(found: Distribution, of: str) -> Markup:
    """Mean scores as one bar of full width, labels of a family together; for tables."""
    shares = dict.fromkeys(COLOURS, 0.0)
    for label, mean in zip(found.labels, found.mean, strict=True):
        shares[family(label, of)] += float(mean)
    total = sum(shares.values()) or 1.0
    parts, x = [], 0.0
    for kind, share in sorted(shares.items(), key=lambda pair: -pair[1]):
        width = 200 * share / total
        if width >= 1:
            hint = tag("title", f"{kind}: {share / total:.0%}")
            parts.append(tag("rect", hint, x=x, y=0, width=width - 1, height=14, class_=f"e-{kind} c5"))
            x += width
    return tag("svg", *parts, viewBox="0 0 200 14", class_="stack", preserveAspectRatio="none", role="img",
               aria_label="Shares of label families")  # fmt: skip
