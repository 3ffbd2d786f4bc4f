"""Timelines as Praat TextGrids (long text format)."""

from __future__ import annotations

import re
from pathlib import Path

from affectus.atomic import writing
from affectus.formats.tiers import Tier, tiers
from affectus.timeline import Timeline

# Common readers split the file at these words without minding quotation marks.
_KEYWORD = re.compile(r"\b(item|intervals|points)( ?)\[")


def write_textgrid(timeline: Timeline, path: Path) -> Path:
    """Write the timed readings of one source: interval tiers for labels and transcript, point tiers for valence.

    A square bracket after `item`, `intervals` or `points` inside a text becomes a round one, since common readers trip
    over it.
    """
    from praatio.data_classes.interval_tier import IntervalTier
    from praatio.data_classes.point_tier import PointTier
    from praatio.utilities import textgrid_io

    found = tiers(timeline)
    end = max((s.end for tier in found for s in tier.segments), default=1) / 1000
    out: dict[str, IntervalTier | PointTier] = {}

    def name(wanted: str) -> str:
        wanted = _safe(wanted)
        while wanted in out:
            wanted += "'"
        return wanted

    for tier in found:
        label = name(tier.name)
        out[label] = IntervalTier(
            label, [(s.start / 1000, s.end / 1000, _safe(s.label)) for s in tier.segments], 0, end
        )
    for tier in found:
        spoken = [(s.start / 1000, s.end / 1000, _safe(s.text)) for s in tier.segments if s.text]
        if spoken:
            label = name(f"{tier.name} words")
            out[label] = IntervalTier(label, spoken, 0, end)
        if points := _valence(tier):
            label = name(f"{tier.name} valence")
            out[label] = PointTier(label, points, 0, end)
    if not out:
        out["no timed readings"] = IntervalTier("no timed readings", [], 0, end)
    plain = [
        {"class": t.tierType, "name": t.name, "xmin": 0, "xmax": end, "entries": list(t.entries)} for t in out.values()
    ]
    text = textgrid_io.getTextgridAsStr({"xmin": 0, "xmax": end, "tiers": plain}, "long_textgrid", True)
    with writing(path) as file:
        file.write(text)
    return path


def _safe(text: str) -> str:
    return _KEYWORD.sub(r"\1\2(", text)


def _valence(tier: Tier) -> list[tuple[float, str]]:
    """Points in the middle of the segments; Praat allows one point at a time."""
    points = {(s.start + s.end) / 2000: f"{s.valence:.3f}" for s in tier.segments if s.valence is not None}
    return sorted(points.items())
