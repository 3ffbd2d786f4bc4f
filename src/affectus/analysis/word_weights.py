"""A small picture of how much a reader attended to each word."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from affectus.analysis.drawing import tag

_HEIGHT, _MARGIN, _GAP = 46, 8, 6
_LETTER = 9.2  # width of a letter, in units of the drawing
_COLOUR = "#efb402"


def word_weights(words: Sequence[tuple[str, float]]) -> Markup:
    """Words in a row, each shaded by its weight and with it below, as an SVG that stands alone.

    Args:
        words: Words with weights of 0 or more, for example one item of `REDAffectiveLM.attended`.
    """
    most = max((weight for _, weight in words), default=0) or 1.0
    parts, x = [], float(_MARGIN)
    for word, weight in words:
        width = max(len(word), 4) * _LETTER + 8
        shade = round(max(weight, 0) / most, 3)
        parts += [
            tag("rect", x=x, y=4, width=width, height=22, rx=3, fill=_COLOUR, fill_opacity=shade),
            tag("text", word, x=x + width / 2, y=20, text_anchor="middle", font_size=15, fill="#222"),
            tag("text", f"{weight:.2f}", x=x + width / 2, y=41, text_anchor="middle", font_size=11, fill="#555"),
        ]
        x += width + _GAP
    return tag(
        "svg", *parts, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {x + _MARGIN - _GAP:g} {_HEIGHT}",
        width=round(x + _MARGIN - _GAP), height=_HEIGHT, font_family="sans-serif", role="img",
        aria_label="Weight of each word",
    )  # fmt: skip
