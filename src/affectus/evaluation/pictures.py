"""Pictures of an evaluation: confusion, labels, levels, reliability, abstention and subgroups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from affectus.evaluation.metrics import PerLabel
from affectus.evaluation.reliability import Reliability, RiskCoverage
from affectus.page import Axes, tag

WIDTH = 960
MOST_POINTS = 2000  # of a scatter
_LETTER = 7.4  # width of a letter, in units of the drawings
_NUMBERED = 14  # labels up to which a confusion matrix has numbers in its cells


def _gutter(names: Sequence[str], least: float = 60) -> float:
    return max(least, min(220, _LETTER * max(map(len, names)) + 14))


def confusion(counts: np.ndarray, labels: Sequence[str]) -> Markup:
    """Counts (gold, predicted) as cells, shaded by their share of the row; the diagonal is right."""
    k, gutter = len(labels), _gutter(labels) + 44
    cell = min(64.0, (WIDTH - gutter) / k)
    head = _LETTER * max(map(len, labels)) * 0.72 + 24
    tall, parts = min(cell, 44.0), []
    for j, label in enumerate(labels):
        x = gutter + (j + 0.5) * cell
        parts.append(tag("text", label, x=x, y=head - 8, transform=f"rotate(-42 {x:g} {head - 8:g})", class_="name"))
    totals = counts.sum(1)
    for i, label in enumerate(labels):
        y = head + i * tall
        parts.append(tag("text", label, x=gutter - 52, y=y + tall / 2 + 4, class_="name end"))
        parts.append(tag("text", f"{totals[i]:,}", x=gutter - 8, y=y + tall / 2 + 4, class_="value end"))
        for j, other in enumerate(labels):
            share = counts[i, j] / totals[i] if totals[i] else 0.0
            hint = tag("title", f"{label} read as {other}: {counts[i, j]:,} of {totals[i]:,} ({share:.0%})")
            x, kind = gutter + j * cell, "cell right" if i == j else "cell"
            box = {"x": x + 1, "y": y + 1, "width": cell - 2, "height": tall - 2, "rx": 2}
            parts.append(tag("rect", class_="lane", **box))
            parts.append(tag("rect", hint, class_=kind, fill_opacity=share, **box))
            if k <= _NUMBERED and counts[i, j]:
                ink = "cell-number strong" if share > 0.55 else "cell-number"
                parts.append(tag("text", f"{share:.0%}", x=x + cell / 2, y=y + tall / 2 + 4, class_=ink))
    size = f"0 0 {gutter + k * cell + head * 0.8:.0f} {head + k * tall + 4:.0f}"
    return tag("svg", *parts, viewBox=size, class_="confusion", role="img", aria_label="Confusion matrix",
               style=f"max-width: {gutter + k * cell + head * 0.8:.0f}px")  # fmt: skip


def label_bars(found: PerLabel, labels: Sequence[str]) -> Markup:
    """F1 of each label as a bar, precision and recall as marks, support at the right; the best label first."""
    gutter, row, full = _gutter(labels), 24, 560
    parts, most = [], max(int(found.support.max()), 1)
    support = gutter + full + 70
    head = (("F1", gutter, ""), ("items", support, ""))
    parts += [tag("text", name, x=x, y=12, class_=f"tick {kind}") for name, x, kind in head]
    for place, i in enumerate(np.lexsort((-found.support, -found.f1))):
        y = 20 + place * row
        f1, precision, recall = (float(v[i]) for v in (found.f1, found.precision, found.recall))
        hint = tag("title", f"{labels[i]}: F1 {f1:.3f}, precision {precision:.3f}, recall {recall:.3f}")
        parts.append(tag("text", labels[i], x=gutter - 10, y=y + 15, class_="name end"))
        parts.append(tag("rect", x=gutter, y=y + 3, width=full, height=row - 8, class_="lane"))
        parts.append(tag("rect", hint, x=gutter, y=y + 3, width=full * f1, height=row - 8, class_="bar"))
        if found.support[i]:
            middle = y + row / 2 - 1
            parts.append(tag("circle", cx=gutter + full * precision, cy=middle, r=4.2, class_="precision"))
            x = gutter + full * recall
            parts.append(tag("path", d=f"M{x - 5:.1f} {middle:g}l5 -5l5 5l-5 5z", class_="recall"))
        parts.append(tag("text", f"{f1:.2f}", x=gutter + full + 10, y=y + 15, class_="value"))
        width = max(150 * found.support[i] / most, 1 if found.support[i] else 0)
        parts.append(tag("rect", x=support, y=y + 7, width=width, height=row - 16, class_="support"))
        parts.append(tag("text", f"{found.support[i]:,}", x=support + width + 6, y=y + 15, class_="value"))
    size = f"0 0 {WIDTH + 40} {24 + len(labels) * row}"
    return tag("svg", *parts, viewBox=size, class_="labels", role="img", aria_label="F1 of each label")


def scatter(gold: np.ndarray, predicted: np.ndarray, label: str, margin: float | None = None) -> Markup:
    """Gold across, prediction upwards, the diagonal where they agree, and the conformal band around it.

    More than 2,000 points are thinned to evenly spaced ones in order of gold.
    """
    low, high = float(min(gold.min(), predicted.min())), float(max(gold.max(), predicted.max()))
    room = (high - low or 1.0) * 0.03
    axes = Axes((low - room, high + room), (low - room, high + room))
    parts = axes.frame("gold", "prediction")
    if margin is not None:
        for off in (-margin, margin):
            first, last = max(low, low - off), min(high, high - off)
            parts += [axes.line((first, first + off), (last, last + off), class_="band")] if first < last else []
    parts.append(axes.line((low, low), (high, high), class_="diagonal"))
    order = np.argsort(gold, kind="stable")
    order = order[:: -(-len(order) // MOST_POINTS)]
    parts += [
        tag("circle", cx=axes.at_x(x), cy=axes.at_y(y), r=2.4, class_="point-mark")
        for x, y in zip(gold[order].tolist(), predicted[order].tolist(), strict=True)
    ]
    return axes.picture(*parts, label=f"Prediction against gold: {label}")


def reliability_diagram(found: Reliability) -> Markup:
    """Share of hits in each bin, the gap to its mean probability, and below how many items it holds."""
    axes = Axes(height=360, below=20)
    parts = axes.frame("", "share that is right", ticks_x=False)
    for low, high, confidence, hits, count in zip(*(v.tolist() for v in found), strict=True):
        left, width = axes.at_x(low) + 1, axes.at_x(high) - axes.at_x(low) - 2
        hint = tag(
            "title", f"probability {low:.2f} to {high:.2f}: mean {confidence:.3f}, right {hits:.3f}, n {count:,}"
        )
        tall = max(axes.at_y(0) - axes.at_y(hits), 0.5)
        parts.append(tag("rect", hint, x=left, y=axes.at_y(hits), width=width, height=tall, class_="bar"))
        ends = sorted((axes.at_y(hits), axes.at_y(confidence)))
        kind = "gap over" if confidence > hits else "gap"
        parts.append(tag("rect", x=left, y=ends[0], width=width, height=max(ends[1] - ends[0], 0.8), class_=kind))
    parts.append(axes.line((0, 0), (1, 1), class_="diagonal"))
    return tag("div", axes.picture(*parts, label="Reliability"), _histogram(found), class_="stacked")


def _histogram(found: Reliability) -> Markup:
    top = float(found.items.max())
    axes = Axes(y=(0, top), height=120, top=8)
    parts = axes.frame("probability of the highest label", "items")
    for low, high, count in zip(found.low.tolist(), found.high.tolist(), found.items.tolist(), strict=True):
        left, width = axes.at_x(low) + 1, axes.at_x(high) - axes.at_x(low) - 2
        tall = max(axes.at_y(0) - axes.at_y(count), 1)
        hint = tag("title", f"{count:,} items")
        parts.append(tag("rect", hint, x=left, y=axes.at_y(0) - tall, width=width, height=tall, class_="support"))
    return axes.picture(*parts, label="Items in each bin")


def risk_curve(found: RiskCoverage, loss: str) -> Markup:
    """Risk of the answered items against their share, and the level line of answering at random."""
    top = max(float(found.risk.max()), 1e-3)
    keep = np.unique(np.linspace(0, len(found.coverage) - 1, 400).astype(int))
    axes = Axes(y=(0, top * 1.05))
    parts = axes.frame("share of items answered, the surest first", loss)
    final = float(found.risk[-1])
    parts.append(axes.line((0, final), (1, final), class_="diagonal"))
    points = zip(found.coverage[keep].tolist(), found.risk[keep].tolist(), strict=True)
    parts.append(axes.line(*points, class_="curve"))
    return axes.picture(*parts, label="Risk against coverage")


def forest(value: float, low: float, high: float, span: tuple[float, float], reference: float) -> Markup:
    """A figure with its interval as one line of a table, and the reference as a dashed line."""
    axes = Axes(span, (0, 1), width=260, height=18, left=2, right=2, top=0, below=0)
    parts = [
        tag("rect", x=0, y=8, width=260, height=2, class_="lane"),
        tag("line", x1=axes.at_x(reference), x2=axes.at_x(reference), y1=0, y2=18, class_="diagonal"),
        tag("line", x1=axes.at_x(low), x2=axes.at_x(high), y1=9, y2=9, class_="whisker"),
        tag("circle", cx=axes.at_x(value), cy=9, r=4, class_="point"),
    ]
    return axes.picture(*parts, label=f"{value:.3f}, {low:.3f} to {high:.3f}", class_="forest")
