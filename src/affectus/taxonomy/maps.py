"""Explicit maps between scales. A map that loses something says what, and is asked for by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
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
        rows: Source label → (target label → weight). A source label without a row is dropped. Weights are negative only
            between levels, where one signed control drives two one-sided ones.
        loses: What can't be told apart, or is dropped, after the map.
        reference: Publication or convention that the map follows.
        offset: Target label → constant that is added, where two levels have different ranges.
    """

    source: str
    target: str
    rows: Mapping[str, Mapping[str, float]] = field(repr=False)
    loses: str
    reference: str
    offset: Mapping[str, float] = field(default_factory=dict, repr=False)

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

    def constants(self) -> np.ndarray:
        """What is added to each target label, shape (target labels,), float32."""
        return np.array([self.offset.get(label, 0.0) for label in scale(self.target).labels], np.float32)

    def covered(self) -> tuple[str, ...]:
        """Target labels that some source label reaches; a reader has no opinion about the others."""
        reached = {to for row in self.rows.values() for to, weight in row.items() if weight}
        return tuple(label for label in scale(self.target).labels if label in reached)


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
        return ScaleMap(a.name, b.name, {label: {label: 1.0} for label in a.labels}, "Nothing.", "Identity")
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

    Labels that fall together are added where the source is one-of and joined by their maximum where it is any-of
    (independent labels may be true at once, so their sum is no probability). A one-of result is brought to sum 1 again;
    where nothing of a row survives the map, the row is NaN. Levels are combined linearly, moved by the map's offset and
    cut to the range of the target.

    NaN in the scores means no opinion. A probability is formed from the labels that have one; a level needs all that it
    is made of.

    Args:
        scores: (n, k) or (k,) on the source scale.
        source: Name of the source scale.
        target: Name of the target scale.

    Returns:
        (n, m) float32 on the target scale; NaN where the source has no opinion.

    Raises:
        ScaleError: If the scores do not have one column a label.
        UnknownName: If no map between the two is defined.
    """
    a, b = scale(source), scale(target)
    scores = np.atleast_2d(np.asarray(scores, np.float32))
    if scores.ndim != 2 or scores.shape[1] != len(a):
        raise ScaleError(f"scores have shape {scores.shape}", allowed=f"(n, {len(a)}) for scale {source!r}")
    if a.name == b.name:
        return scores.copy()
    weights, constants = _arrays(a, b)
    feeds = (weights != 0).astype(np.float32)
    known = ~np.isnan(scores)
    filled = np.where(known, scores, np.float32(0))
    out = _largest(filled, weights) if a.kind == "any-of" else filled @ weights
    if b.kind == "level":
        out = np.clip(out + constants, b.low, b.high)
        opinion = feeds.any(0) & ((~known).astype(np.float32) @ feeds == 0)
    else:
        out = out if a.kind == "level" else np.minimum(out, 1)
        opinion = known.astype(np.float32) @ feeds > 0
    out = np.where(opinion, out, np.float32(np.nan))
    if b.kind == "one-of":
        total = np.nansum(out, axis=1, keepdims=True)
        out = out / np.where(total > 0, total, np.nan)
    return out.astype(np.float32)


@lru_cache(maxsize=256)
def _arrays(source: Scale, target: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Weights and constants of a map, kept by the scales themselves: a replaced scale is never served an old map."""
    route = scale_map(source.name, target.name)
    return route.matrix(), route.constants()


def _largest(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """For each target label the largest weighted score that reaches it, shape (n, m)."""
    out = np.zeros((len(scores), weights.shape[1]), np.float32)
    for column in range(weights.shape[1]):
        feeding = np.flatnonzero(weights[:, column])
        if feeding.size:
            out[:, column] = (scores[:, feeding] * weights[feeding, column]).max(axis=1)
    return out
