"""Valence and arousal of emotion labels: published ratings of emotional states, and readings derived from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import numpy as np

from affectus.errors import ScaleError
from affectus.taxonomy.scale import scale

SCALE = "valence-arousal"
"""The scale of every derived reading of this module."""

DERIVED = "derived"
"""Flag for readings that were computed from other scores instead of being read."""


@dataclass(frozen=True)
class Coordinates:
    """Where labels lie in the plane of valence and arousal.

    Args:
        source: Publication of the ratings.
        licence: Licence of the ratings.
        words: Label → (valence, arousal), each in [-1, 1].
        terms: Label → the rated state that stands for it, where it is not the label itself.
        notes: How the values were made and what they can't tell.
    """

    source: str
    licence: str
    words: Mapping[str, tuple[float, float]] = field(repr=False)
    terms: Mapping[str, str] = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)

    def table(self, labels: tuple[str, ...]) -> np.ndarray:
        """Coordinates of labels, shape (labels, 2), float32.

        Raises:
            ScaleError: If a label has no published coordinates; none are guessed.
        """
        missing = [label for label in labels if label not in self.words]
        if missing:
            raise ScaleError(
                f"no published valence and arousal for {', '.join(map(repr, missing))}",
                allowed=", ".join(sorted(self.words)),
                remedy="map the scores to a scale such as 'ekman-6+neutral' first",
            )
        return np.array([self.words[label] for label in labels], np.float32)


@cache
def coordinates() -> Coordinates:
    """The shipped coordinates."""
    file = resources.files("affectus.taxonomy") / "data" / "coordinates.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    return Coordinates(
        source=data["source"],
        licence=data["licence"],
        words={label: (valence, arousal) for label, (valence, arousal) in data["words"].items()},
        terms=data["terms"],
        notes=tuple(data["notes"]),
    )


def valence_arousal(scores: np.ndarray, scale_name: str) -> np.ndarray:
    """Derive valence and arousal as the mean of the labels' coordinates, weighted by their probabilities.

    The result says where the labels lie, not what the text, voice or face says beyond them: mark such readings with
    `DERIVED`.

    Args:
        scores: (n, k) or (k,) probabilities on a one-of or any-of scale; NaN (no opinion) counts as absent.
        scale_name: Their scale; every label of it needs published coordinates.

    Returns:
        (n, 2) float32, valence and arousal in [-1, 1]; NaN in rows without any probability.

    Raises:
        ScaleError: If the scale is a level, has labels without coordinates, or does not fit the scores.
    """
    emotions = scale(scale_name)
    if emotions.kind == "level":
        raise ScaleError(f"scale {scale_name!r} holds levels, not probabilities", allowed="a one-of or any-of scale")
    places = coordinates().table(emotions.labels)
    weights = np.nan_to_num(np.atleast_2d(np.asarray(scores, np.float32)), nan=0.0)
    if weights.ndim != 2 or weights.shape[1] != len(emotions):
        raise ScaleError(f"scores have shape {weights.shape}", allowed=f"(n, {len(emotions)}) for scale {scale_name!r}")
    total = weights.sum(axis=1, keepdims=True)
    return (weights @ places / np.where(total > 0, total, np.nan)).astype(np.float32)
