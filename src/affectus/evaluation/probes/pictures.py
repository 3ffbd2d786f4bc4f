"""Pictures of probes: figures as dots with their intervals, one row each, and a bar beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from affectus.page import tag, ticks

WIDTH, ROW, HEAD = 960, 22, 30
GUTTER, MIDDLE = 230, 620  # where the first panel begins and ends
BAR, END = 680, 870  # the same of the second


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One row.

    Args:
        name: At its left.
        value: The dot.
        low: Lower end of the interval; NaN draws none.
        high: Upper end.
        second: A hollow mark besides; NaN draws none.
        bar: Length of the bar in the second panel; NaN draws none.
        family: Rows of one family stand together under its name.
        class_: Of the dot.
        hint: Shown when it is pointed at.
    """

    name: str
    value: float
    low: float = float("nan")
    high: float = float("nan")
    second: float = float("nan")
    bar: float = float("nan")
    family: str = ""
    class_: str = "dot"
    hint: str = ""


def dots(
    rows: Sequence[Dot], across: str, *, reference: float | None = None, bars: str = "", digits: int = 3, label: str
) -> Markup:
    """Rows of dots.

    Args:
        rows: In order.
        across: What the dots are.
        reference: Value of a dashed line through all rows.
        bars: What the bars are; empty leaves their panel out.
        digits: Of the numbers at the bars, after the point.
        label: Of the picture, for those who can't see it.
    """
    low, high = _span([v for row in rows for v in (row.value, row.low, row.high, row.second)] + [reference or np.nan])
    longest = max([row.bar for row in rows if not np.isnan(row.bar)], default=0.0) or 1.0
    parts: list[Markup] = []
    y, family = HEAD, ""
    body: list[Markup] = []

    def x(value: float) -> float:
        return GUTTER + (value - low) / (high - low) * (MIDDLE - GUTTER)

    for row in rows:
        if row.family != family:
            family = row.family
            y += 10
            body.append(tag("text", family, x=0, y=y + 14, class_="family"))
            y += ROW
        body += _row(row, y + ROW / 2, x, longest, digits)
        y += ROW
    for value in ticks(low, high, most=6):
        parts.append(tag("line", x1=x(value), x2=x(value), y1=HEAD - 6, y2=y, class_="grid"))
        parts.append(tag("text", f"{value:g}", x=x(value), y=HEAD - 12, class_="tick middle"))
    if reference is not None and not np.isnan(reference):
        parts.append(tag("line", x1=x(reference), x2=x(reference), y1=HEAD - 6, y2=y, class_="diagonal"))
    below = y + 20
    parts.append(tag("text", across, x=(GUTTER + MIDDLE) / 2, y=below, class_="axis-name middle"))
    if bars:
        parts.append(tag("text", bars, x=(BAR + END) / 2, y=below, class_="axis-name middle"))
    wide = WIDTH if bars else MIDDLE + 40
    box, style = f"0 0 {wide} {below + 10:.0f}", f"max-width: {wide}px"
    return tag("svg", *parts, *body, viewBox=box, style=style, class_="dots", role="img", aria_label=label)


def _row(row: Dot, middle: float, place: Callable[[float], float], longest: float, digits: int) -> list[Markup]:
    hint = tag("title", row.hint or f"{row.name}: {row.value:.3f}")
    parts = [tag("text", row.name, x=GUTTER - 12, y=middle + 4, class_="name end")]
    if not np.isnan(row.low):
        ends = {"x1": place(row.low), "x2": place(row.high), "y1": middle, "y2": middle}
        parts.append(tag("line", class_="whisker", **ends))
    if not np.isnan(row.value):
        parts.append(tag("circle", hint, cx=place(row.value), cy=middle, r=4.2, class_=row.class_))
    if not np.isnan(row.second):
        at = place(row.second)
        parts.append(tag("path", d=f"M{at - 5:.1f} {middle:g}l5 -5l5 5l-5 5z", class_="shrunk"))
    if not np.isnan(row.bar):
        width = max((END - BAR) * row.bar / longest, 0.5)
        parts.append(tag("rect", x=BAR, y=middle - 6, width=width, height=12, class_="bar"))
        parts.append(tag("text", f"{row.bar:.{digits}f}", x=BAR + width + 7, y=middle + 4, class_="value"))
    return parts


def _span(values: Sequence[float]) -> tuple[float, float]:
    known = [float(v) for v in values if not np.isnan(v)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = (high - low or 1.0) * 0.06
    return low - room, high + room


def sign(class_: str) -> Markup:
    """A mark of the key."""
    if class_ == "whisker":
        return _small(tag("line", x1=0, x2=16, y1=6, y2=6, class_=class_))
    if class_ == "diagonal":
        return _small(tag("line", x1=0, x2=16, y1=6, y2=6, class_=class_))
    if class_ == "shrunk":
        return _small(tag("path", d="M3 6l5 -5l5 5l-5 5z", class_=class_))
    if class_ == "bar":
        return _small(tag("rect", y=2, width=16, height=8, class_=class_))
    return _small(tag("circle", cx=8, cy=6, r=4.2, class_=class_))


def _small(mark: Markup) -> Markup:
    return tag("svg", mark, viewBox="0 0 16 12")
