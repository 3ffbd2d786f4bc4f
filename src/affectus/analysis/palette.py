"""Colours of emotions: one a family, apart for every kind of colour vision, dark text is legible on all."""

from __future__ import annotations

from functools import cache

from affectus.errors import UnknownName
from affectus.taxonomy import scale, scale_map

COMMON = "ekman-6+neutral"

COLOURS = {
    "anger": "#e65819",
    "disgust": "#80b67f",
    "fear": "#c195cc",
    "joy": "#efb402",
    "sadness": "#5881e7",
    "surprise": "#9cebf2",
    "neutral": "#b9bdc4",
    "other": "#8e8683",
}
"""Family → colour; a family is a label of Ekman's six with neutral, or `other`.

Found by search within each family's range of hues for the largest least distance in OKLab, as seen with full colour
vision, protanopia, deuteranopia and tritanopia, with a contrast of at least 4.5 to dark text.
"""

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
