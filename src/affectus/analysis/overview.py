"""The report of a job: cards of the readers that spoke, and pictures of key moments."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectus.affect import Evidence
from affectus.analysis.moments import Place, key_moments
from affectus.analysis.part import Part
from affectus.analysis.plan import Failure, Source
from affectus.analysis.report import SourceInfo, write_report
from affectus.analysis.settings import Settings
from affectus.card import CheckpointCard
from affectus.errors import AffectusError
from affectus.media import Kind
from affectus.timeline import Timeline

_MOST_PICTURES = 40  # in one report
_HEIGHT = 160  # pixels
_NEAR = 2.0  # seconds between a moment and the face that is shown for it


def report(
    path: Path, timeline: Timeline, parts: Sequence[Part], failures: Sequence[Failure], settings: Settings
) -> Path:
    """Write `report.html` for a finished job.

    Args:
        path: File to write.
        timeline: All readings.
        parts: Sources that were read.
        failures: Sources that were not.
        settings: What the user chose.
    """
    from affectus import __version__

    return write_report(
        timeline,
        path,
        sources=[info for part in parts for info in shown(part)],
        cards=_cards(timeline),
        failures=failures,
        settings={"affectus": __version__, **settings.public()},
        thumbnails=pictures(timeline, [p.source for p in parts]),
    )


def shown(part: Part) -> list[SourceInfo]:
    """A file as the report shows it; of several conversations in it each by itself, remarks standing with the first."""
    source = part.source
    names = list(dict.fromkeys(part.timeline.column("source")))
    if names in ([], [source.name]):
        return [SourceInfo(source.name, str(source.kind), source.seconds, part.notes)]
    return [
        SourceInfo(name, "conversation", notes=part.notes * (not i), file=source.name) for i, name in enumerate(names)
    ]


def _cards(timeline: Timeline) -> dict[str, CheckpointCard]:
    from affectus.registry import card

    cards = {}
    for name in {by for by in timeline.column("by") if by and by.startswith("affectus/")}:
        try:
            found = card(name)
        except AffectusError:
            continue  # fused rows, or a reader without a card: the report says that its accuracy is unknown
        if isinstance(found, CheckpointCard):
            cards[name] = found
    return cards


def pictures(timeline: Timeline, sources: Sequence[Source]) -> dict[Place, bytes]:
    """JPEG pictures of key moments in videos and images.

    Args:
        timeline: All readings.
        sources: Where the pictures are taken from.
    """
    seen = {s.name: s for s in sources if s.kind in (Kind.VIDEO, Kind.IMAGE)}
    places = list(dict.fromkeys(m.place for m in key_moments(timeline) if m.place.source in seen))[:_MOST_PICTURES]
    taken = {}
    for place in places:
        face = _face(timeline, place)
        try:
            picture = _picture(seen[place.source], face.start if face else place.seconds)
        except AffectusError:
            continue  # it could be read a moment ago; the report does without
        if picture is not None:
            taken[place] = jpeg(around(picture, face.text if face else None))
    return taken


def _face(timeline: Timeline, place: Place) -> Evidence | None:
    """The person's frame with a face that is nearest to a moment."""
    rows = timeline.where(source=place.source, track=place.track, modality="face")
    frames = [e for affect in rows for e in affect.evidence if e.kind == "frame" and (e.text or "").startswith("box=")]
    if place.seconds is None:
        return frames[0] if frames else None
    near = [e for e in frames if e.start is not None and abs(e.start - place.seconds) < _NEAR]
    return min(near, key=lambda e: abs((e.start or 0.0) - (place.seconds or 0.0)), default=None)


def around(rgb: np.ndarray, box: str | None) -> np.ndarray:
    """The part of a picture around a face, 3:2 and about twice as high as the face; the whole picture without a box.

    Args:
        rgb: (h, w, 3) uint8.
        box: `box=x,y,width,height` in pixels.
    """
    if box is None:
        return rgb
    x, y, w, h = (float(v) for v in box.removeprefix("box=").split(","))
    tall = min(2.0 * h, float(rgb.shape[0]))
    wide = min(1.5 * tall, float(rgb.shape[1]))
    left = int(np.clip(x + w / 2 - wide / 2, 0, rgb.shape[1] - wide))
    top = int(np.clip(y + h / 2 - tall / 2, 0, rgb.shape[0] - tall))
    return rgb[top : top + max(int(tall), 1), left : left + max(int(wide), 1)]


def _picture(source: Source, seconds: float | None) -> np.ndarray | None:
    from affectus.media import frames, read_image

    if source.kind is Kind.IMAGE:
        return read_image(source.path)
    if seconds is None:
        return None
    first = next(iter(frames(source.path, None, seconds, seconds + 2.0)), None)
    return None if first is None else first[1]


def jpeg(rgb: np.ndarray, height: int = _HEIGHT) -> bytes:
    """A small JPEG of a picture (h, w, 3) uint8."""
    from PIL import Image

    picture = Image.fromarray(rgb)
    picture.thumbnail((4 * height, height))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()
