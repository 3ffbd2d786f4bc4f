"""From raw outputs to calibrated scores, decided labels, conformal sets and abstention.

A `Readout` is data (it stands in a checkpoint's `config.json`), so that calibrating a reader never touches its weights,
and the
exported reader decides exactly as the torch one. It needs NumPy alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from affectus.affect import Evidence
from affectus.errors import ConfigError
from affectus.sample import Span
from affectus.taxonomy import Perspective, Scale, scale
from affectus.timeline import Timeline

Curve = tuple[tuple[float, ...], tuple[float, ...]]

STRANGE = "abstained:out-of-distribution"


@dataclass(frozen=True)
class Readout:
    """How the outputs of one head are read.

    Args:
        scale: Name of the scale.
        perspective: Whose feeling it is.
        slope: Factor on the logits: one number (temperature scaling: 1 / T) or one for each label (Platt 1999). Empty
            is 1.
        intercept: Added to the scaled logits: empty, or one number for each label.
        isotonic: Empty, or for each label the corners (x, y) of a rising curve from scaled to calibrated probability
            (Zadrozny & Elkan 2002); one-of scores are then divided by their sum.
        thresholds: any-of only: a label is decided from this probability upwards. Empty is 0.5.
        at_least_one: any-of only: decide the label that is nearest to its threshold when none reaches it.
        quantile: Conformal threshold: a label is in the set when 1 − p ≤ quantile. None gives no sets.
        margin: level only: for each label, how far to either side the gold value is looked for. Empty gives no
            intervals.
        coverage: Share of items whose gold labels are in the set, or value in the interval, as fitted.
        floor: Abstain when the highest probability is below this.
        limit: Abstain when the out-of-distribution score is above this. None never does.
    """

    scale: str
    perspective: Perspective
    slope: tuple[float, ...] = ()
    intercept: tuple[float, ...] = ()
    isotonic: tuple[Curve, ...] = ()
    thresholds: tuple[float, ...] = ()
    at_least_one: bool = True
    quantile: float | None = None
    margin: tuple[float, ...] = ()
    coverage: float = 0.9
    floor: float = 0.0
    limit: float | None = None

    def __post_init__(self) -> None:
        k = len(self.of)
        for name in ("slope", "intercept", "thresholds", "margin"):
            values = tuple(float(v) for v in getattr(self, name))
            object.__setattr__(self, name, values)
            allowed = (0, 1, k) if name == "slope" else (0, k)
            if len(values) not in allowed:
                raise ConfigError(
                    f"{name} of the readout on {self.scale!r} has {len(values)} values", allowed=f"{allowed}"
                )
        curves = tuple((tuple(map(float, x)), tuple(map(float, y))) for x, y in self.isotonic)
        object.__setattr__(self, "isotonic", curves)
        if len(curves) not in (0, k) or any(len(x) != len(y) or not x for x, y in curves):
            raise ConfigError(
                f"isotonic of the readout on {self.scale!r} has {len(curves)} curves",
                allowed=f"none, or {k} with one y for each x",
            )

    @property
    def of(self) -> Scale:
        """The scale object."""
        return scale(self.scale)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated scores, (n, k) float32, from raw outputs of the same shape; levels are clipped to their range."""
        x = np.asarray(logits, np.float64)
        if self.slope:
            x = x * np.asarray(self.slope)
        if self.intercept:
            x = x + np.asarray(self.intercept)
        of = self.of
        if of.kind == "level":
            return np.clip(x, of.low, of.high).astype(np.float32)
        if of.kind == "any-of":
            return self._curved(1 / (1 + np.exp(-np.clip(x, -60, 60)))).astype(np.float32)
        x = np.exp(x - x.max(1, keepdims=True))
        p = x / x.sum(1, keepdims=True)
        curved = self._curved(p)
        total = curved.sum(1, keepdims=True)
        return np.divide(curved, total, out=p, where=total > 0).astype(np.float32)

    def _curved(self, p: np.ndarray) -> np.ndarray:
        if not self.isotonic:
            return p
        return np.column_stack([np.interp(v, x, y) for v, (x, y) in zip(p.T, self.isotonic, strict=True)])

    def intervals(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Lower and upper ends of the levels, two (n, k), within the scale's range; None if no margin was fitted."""
        if not self.margin or self.of.kind != "level":
            return None
        margin, of = np.asarray(self.margin), self.of
        return np.maximum(p - margin, of.low), np.minimum(p + margin, of.high)

    def decide(self, p: np.ndarray) -> list[list[str]]:
        """Decided labels of each row of calibrated scores, most probable first; none on a level or without opinion."""
        labels, kind = self.of.labels, self.of.kind
        if kind == "level":
            return [[] for _ in p]
        if kind == "one-of":
            return [[] if np.isnan(row).all() else [labels[int(np.nanargmax(row))]] for row in p]
        bar = np.asarray(self.thresholds or [0.5] * len(labels))
        out = []
        for row in p:
            chosen = np.flatnonzero(row >= bar)
            if not len(chosen) and self.at_least_one and not np.isnan(row).all():
                chosen = np.array([np.nanargmax(row - bar)])
            out.append([labels[i] for i in chosen[np.argsort(-row[chosen])]])
        return out

    def sets(self, p: np.ndarray) -> list[list[str]] | None:
        """Conformal set of each row (split conformal, Vovk et al. 2005), most probable first; None if never fitted."""
        if self.quantile is None or self.of.kind == "level":
            return None
        labels = self.of.labels
        return [[labels[i] for i in np.argsort(-row) if 1 - row[i] <= self.quantile + 1e-9] for row in p]

    def abstentions(self, p: np.ndarray, distance: np.ndarray | None = None) -> list[str | None]:
        """Reason to abstain of each row, or None.

        Args:
            p: (n, k) calibrated scores.
            distance: (n,) out-of-distribution scores, higher is stranger.
        """
        out: list[str | None] = [None] * len(p)
        for i, row in enumerate(p):
            if self.limit is not None and distance is not None and distance[i] > self.limit:
                out[i] = STRANGE
            elif self.of.kind != "level" and row.max() < self.floor:
                out[i] = "abstained:low-confidence"
        return out


def read_out(
    spans: Sequence[Span],
    logits: dict[str, np.ndarray],
    readouts: Sequence[Readout],
    *,
    by: str,
    modality: str,
    derived: dict[str, np.ndarray] | None = None,
    distance: np.ndarray | None = None,
    text: Sequence[str | None] | None = None,
    evidence: Sequence[Sequence[Evidence]] | None = None,
    flags: Sequence[Sequence[str]] | None = None,
    sd: Mapping[str, np.ndarray] | None = None,
    decided: Mapping[str, list[list[str]]] | None = None,
) -> Timeline:
    """Make the timeline of a reader's raw outputs.

    Args:
        spans: Index of each row.
        logits: Scale name → (n, k) raw outputs, for every readout.
        readouts: In the order of the reader's targets; all of one perspective.
        by: Checkpoint name.
        modality: What was read.
        derived: Further scales → (n, k) finished scores, computed from the first ones; flagged as derived.
        distance: (n,) out-of-distribution scores.
        text: What was read, when it was text.
        evidence: What moved each row.
        flags: Warnings that are known already; a row with one that begins with `abstained:` gets no decision.
        sd: Scale name → (n, k) standard deviations.
        decided: Scale name → labels of each row, where they are decided together and not row by row; a row that
            abstains has none all the same.
    """
    perspectives = {r.perspective for r in readouts}
    if len(perspectives) != 1:
        raise ConfigError(
            f"readouts of perspectives {sorted(perspectives)} in one timeline", allowed="one perspective a timeline"
        )
    scores: dict[str, np.ndarray] = {}
    labels: dict[str, list[list[str]]] = {}
    sets: dict[str, list[list[str]]] = {}
    warned = [list(f) for f in flags] if flags is not None else [[] for _ in spans]
    declined = [any(flag.startswith("abstained:") for flag in row) for row in warned]
    for readout in readouts:
        p = readout.probabilities(logits[readout.scale])
        scores[readout.scale] = p
        if readout.of.kind == "level":
            continue
        given = (decided or {}).get(readout.scale)
        named, chosen = readout.decide(p) if given is None else list(given), readout.sets(p)
        for i, reason in enumerate(readout.abstentions(p, distance)):
            if reason:
                warned[i] += [reason] if reason not in warned[i] else []
            if reason or declined[i]:
                named[i] = []
            if (reason == STRANGE or declined[i]) and chosen is not None:
                # The guarantee holds for speech, faces, texts like those it was fitted on: here nothing is excluded.
                chosen[i] = list(readout.of.labels)
        labels[readout.scale] = named
        if chosen is not None:
            sets[readout.scale] = chosen
    for name in derived or {}:
        for row in warned:
            row.append(f"derived:{name}")
    return Timeline.build(
        spans,
        scores | (derived or {}),
        perspective=next(iter(perspectives)),
        by=by,
        modality=modality,
        text=text,
        evidence=evidence,
        flags=warned,
        labels=labels,
        sets=sets,
        sd=sd,
    )
