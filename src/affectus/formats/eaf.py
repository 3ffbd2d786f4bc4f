"""Timelines as ELAN annotations (.eaf, format 2.8)."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from affectus.atomic import writing
from affectus.formats.tiers import Tier, one_line, tiers
from affectus.timeline import Timeline


def write_eaf(timeline: Timeline, path: Path, media: Path | str | None = None) -> Path:
    """Write the timed readings of one source, one tier for each track and modality.

    The transcript of spoken readings stands in tiers of its own. Overlapping readings go to further tiers, since ELAN
    allows no overlap within one.

    Args:
        timeline: Readings of one source.
        path: File to write.
        media: The file that was read; linked relative to `path`.
    """
    from pympi import Elan

    document = Elan.Eaf(author="affectus")
    document.remove_tier("default")
    document.properties.clear()  # pympi's placeholder; ELAN fills it in
    found = tiers(timeline)
    # ELAN expects time slots in ascending order, so all are made before the annotations that refer to them.
    times = sorted({t for tier in found for s in tier.segments for t in (s.start, s.end)})
    slot = {time: document.generate_ts_id(time) for time in times}
    for tier in found:
        _add(document, tier, tier.name, slot, spoken=False)
    for tier in found:
        if any(segment.text for segment in tier.segments):
            _add(document, tier, f"{tier.name} words", slot, spoken=True)
    if not found:
        document.add_tier("no timed readings")
    if media is not None:
        _link(document, Path(media), path)
    tree = ElementTree.ElementTree(Elan.to_adocument(document))
    with writing(path, "wb") as file:
        tree.write(file, xml_declaration=True, encoding="UTF-8")
    return path


def _add(document: Any, tier: Tier, name: str, slot: dict[int, str], *, spoken: bool) -> None:
    names = document.get_tier_names()
    while name in names:
        name += "'"
    document.add_tier(name, part=tier.track or None, ann=tier.by or None)
    for segment in tier.segments:
        value = segment.text if spoken else segment.label
        if value:
            number = document.generate_annotation_id()
            document.annotations[number] = name
            document.tiers[name][0][number] = (slot[segment.start], slot[segment.end], value, None)


def _link(document: Any, media: Path, path: Path) -> None:
    kind = mimetypes.guess_type(media.name)[0] or "application/octet-stream"
    if media.exists():
        url = media.resolve().as_uri()
        try:
            relative = Path(os.path.relpath(media.resolve(), path.resolve().parent)).as_posix()
        except ValueError:  # another drive on Windows
            relative = media.name
    else:
        url = relative = media.name
    relative = one_line(relative)
    relative = relative if relative.startswith("..") else f"./{relative}"
    document.add_linked_file(one_line(url), relpath=relative, mimetype=kind)
