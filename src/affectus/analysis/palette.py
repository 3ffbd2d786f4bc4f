"""Colours of emotions: one a family, apart for every kind of colour vision, dark text is legible on all."""

from __future__ import annotations

from functools import cache

from affectus.errors import UnknownName
from affectus.taxonomy import scale, scale_map

COMMON = "ekman-6+neutral"

COLOURS = {
    "anger": "#e8613c",
    "disgust": "#1fa67a",
    "fear": "#a97fd8",
    "joy": "#f4b81c",
    "sadness": "#4a90d9",
    "surprise": "#9fe0ee",
    "neutral": "#b9bcc4",
    "other": "#8a8580",
}
"""Family → colour; a family is a label of Ekman's six with neutral, or `other`."""

_OWN = {"positive": "joy", "negative": "sadness"}


@cache
def family(label: str, of: str) -> str:
    """The family whose colour a label is drawn in: itself, or what the published map of its scale makes of it.

    Args:
        label: Label on the scale.
        of: Name of the scale.
    """
    if label in COLOURS:
        return label
    try:
        row = scale_map(of, COMMON).rows.get(label, {})
    except UnknownName:
        row = {}
    weights = {to: weight for to, weight in row.items() if weight > 0}
    return max(weights, key=weights.__getitem__) if weights else _OWN.get(label, "other")


@cache
def families(of: str) -> tuple[str, ...]:
    """The family of each label of a scale."""
    return tuple(family(label, of) for label in scale(of).labels)
