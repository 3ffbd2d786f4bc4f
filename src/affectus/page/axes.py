"""A pair of axes to draw in: from values to places, with a frame, a grid and ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from affectus.page.svg import tag


@dataclass(frozen=True)
class Axes:
    """A drawing surface.

    Args:
        x: Lowest and highest value across.
        y: Lowest and highest value upwards.
        width: Of the whole drawing, in its own units.
        height: Of the whole drawing.
        left: Room for the numbers and name of the upward axis.
        below: Room for those of the other.
    """

    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)
    width: float = 460
    height: float = 400
    left: float = 58
    below: float = 46
    top: float = 12
    right: float = 14

    def at_x(self, value: float) -> float:
        """Place of a value across."""
        low, high = self.x
        return self.left + (value - low) / (high - low) * (self.width - self.left - self.right)

    def at_y(self, value: float) -> float:
        """Place of a value upwards, counted from the top."""
        low, high = self.y
        floor = self.height - self.below
        return floor - (value - low) / (high - low) * (floor - self.top)

    def line(self, *points: tuple[float, float], class_: str) -> Markup:
        """A line through points."""
        path = " ".join(f"{self.at_x(x):.1f},{self.at_y(y):.1f}" for x, y in points)
        return tag("polyline", points=path, class_=class_)

    def frame(self, across: str, upwards: str, *, ticks_x: bool = True) -> list[Markup]:
        """Grid, numbers and names of both axes."""
        left, right = self.at_x(self.x[0]), self.at_x(self.x[1])
        floor, top = self.at_y(self.y[0]), self.at_y(self.y[1])
        parts: list[Markup] = []
        for value in ticks(*self.y, most=max(3, round((floor - top) / 45))):
            place = self.at_y(value)
            parts.append(tag("line", x1=left, x2=right, y1=place, y2=place, class_="grid"))
            parts.append(tag("text", f"{value:g}", x=left - 8, y=place + 4, class_="tick end"))
        for value in ticks(*self.x) if ticks_x else ():
            place = self.at_x(value)
            parts.append(tag("line", x1=place, x2=place, y1=top, y2=floor, class_="grid"))
            parts.append(tag("text", f"{value:g}", x=place, y=floor + 17, class_="tick middle"))
        middle = (top + floor) / 2
        if across:
            parts.append(tag("text", across, x=(left + right) / 2, y=self.height - 8, class_="axis-name middle"))
        turned = f"rotate(-90 14 {middle:g})"
        parts.append(tag("text", upwards, x=14, y=middle, transform=turned, class_="axis-name middle"))
        return parts

    def picture(self, *parts: Any, label: str, class_: str = "plot-picture") -> Markup:
        """The finished drawing."""
        box = f"0 0 {self.width:g} {self.height:g}"
        return tag("svg", *parts, viewBox=box, class_=class_, role="img", aria_label=label)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high, at most `most`."""
    rough = (high - low) / (most - 1)
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * m for m in (1, 2, 2.5, 5, 10, 20) if unit * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]
