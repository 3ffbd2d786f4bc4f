"""A timeline in a few lines of text."""

from __future__ import annotations

from collections import Counter

import numpy as np

from affectus.affect import Affect
from affectus.taxonomy import scale
from affectus.timeline import Timeline

_FEW = 3  # quantities that fit into a cell


def summarize(timeline: Timeline) -> list[tuple[str, ...]]:
    """One row for each source, person and modality that carries labels, or a few quantities where it has no labels.

    Returns:
        Tuples (source, who, modality, readings, most frequent labels with their share or mean quantities, strongest
        reading, abstained), as text.
    """
    target = timeline.column("target")
    labelled = np.array([bool(name) and scale(name).kind != "level" for name in target], bool)
    measured = np.array([bool(name) and scale(name).kind == "level" and len(scale(name)) <= _FEW for name in target])
    labels, levels = _groups(timeline[labelled]), _groups(timeline[measured.astype(bool)])
    rows = {key: _row(affects) for key, affects in labels.items()}
    rows |= {key: _means(affects) for key, affects in levels.items() if key not in labels}
    return [(*key, *row) for key, row in rows.items()]


def _groups(timeline: Timeline) -> dict[tuple[str, str, str], list[Affect]]:
    groups: dict[tuple[str, str, str], list[Affect]] = {}
    for affect in timeline:
        key = (affect.source or "", affect.track or "", affect.modality or "")
        groups.setdefault(key, []).append(affect)
    return groups


def _means(affects: list[Affect]) -> tuple[str, str, str, str]:
    """Mean quantities of the readings that have any."""
    known: dict[str, list[float]] = {}
    for affect in affects:
        for label, value in affect.scores.get(affect.target or "", {}).items():
            known.setdefault(label, []).append(value)
    told = ", ".join(f"{label} {np.mean(values):.2f}" for label, values in known.items())
    return str(len(affects)), f"mean {told}" if told else "", "", ""


def _row(affects: list[Affect]) -> tuple[str, str, str, str]:
    counts = Counter(label for affect in affects for label in affect.labels)
    most = ", ".join(f"{label} {n / len(affects):.0%}" for label, n in counts.most_common(3))
    scored = [(affect.scores[affect.target or ""][affect.top or ""], affect) for affect in affects if _decides(affect)]
    strongest = ""
    if scored:
        p, affect = max(scored, key=lambda pair: pair[0])
        where = (
            f" at {affect.start:.1f} s"
            if affect.start is not None
            else f" (item {affect.item + 1 if isinstance(affect.item, int) else affect.item})"
            if affect.item is not None
            else ""
        )
        strongest = f"{affect.top} {p:.2f}{where}"
    abstained = sum(affect.abstained for affect in affects)
    return str(len(affects)), most, strongest, str(abstained) if abstained else ""


def _decides(affect: Affect) -> bool:
    return bool(affect.target and affect.top) and not affect.abstained
