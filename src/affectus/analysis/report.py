"""`report.html`: one page that shows what was read, how sure it is, why, and what it must not be used for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from affectus.analysis import drawing
from affectus.analysis.distribution import Distribution, distribution, over_files
from affectus.analysis.lanes import Lane, lanes
from affectus.analysis.moments import Place, key_moments
from affectus.analysis.palette import COLOURS, families
from affectus.analysis.plan import Failure
from affectus.analysis.sections import Section, Sections, SourceInfo, joined
from affectus.analysis.trust import flag_counts, readers_used
from affectus.atomic import writing
from affectus.card import CheckpointCard
from affectus.page import render
from affectus.timeline import Timeline

TEMPLATES = resources.files("affectus.analysis") / "templates"
OPEN_SECTIONS = 20  # with more sources, all sections start collapsed
MOST_SECTIONS = 150  # sources drawn in full; the overview lists more
MOST_OVERVIEW = 2000
MOST_FIGURES = 12  # zoomable figures
FEWEST_TO_ZOOM = 12  # readings; fewer are legible without zooming
_HIGHLIGHTS = 6


def write_report(
    timeline: Timeline,
    path: str | Path,
    *,
    sources: Sequence[SourceInfo],
    cards: Mapping[str, CheckpointCard],
    failures: Sequence[Failure] = (),
    settings: Mapping[str, str] | None = None,
    thumbnails: Mapping[Place, bytes] | None = None,
    title: str | None = None,
) -> Path:
    """Write the report: one HTML file that fetches nothing and shows all but the zoomable figures without scripts.

    Args:
        timeline: All readings.
        path: File to write.
        sources: The files that were read, in order.
        cards: Checkpoint name → its card; a reader without one is said to have no measured accuracy.
        failures: Files that could not be read.
        settings: Choices and versions as text.
        thumbnails: `Moment.place` of key moments → JPEG; `affectus.analysis.moments.key_moments` says which.
        title: Heading; None makes one from the sources.

    Raises:
        OutputError: If it can't be written.
    """
    timeline = Timeline(timeline.table.combine_chunks())  # single rows of many chunks are slow to reach
    found = lanes(timeline)
    maker = Sections(timeline, found, thumbnails or {})
    named = {info.name for info in sources}
    everything = [*sources, *(SourceInfo(name, "") for name in maker.by_source if name not in named)]
    files = list(dict.fromkeys(info.file or info.name for info in everything))
    sections = _sections(maker, everything[:MOST_SECTIONS])
    scripts = _scripts(sections)
    page = render(
        TEMPLATES / "report.html",
        title=title or (files[0] if len(files) == 1 else f"{len(files):,} files"),
        written=time.strftime("%Y-%m-%d %H:%M"),
        totals=_totals(everything, found),
        readers=readers_used(timeline, found, cards),
        highlights=_highlights(maker, found, everything),
        together=_together(maker) if len(everything) > 3 else [],
        overview=_overview(maker, everything[:MOST_OVERVIEW], sections) if len(everything) > 1 else [],
        not_listed=max(0, len(everything) - MOST_OVERVIEW),
        sections=sections,
        not_drawn=max(0, len(everything) - MOST_SECTIONS),
        collapsed=len(everything) > OPEN_SECTIONS,
        legend=_legend(found),
        failures=failures,
        flags=flag_counts(timeline),
        cards=[cards[name] for name in dict.fromkeys(lane.by for lane in found) if name in cards],
        settings=settings or {},
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8") + _palette(),
        scripts=scripts,
    )
    path = Path(path)
    with writing(path) as file:
        file.write(page)
    return path


def _sections(maker: Sections, sources: Sequence[SourceInfo]) -> list[Section]:
    out: list[Section] = []
    for number, info in enumerate(sources, 1):
        readings = sum(len(lane) for lane in maker.by_source.get(info.name, ()))
        room = sum(section.figure is not None for section in out) < MOST_FIGURES
        out.append(maker.make(number, info, explore=room and readings >= FEWEST_TO_ZOOM))
    return out


def _totals(sources: Sequence[SourceInfo], found: Sequence[Lane]) -> list[tuple[str, str]]:
    labelled = [lane for lane in found if lane.labelled]
    people = {(lane.source, lane.track) for lane in labelled if lane.track}
    readings = sum(len(lane) for lane in labelled)
    quiet = sum(int(lane.abstained.sum()) for lane in labelled)
    seconds = sum(info.seconds or 0 for info in sources)
    files, talks = len({info.file or info.name for info in sources}), sum(bool(info.file) for info in sources)
    rows = [
        (f"{files:,}", "file" if files == 1 else "files"),
        (f"{talks:,}" if talks else "", "conversations in one file" if files == 1 else "conversations in shared files"),
        (drawing.length(seconds) if seconds else "", "of sound and video"),
        (f"{len(people):,}" if people else "", "person" if len(people) == 1 else "persons"),
        (f"{readings:,}", "reading" if readings == 1 else "readings"),
        (f"{quiet / readings:.0%}" if readings else "", "abstained"),
    ]
    return [row for row in rows if row[0]]


def _highlights(maker: Sections, found: Sequence[Lane], sources: Sequence[SourceInfo]) -> list[Any]:
    """The most telling moments over all sources, one of each, when there are many."""
    if len(sources) < 4:
        return []
    best = sorted(key_moments(found, 1), key=lambda m: (-m.size, m.lane.source))
    return maker.moments(best[:_HIGHLIGHTS])


def _together(maker: Sections) -> list[tuple[str, Markup, Distribution, int]]:
    """Means over all files of each modality and reader, where there are enough for an interval."""
    groups: dict[tuple[str, str, str], dict[str, list[Lane]]] = {}
    for source, own in maker.by_source.items():
        for lane in own:
            if lane.labelled:
                key = (lane.modality, lane.by, lane.scale.name)
                groups.setdefault(key, {}).setdefault(source, []).append(lane)
    rows = []
    for (modality, _, of), files in groups.items():
        if len(files) >= 5:
            mean = over_files([joined(group) for group in files.values()])
            if mean.readings:
                rows.append((modality, drawing.distribution_bars(mean, of), mean, len(files)))
    return rows


def _overview(maker: Sections, sources: Sequence[SourceInfo], sections: Sequence[Section]) -> list[dict[str, Any]]:
    drawn = {section.info.name: section.id for section in sections}
    rows = []
    for info in sources:
        own = [lane for lane in maker.by_source.get(info.name, ()) if lane.labelled]
        readings, quiet = sum(len(lane) for lane in own), sum(int(lane.abstained.sum()) for lane in own)
        row: dict[str, Any] = {
            "id": drawn.get(info.name), "info": info, "readings": readings, "top": "", "mean": "", "bar": None,
            "length": drawing.clock(info.seconds) if info.seconds else "",
            "people": len({lane.track for lane in own if lane.track}),
            "abstained": f"{quiet / readings:.0%}" if quiet else "",
        }  # fmt: skip
        main = _speaking_for(own)
        mean = distribution(joined(main), interval=False) if main else None
        if mean is not None and mean.readings:
            row |= {"top": mean.labels[0], "mean": f"{mean.mean[0]:.2f}"}
            row["bar"] = drawing.stacked(mean, main[0].scale.name)
        rows.append(row)
    return rows


def _speaking_for(own: Sequence[Lane]) -> list[Lane]:
    """The lanes that speak for a source: the fused ones, else those of the first modality that it has."""
    for modality in ("fused", "text", "voice", "face"):
        kept = [lane for lane in own if lane.modality == modality]
        if kept:
            return [lane for lane in kept if (lane.scale, lane.timed) == (kept[0].scale, kept[0].timed)]
    return list(own[:1])


def _legend(found: Sequence[Lane]) -> list[str]:
    seen = {kind for of in {lane.scale.name for lane in found if lane.labelled} for kind in families(of)}
    return [kind for kind in COLOURS if kind in seen]


# -- the page ----------------------------------------------------------------------------------------------------------
def _palette() -> str:
    return "".join(f".e-{kind} {{ --c: {colour}; }}\n" for kind, colour in COLOURS.items())


def _scripts(sections: Sequence[Section]) -> list[Markup]:
    """Our own few lines, after plotly's library where there is a figure to zoom."""
    own = [Markup((TEMPLATES / "report.js").read_text(encoding="utf-8"))]
    if all(section.figure is None for section in sections):
        return own
    from plotly.offline import get_plotlyjs

    return [Markup(get_plotlyjs().replace("</script", "<\\/script")), *own]


__all__ = ["SourceInfo", "write_report"]
