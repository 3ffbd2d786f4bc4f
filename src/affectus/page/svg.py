"""Pictures as SVG: they need no script, print well, and follow the page's colours by CSS classes.

Everything is built by `tag`, which escapes text and attributes, so that no name or quote can break out of a picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup, escape


def tag(name: str, *children: Any, **attributes: Any) -> Markup:
    """An element; children and attributes are escaped unless they are elements already, None leaves one out."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{shown}>{''.join(escape(child) for child in children)}</{name}>")


def _short(value: Any) -> Any:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float | np.floating) else value


def figure_bar(value: float, low: float | None, high: float | None) -> Markup:
    """A figure between 0 and 1 with its interval."""
    parts = [tag("rect", x=0, y=5, width=200, height=4, rx=2, class_="lane")]
    if low is not None and high is not None:
        parts.append(
            tag("rect", x=200 * low, y=2, width=max(200 * (high - low), 1), height=10, rx=2, class_="interval")
        )
    parts.append(tag("rect", x=200 * value - 1, y=0, width=2, height=14, class_="point"))
    return tag("svg", *parts, viewBox="0 0 200 14", class_="figure", role="img", aria_label=f"{value:.3f} of 1")
