"""One reading of a person from voice, face and words: a log-linear opinion pool.

Over the labels k of the common scale (Genest and Zidek 1986, with weights that sum to one)

    log p(k) = const + Σ_r w_r · log(p_r(k) · |L_r|)    for the readers r whose labels L_r include k,

so a reader says nothing about a label that it does not have: its ratio to the uniform distribution over its own labels
is left out.
The weight of a reader is its calibrated certainty, 1 − H(p_r) / log |L_r|, times the share of the span that it covers;
a reader that
abstained has none.
"""

from __future__ import annotations

import numpy as np

from affectus.affect import Evidence
from affectus.analysis.settings import FUSED_SCALE
from affectus.errors import UnknownName
from affectus.sample import Span
from affectus.taxonomy import Perspective, map_scores, scale, scale_map
from affectus.timeline import Timeline, align

PERSPECTIVE: Perspective = "perceived"
NAME = "affectus/fusion"
_FLOOR = 1e-4  # a probability below this counts as this: no reader may veto a label alone
_LEAST = 1e-6  # weights below this are none


def certainty(p: np.ndarray) -> np.ndarray:
    """1 − normalised entropy of each row over the labels that it has, (n,) in [0, 1].

    Args:
        p: (n, k) probabilities; NaN where a reader lacks the label.
    """
    held = ~np.isnan(p)
    q = np.where(held, np.clip(p, 1e-12, 1), 1.0)
    entropy = -(np.where(held, q, 0) * np.log(q)).sum(1)
    return np.clip(1 - entropy / np.log(np.maximum(held.sum(1), 2)), 0, 1)


def pool(p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pool several readers' opinions.

    Args:
        p: (readers, k); NaN where a reader lacks the label.
        weights: (readers,), non-negative, not all zero.

    Returns:
        (k,) probabilities that sum to 1.
    """
    held = ~np.isnan(p)
    ratio = np.log(np.where(held, np.clip(p, _FLOOR, 1), 1.0) * np.where(held, held.sum(1, keepdims=True), 1))
    score = (weights[:, None] / weights.sum() * ratio).sum(0)
    score = np.where(held.any(0), score, -np.inf)
    out = np.exp(score - score.max())
    return out / out.sum()


def on_common_scale(timeline: Timeline) -> tuple[np.ndarray, list[str | None]]:
    """Scores of each row on the fused scale, (n, 7) with NaN, and the map that made them (None: there is no map)."""
    out = np.full((len(timeline), len(scale(FUSED_SCALE))), np.nan, np.float32)
    names: list[str | None] = [None] * len(timeline)
    target = timeline.column("target")
    for name in {t for t in target if t}:
        rows = np.flatnonzero(target == name)
        try:
            used = scale_map(name, FUSED_SCALE).name
        except UnknownName:
            continue
        out[rows] = map_scores(timeline.scores(name)[rows], name, FUSED_SCALE)
        for row in rows:
            names[row] = used
    return out, names


def fuse(readings: Timeline, spans: list[Span]) -> Timeline:
    """Pool all readings of one person over each span.

    Args:
        readings: Rows of any modality whose tracks are persons.
        spans: Spans to fuse, with source, track, start and end.

    Returns:
        Rows of modality `fused` on Ekman-6 + neutral, perspective `perceived`; a span without any opinion gives no row.
    """
    if not spans or not len(readings):
        return Timeline.empty()
    uniform = np.full((len(spans), len(scale(FUSED_SCALE))), np.nan)
    anchors = Timeline.build(spans, {FUSED_SCALE: uniform}, perspective=PERSPECTIVE, by=NAME, modality="fused")
    gathered: list[list[tuple[np.ndarray, float, str, str]]] = [[] for _ in spans]
    for perspective in sorted({p for p in readings.column("perspective") if p}):
        part = readings.where(perspective=perspective)
        joined = align(part, anchors, across=(perspective, PERSPECTIVE))
        p, maps = on_common_scale(part)
        sure, flags = certainty(p), part.column("flags")
        by, modality = part.column("by"), part.column("modality")
        for row, anchor, seconds in zip(joined.a, joined.b, joined.overlap, strict=True):
            quiet = any(f.startswith("abstained") for f in flags[row] or ())
            if maps[row] is None or quiet or np.isnan(p[row]).all():
                continue
            length = max((spans[anchor].end or 0) - (spans[anchor].start or 0), 1e-9)
            note = f"{modality[row]} {by[row]}: {maps[row]}, {joined.name}"
            gathered[anchor].append((p[row], float(sure[row]) * min(seconds / length, 1.0), modality[row], note))
    rows, scores, evidence, flags_out = [], [], [], []
    for span, opinions in zip(spans, gathered, strict=True):
        total = sum(weight for _, weight, _, _ in opinions)
        if total < _LEAST:
            continue
        weights = np.array([weight for _, weight, _, _ in opinions])
        rows.append(span)
        scores.append(pool(np.stack([p for p, _, _, _ in opinions]), weights))
        evidence.append(_shares(opinions, weights / total, span))
        kinds = {kind for _, _, kind, _ in opinions}
        flags_out.append(["single-modality"] if len(kinds) == 1 else [])
    if not rows:
        return Timeline.empty()
    p = np.stack(scores)
    labels = [[scale(FUSED_SCALE).labels[int(i)]] for i in p.argmax(1)]
    return Timeline.build(
        rows,
        {FUSED_SCALE: p},
        perspective=PERSPECTIVE,
        by=NAME,
        modality="fused",
        evidence=evidence,
        flags=flags_out,
        labels={FUSED_SCALE: labels},
    )


def _shares(opinions: list[tuple[np.ndarray, float, str, str]], weights: np.ndarray, span: Span) -> list[Evidence]:
    """Weight of each reader and map in a fused row, largest first."""
    total: dict[str, float] = {}
    for (_, _, _, note), weight in zip(opinions, weights, strict=True):
        total[note] = total.get(note, 0.0) + float(weight)
    ordered = sorted(total.items(), key=lambda pair: -pair[1])
    return [Evidence("reader", span.start, span.end, note, weight) for note, weight in ordered]
