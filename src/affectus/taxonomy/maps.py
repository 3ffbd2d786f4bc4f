"""Explicit maps between scales. A map that loses something says what, and is asked for by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import numpy as np

from affectus.errors import ScaleError, UnknownName
from affectus.taxonomy.scale import Scale, scale


@dataclass(frozen=True)
class ScaleMap:
    """How scores on one scale become scores on another.

    Args:
        source: Name of the scale that is read.
        target: Name of the scale that is produced.
        rows: Source label → (target label → weight). A source label without a row is dropped.
        loses: What can't be told apart, or is dropped, after the map.
        reference: Publication or convention that the map follows.
    """

    source: str
    target: str
    rows: Mapping[str, Mapping[str, float]] = field(repr=False)
    loses: str
    reference: str

    @property
    def name(self) -> str:
        """`source→target`, as recorded in evidence."""
        return f"{self.source}→{self.target}"

    def matrix(self) -> np.ndarray:
        """Weights, shape (source labels, target labels), float32."""
        a, b = scale(self.source), scale(self.target)
        weights = np.zeros((len(a), len(b)), np.float32)
        for label, row in self.rows.items():
            for to, weight in row.items():
                weights[a.index(label), b.index(to)] = weight
        return weights

    def covered(self) -> tuple[str, ...]:
        """Target labels that some source label reaches; a reader has no opinion about the others."""
        reached = self.matrix().sum(0) > 0
        return tuple(label for label, yes in zip(scale(self.target).labels, reached, strict=True) if yes)


@cache
def _all() -> Mapping[tuple[str, str], ScaleMap]:
    text = (resources.files("affectus.taxonomy") / "data" / "maps.json").read_text(encoding="utf-8")
    return {(row["source"], row["target"]): ScaleMap(**row) for row in json.loads(text)}


def known_maps() -> tuple[ScaleMap, ...]:
    """All maps, in the order of their names."""
    return tuple(_all()[key] for key in sorted(_all()))


def scale_map(source: str, target: str) -> ScaleMap:
    """The map between two scales.

    Raises:
        UnknownName: If none is defined; no map is ever guessed from label names. The same scale maps onto itself.
    """
    a, b = scale(source), scale(target)
    if a.name == b.name:
        return ScaleMap(a.name, b.name, {label: {label: 1.0} for label in a.labels}, "nothing", "identity")
    found = _all().get((source, target))
    if found is None:
        reachable = sorted(t for s, t in _all() if s == source)
        raise UnknownName(
            f"there is no map from scale {source!r} to {target!r}",
            allowed=f"from {source!r} to " + (", ".join(reachable) or "nothing"),
        )
    return found


def map_scores(scores: np.ndarray, source: str, target: str) -> np.ndarray:
    """Carry scores over to another scale.

    Probabilities of labels that fall together are added where the source is one-of and joined by their maximum where it is any-of
    (independent labels may be true at once, so their sum is no probability). A one-of result is brought to sum 1 again; where
    nothing of a row survives the map, the row is NaN.

    Args:
        scores: (n, k) on the source scale.
        source: Name of the source scale.
        target: Name of the target scale.

    Returns:
        (n, m) float32 on the target scale; NaN in columns that the source has no opinion about.
    """
    a, b, weights = scale(source), scale(target), scale_map(source, target).matrix()
    scores = np.atleast_2d(np.asarray(scores, np.float32))
    if scores.shape[1] != len(a):
        raise ScaleError(f"scores have {scores.shape[1]} columns", allowed=f"{len(a)} for scale {source!r}")
    out = np.max(scores[:, :, None] * weights[None], axis=1) if a.kind == "any-of" else scores @ weights
    reached = weights.sum(0) > 0
    if b.kind == "one-of" and a != b:
        total = out.sum(1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            out = np.where(total > 0, out / total, np.nan)
    out = out.astype(np.float32)
    out[:, ~reached] = np.nan
    return out


__all__ = ["Scale", "ScaleMap", "known_maps", "map_scores", "scale_map"]
