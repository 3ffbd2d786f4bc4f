"""Timelines as a plotly figure: zoom, hover, switch labels on and off."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from affectus.analysis.drawing import when
from affectus.analysis.lanes import Lane, lanes
from affectus.analysis.palette import COLOURS, families
from affectus.atomic import writing
from affectus.errors import InputError
from affectus.timeline import Timeline

MOST_LANES = 40
_MOST_BARS = 1000  # of one lane; more readings are drawn as means over equal stretches
_LONGEST = 80  # characters of a name
_DASHES = ("solid", "dash", "dot", "dashdot")


def plot_timeline(timeline: Timeline, path: str | Path | None = None) -> Any:
    """Draw the readings of every person and modality over time.

    Colour is the family of the label, strength of colour its probability above chance, height the size of the conformal
    set, grey an abstention; readings without time stand in the order of their items. Where valence was read, it is
    drawn below. What is not drawn (more than 40 lanes) is counted in the title.

    Args:
        timeline: What to draw.
        path: HTML file to write besides; it opens offline.

    Returns:
        A `plotly.graph_objects.Figure`.

    Raises:
        InputError: If the path is no HTML file.
        OutputError: If it can't be written.
    """
    if path is not None and Path(path).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{str(path)!r} is no HTML file", allowed=".html")
    import plotly.graph_objects as go

    drawn = go.Figure(figure(lanes(timeline)))
    if path is not None:
        with writing(path) as file:
            file.write(drawn.to_html(include_plotlyjs=True, full_html=True))
    return drawn


def figure(found: Sequence[Lane]) -> dict[str, Any]:
    """The figure of some lanes as plotly's own JSON: `data` and `layout`."""
    shown = found[:MOST_LANES]
    labelled = [lane for lane in shown if lane.labelled]
    valence = [lane for lane in shown if not np.isnan(lane.affect[:, 0]).all()]
    several = len({lane.source for lane in shown}) > 1
    bars, curves = 28 * len(labelled), 120 if valence else 0
    split = curves / max(bars + curves, 1)
    timed = {lane.timed for lane in shown}
    unit = "seconds" if timed == {True} else "item" if timed == {False} else "seconds, or item where there is no time"
    layout: dict[str, Any] = {
        "barmode": "overlay",
        "height": 140 + bars + curves,
        "margin": {"l": 110, "r": 20, "t": 60, "b": 50},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        "hoverlabel": {"align": "left"},
        "plot_bgcolor": "white",
        "xaxis": {"title": {"text": unit}, "anchor": "y2" if valence else "y", "gridcolor": "#e3e1db"},
        "yaxis": {
            "domain": [split + (0.04 if valence and labelled else 0), 1],
            "autorange": "reversed",
            "automargin": True,
            "visible": bool(labelled),
        },
    }
    if valence:
        layout["yaxis2"] = {
            "domain": [0, split], "range": [-1, 1], "title": {"text": "valence"}, "gridcolor": "#e3e1db",
        }  # fmt: skip
    if len(found) > len(shown):
        text = f"{len(shown)} of {len(found)} lanes are drawn"
        layout["title"] = {"text": text, "font": {"size": 13}, "x": 0, "xanchor": "left"}
    return {"data": [*_bars(labelled, several), *_valence(valence, several)], "layout": layout}


def _name(lane: Lane, several: bool) -> str:
    parts = [lane.source if several else "", lane.track, lane.modality]
    # Plotly reads a small HTML in names and hover texts, so nothing reaches it unescaped.
    return escape(" · ".join(part[:_LONGEST] for part in parts if part)) or "readings"


def _bars(labelled: Sequence[Lane], several: bool) -> list[dict[str, Any]]:
    kinds: dict[str, dict[str, list[Any]]] = {}
    names: dict[str, int] = {}
    for lane in labelled:
        name = _name(lane, several)
        names[name] = names.get(name, 0) + 1
        name += f" ({escape(lane.by)})" if names[name] > 1 else ""
        _add_bars(kinds, lane.condensed(_MOST_BARS), name)
    return [
        {
            "type": "bar",
            "orientation": "h",
            "name": kind,
            **{key: kinds[kind][key] for key in ("base", "x", "y", "width", "hovertext")},
            "hoverinfo": "text",
            "marker": {
                "color": COLOURS.get(kind, "#d4d6da"),
                "opacity": kinds[kind]["opacity"],
                "line": {"width": 0},
                "pattern": {"shape": "/" if kind == "abstained" else ""},
            },
        }
        for kind in (*COLOURS, "abstained")
        if kind in kinds
    ]


def _add_bars(kinds: dict[str, dict[str, list[Any]]], lane: Lane, name: str) -> None:
    family, certain, p = families(lane.scale.name), lane.certainty, lane.p
    for i in range(len(lane)):
        quiet, size = bool(lane.shown[i] < 0), int(lane.set_size[i])
        label = "abstained" if quiet else lane.scale.labels[lane.shown[i]]
        hover = f"{when(lane, i)} <b>{escape(label)}</b>" + ("" if quiet else f" {p[i]:.2f}")
        bar = {
            "base": round(float(lane.start[i]), 3),
            "x": round(float(lane.end[i] - lane.start[i]), 3),
            "y": name,
            "width": 0.85 if size <= 1 else 0.6 if size <= 3 else 0.36,
            "opacity": 0.5 if quiet else round(0.25 + 0.75 * float(certain[i]), 2),
            "hovertext": hover + (f"<br>one of {size} labels in its set" if size > 1 and not quiet else ""),
        }
        kind = kinds.setdefault("abstained" if quiet else family[lane.shown[i]], {key: [] for key in bar})
        for key, value in bar.items():
            kind[key].append(value)


def _valence(valence: Sequence[Lane], several: bool) -> list[dict[str, Any]]:
    traces = []
    for i, lane in enumerate(valence):
        lane = lane.condensed(_MOST_BARS)
        traces.append(
            {
                "type": "scatter",
                "yaxis": "y2",
                "x": np.round((lane.start + lane.end) / 2, 3).tolist(),
                "y": [None if np.isnan(v) else round(float(v), 3) for v in lane.affect[:, 0]],
                "name": f"valence{' (derived)' if lane.derived else ''} · {_name(lane, several)}",
                "mode": "lines+markers",
                "line": {"color": "#7a8190", "width": 1.5, "dash": _DASHES[i % len(_DASHES)]},
                "marker": {"size": 4},
                "connectgaps": False,
            }
        )
    return traces
