"""Timelines as WebVTT: the readings as subtitles over the recording."""

from __future__ import annotations

from pathlib import Path

from affectus.atomic import writing
from affectus.formats.tiers import Segment, Tier, tiers
from affectus.timeline import Timeline


def write_vtt(timeline: Timeline, path: Path) -> Path:
    """Write the timed readings of one source as cues: who, label with probability, modality, and what was said."""
    cues = sorted((segment, i, tier) for i, tier in enumerate(tiers(timeline)) for segment in tier.segments)
    with writing(path, newline="\n") as file:
        file.write("WEBVTT\n")
        for segment, _, tier in cues:
            file.write(f"\n{_time(segment.start)} --> {_time(segment.end)}\n{_payload(segment, tier)}\n")
    return path


def _payload(segment: Segment, tier: Tier) -> str:
    said = _escaped(segment.label) + (f" ({_escaped(tier.modality)})" if tier.modality else "")
    if segment.text:
        said += f"\n{_escaped(segment.text)}"
    return f"<v {_escaped(tier.track)}>{said}</v>" if tier.track else said


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
