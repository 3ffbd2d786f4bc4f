"""Readings on the labels that a user asks for."""

from __future__ import annotations

import numpy as np

from affectus.errors import InputError
from affectus.taxonomy import known_maps, map_scores, scale, scale_map
from affectus.timeline import Timeline


def reachable(target: str) -> list[str]:
    """Scales that have a map onto `target`, itself included."""
    return [target, *(m.source for m in known_maps() if m.target == target)]


def on_labels(timeline: Timeline, name: str) -> Timeline:
    """Add a scale to every row that can be mapped onto it, and make it the first target there.

    What a row was decided to be follows from its own decision: an abstention stays one, and a label that the map drops
    leaves none (flag `lost:label`). The first scale of the row that
    has a map is
    used, its own target before derived ones, and the map is named in a flag `mapped:source→target`.

    Args:
        timeline: Readings of any reader.
        name: Scale to map onto.

    Raises:
        InputError: If no reading at all can be mapped onto it.
    """
    of, n = scale(name), len(timeline)
    scores = np.full((n, len(of)), np.nan, np.float32)
    used: list[str | None] = [None] * n
    own = timeline.column("target")
    sources = [s for s in timeline.scales if s.name in reachable(name) and s.kind != "level"]
    for source in sources:
        values = timeline.scores(source.name)
        free = np.array([u is None for u in used], bool) | (own == source.name)
        rows = np.flatnonzero(free & ~np.isnan(values).all(1))
        mapped = map_scores(values[rows], source.name, name)
        for at, score in zip(rows, mapped, strict=True):
            if not np.isnan(score).all():
                scores[at], used[at] = score, scale_map(source.name, name).name
    if n and not any(used):
        read = sorted({t for t in own if t})
        targets = sorted({m.target for m in known_maps() if m.source in read} | set(read))
        raise InputError(
            f"no reading on {', '.join(read)} can be mapped onto {name!r}", allowed=", ".join(targets) or "none"
        )
    flags = [list(f or ()) for f in timeline.column("flags")]
    held = set(timeline.table.column_names)
    own_decisions = {s.name: timeline.column(f"{s.name}.labels") for s in sources if f"{s.name}.labels" in held}
    decided: list[list[str] | None] = []
    for row, use in enumerate(used):
        if use is None:
            decided.append(None)
            continue
        flags[row].append(f"mapped:{use}")
        origin = use.split("→")[0]
        chosen = own_decisions[origin][row] if origin in own_decisions else None
        quiet = any(f.startswith("abstained") for f in flags[row])
        if chosen and not set(chosen) & set(scale_map(origin, name).rows):
            quiet = True  # what was decided has no name there: its leftovers are no decision
            flags[row].append("lost:" + ",".join(chosen))
        decided.append([] if quiet else _decide(scores[row], of.labels, of.kind))
    out = timeline.set_column("flags", flags).set_scores(of, scores, labels=decided)
    return out.set_column("target", [name if use else old for use, old in zip(used, own, strict=True)])


def _decide(row: np.ndarray, labels: tuple[str, ...], kind: str) -> list[str]:
    if kind == "any-of":
        return [label for label, p in zip(labels, row, strict=True) if p >= 0.5]
    return [labels[int(np.nanargmax(row))]]
