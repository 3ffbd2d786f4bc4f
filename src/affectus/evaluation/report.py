"""One page about one measurement: how good, for whom, how sure, and where it fails."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from markupsafe import Markup

from affectus.atomic import writing
from affectus.errors import InputError, check_option
from affectus.evaluation import pictures
from affectus.evaluation.catalogue import METRICS, Metric
from affectus.evaluation.checks import finite, same_length
from affectus.evaluation.intervals import bootstrap
from affectus.evaluation.metrics import coverage_and_size, per_label, scored
from affectus.evaluation.reliability import label_ece, reliability, risk_coverage
from affectus.evaluation.subgroups import SMALL, subgroups
from affectus.page import figure_bar, render

TEMPLATES = resources.files("affectus.evaluation") / "templates"
MOST_ERRORS = 25
_LONGEST = 300  # characters of a text
_ANSWERED = (1.0, 0.9, 0.8, 0.7, 0.5)  # coverages at which the risk is told

USUAL = {
    "one-of": ("macro_f1", "accuracy", "uar", "ece_top_label", "brier"),
    "any-of": ("macro_f1", "micro_f1", "jaccard", "macro_average_precision", "ece_top_label", "brier"),
    "level": ("pearson", "ccc", "rmse"),
    "profile": ("acc_at_1", "ap_document", "ap_emotion", "profile_rmse", "jensen_shannon"),
}

COMPARED = {"one-of": "accuracy", "any-of": "jaccard", "level": "mae", "profile": "acc_at_1"}
"""Figures of subgroups: means over items, which small groups don't lower just by lacking some labels."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A figure of the headline table.

    Args:
        title: Name for people.
        value: The figure.
        n: Number of items.
        low: Lower end of the interval.
        high: Upper end.
        note: What must be said with it.
        share: Whether it lies between 0 and 1, so that a bar can show it.
    """

    title: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None
    note: str = ""
    share: bool = False

    @property
    def bar(self) -> Markup | None:
        """The figure between 0 and 1."""
        return figure_bar(self.value, self.low, self.high) if self.share and 0 <= self.value <= 1 else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """What one reader said about the items of one split on one scale.

    Args:
        reader: Name of the reader.
        data: Name of corpus and split.
        kind: Kind of the scale; `profile` is a one-of scale whose gold are shares.
        labels: Names of the k labels.
        gold: (n,) class numbers (one-of), (n, k) zeros and ones (any-of), levels or shares.
        scores: (n, k) calibrated probabilities, levels or shares.
        decided: (n, k) booleans, what an any-of reader decided; None decides from 0.5 upwards.
        sets: (n, k) booleans, the conformal sets.
        margin: Half widths of the levels' conformal intervals, k values.
        coverage: What sets or intervals aim at.
        ids: (n,) names of the items.
        texts: (n,) what was read.
        may_show: Whether the terms of the corpus allow its texts in a page; if not, errors are listed by id alone.
        columns: Name → (n,) values by which subgroups are compared, for example sex, language, corpus.
        clusters: (n,) speaker, author or dialogue of each item, drawn whole in resamples.
        figures: Headline figures; empty computes the usual ones of the kind.
        limits: What must be said besides.
    """

    reader: str
    data: str
    kind: Literal["one-of", "any-of", "level", "profile"]
    labels: Sequence[str]
    gold: np.ndarray
    scores: np.ndarray
    decided: np.ndarray | None = None
    sets: np.ndarray | None = None
    margin: Sequence[float] = ()
    coverage: float | None = None
    ids: Sequence[str] = ()
    texts: Sequence[str] = ()
    may_show: bool = False
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    clusters: Sequence[Any] | None = None
    figures: Sequence[Line] = ()
    limits: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_option("kind", self.kind, list(USUAL))
        scores, gold = finite("scores", self.scores), np.asarray(self.gold)
        optional = (self.decided, self.sets, self.clusters, *self.columns.values())
        rows = [np.asarray(v, dtype=object) for v in (*optional, self.ids or None, self.texts or None) if v is not None]
        same_length(scores, gold, *rows)
        shape = (len(scores), len(self.labels))
        if scores.shape != shape or gold.shape not in ((shape[:1],) if self.kind == "one-of" else (shape,)):
            raise InputError(
                f"scores have shape {scores.shape} and gold {gold.shape}",
                allowed=f"(n, {shape[1]}) scores, and gold "
                + ("(n,) class numbers" if self.kind == "one-of" else f"(n, {shape[1]})"),
            )
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "gold", gold.astype(np.int64) if gold.dtype == bool else gold)

    @property
    def answers(self) -> np.ndarray:
        """What was decided: (n,) class numbers, or (n, k) zeros and ones."""
        if self.kind == "one-of":
            return self.scores.argmax(1)
        return (self.scores >= 0.5 if self.decided is None else np.asarray(self.decided)).astype(np.int64)

    def sides(self, of: Metric) -> tuple[np.ndarray, np.ndarray]:
        """Gold and prediction in the forms that a metric asks for."""
        return self.gold, self.scores if of.predicted == "scores" else self.answers


def write_report(
    results: Results,
    path: str | Path,
    *,
    protocol: Mapping[str, str],
    resamples: int = 2000,
    seed: int = 0,
    written: str | None = None,
) -> Path:
    """Write the report: one HTML file that fetches nothing and runs no script.

    Args:
        results: What was measured.
        path: File to write.
        protocol: What the figures depend on apart from the reader, name → text.
        resamples: Of the bootstrap, where figures are computed here and for subgroups.
        seed: Of the resamples.
        written: Day of the page; None is today.

    Raises:
        OutputError: If it can't be written.
    """
    lines = list(results.figures) or _lines(results, resamples, seed)
    page = render(
        TEMPLATES / "evaluation.html",
        style=(TEMPLATES / "evaluation.css").read_text(encoding="utf-8"),
        written=written or time.strftime("%Y-%m-%d"),
        results=results,
        n=len(results.scores),
        lines=lines,
        protocol=protocol,
        labels=_labels(results),
        levels=_levels(results),
        calibration=_calibration(results),
        abstention=_abstention(results),
        sets=_sets(results),
        groups=[_group(results, name, resamples, seed) for name in results.columns],
        errors=_errors(results),
        small=SMALL,
    )
    path = Path(path)
    with writing(path) as file:
        file.write(page)
    return path


def _lines(results: Results, resamples: int, seed: int) -> list[Line]:
    out = []
    for name in USUAL[results.kind]:
        of = METRICS[name]
        sides, low, high = results.sides(of), None, None
        value = of(*sides)
        if of.resampled and resamples and not np.isnan(value):
            found = bootstrap(of, *sides, n=resamples, seed=seed, groups=results.clusters)
            low, high = found.low, found.high
        share = of.best in (0.0, 1.0) and not name.endswith(("rmse", "mae"))
        out.append(
            Line(title=of.title, value=value, low=low, high=high, n=len(results.scores), note=of.note, share=share)
        )
    return out


def _labels(results: Results) -> dict[str, Any] | None:
    k = len(results.labels)
    if results.kind == "one-of":
        counts = np.zeros((k, k), int)
        np.add.at(counts, (results.gold, results.answers), 1)
        found = per_label(results.gold, results.answers, classes=range(k))
        confusion = pictures.confusion(counts, results.labels)
        return {"confusion": confusion, "bars": pictures.label_bars(found, results.labels)}
    if results.kind == "any-of":
        found = per_label(results.gold, results.answers)
        return {"confusion": None, "bars": pictures.label_bars(found, results.labels)}
    return None


def _levels(results: Results) -> list[dict[str, Any]]:
    if results.kind not in ("level", "profile"):
        return []
    out = []
    for i, label in enumerate(results.labels):
        gold, level = results.gold[:, i].astype(float), results.scores[:, i]
        margin = results.margin[i] if len(results.margin) else None
        inside = None if margin is None else float((np.abs(gold - level) <= margin).mean())
        figures = {METRICS[name].title: METRICS[name](gold, level) for name in ("pearson", "ccc", "rmse")}
        picture = pictures.scatter(gold, level, label, margin)
        out.append({"label": label, "picture": picture, "figures": figures, "margin": margin, "inside": inside})
    return out


def _calibration(results: Results) -> dict[str, Any] | None:
    if results.kind in ("level", "profile"):
        return None
    found = reliability(results.scores, results.gold)
    errors = label_ece(results.scores, results.gold)
    member = scored(results.scores, results.gold)[1]
    worst = np.argsort(-errors, kind="stable")[:5]
    return {
        "picture": pictures.reliability_diagram(found),
        "ece": found.ece,
        "bins": len(found.items),
        "sure": float(results.scores.max(1).mean()),
        "right": float((found.hits * found.items).sum() / found.items.sum()),
        "worst": [(results.labels[i], errors[i], member[:, i].mean(), results.scores[:, i].mean()) for i in worst],
    }


def _losses(results: Results) -> tuple[np.ndarray, str]:
    if results.kind == "one-of":
        return (results.gold != results.answers).astype(float), "share of wrong answers"
    gold, answers = results.gold.astype(bool), results.answers.astype(bool)
    both, either = (gold & answers).sum(1), (gold | answers).sum(1)
    return 1 - np.divide(both, either, out=np.ones(len(gold)), where=either > 0), "1 − Jaccard"


def _abstention(results: Results) -> dict[str, Any] | None:
    if results.kind in ("level", "profile"):
        return None
    losses, name = _losses(results)
    found = risk_coverage(results.scores.max(1), losses)
    return {
        "picture": pictures.risk_curve(found, name),
        "loss": name,
        "area": found.area,
        "at": [(share, found.at(share)) for share in _ANSWERED],
    }


def _sets(results: Results) -> dict[str, Any] | None:
    if results.sets is None or results.kind in ("level", "profile"):
        return None
    sets = np.asarray(results.sets, bool)
    sizes = np.bincount(sets.sum(1), minlength=len(results.labels) + 1)
    cumulated = [(most, float(sizes[: most + 1].sum() / len(sets))) for most in (1, 2, 3, 5, 10)]
    return {
        **coverage_and_size(sets, results.gold)._asdict(),
        "aim": results.coverage,
        "median": int(np.median(sets.sum(1))),
        "largest": int(sets.sum(1).max()),
        "up_to": [(most, share) for most, share in cumulated if most < len(results.labels)],
    }


def _group(results: Results, name: str, resamples: int, seed: int) -> dict[str, Any]:
    of = METRICS[COMPARED[results.kind]]
    sides = results.sides(of)
    found = subgroups(of, results.columns[name], *sides, n=max(resamples, 1), seed=seed, groups=results.clusters)
    ends = [v for g in found if g.figure for v in (g.figure.low, g.figure.high, g.figure.value)]
    whole = of(*sides)
    span = (min([*ends, whole]), max([*ends, whole]))
    room = (span[1] - span[0] or 1.0) * 0.04
    span = (span[0] - room, span[1] + room)
    rows = [
        (g, pictures.forest(g.figure.value, g.figure.low, g.figure.high, span, whole) if g.figure else None)
        for g in found
    ]
    return {"name": name, "metric": of.title, "higher": of.higher, "rows": rows, "whole": whole}


def _errors(results: Results) -> list[dict[str, Any]]:
    """The items on which the reader was most sure and wrong, or off by most."""
    labels = results.labels
    if results.kind in ("level", "profile"):
        gaps = np.abs(results.gold - results.scores)
        size, at = gaps.max(1), gaps.argmax(1)
        order = np.argsort(-size, kind="stable")[:MOST_ERRORS]
        told = [
            (i, f"{labels[at[i]]} {results.gold[i, at[i]]:.2f}", f"{labels[at[i]]} {results.scores[i, at[i]]:.2f}")
            for i in order
        ]
    else:
        top, member = results.scores.argmax(1), scored(results.scores, results.gold)[1].astype(bool)
        rows = np.arange(len(top))
        sure, wrong = results.scores[rows, top], ~member[rows, top]
        order = np.flatnonzero(wrong)[np.argsort(-sure[wrong], kind="stable")][:MOST_ERRORS]
        told = [
            (i, ", ".join(np.array(labels)[member[i]]) or "no label", f"{labels[top[i]]} {sure[i]:.2f}") for i in order
        ]
    shown = results.may_show and len(results.texts)
    return [
        {
            "id": results.ids[i] if len(results.ids) else f"item {i + 1}",
            "text": _short(results.texts[i]) if shown else None,
            "gold": gold,
            "said": said,
        }
        for i, gold, said in told
    ]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


__all__ = ["Line", "Results", "write_report"]
