"""Pages for people: self-contained HTML with pictures as SVG, the ground of every report."""

from affectus.page.axes import Axes, ticks
from affectus.page.render import render
from affectus.page.svg import figure_bar, tag

__all__ = ["Axes", "figure_bar", "render", "tag", "ticks"]
