"""A measurement as what the report shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectus.corpora.base import Loaded, groups
from affectus.errors import unknown
from affectus.evaluation.evaluate import Measurement
from affectus.evaluation.figures import figures
from affectus.evaluation.report import Line, Results, write_report
from affectus.sample import Sample

_KINDS = {"label": "one-of", "labels": "any-of", "levels": "level", "profiles": "profile"}
_BESIDES = ("language", "source", "track")  # what else than groups samples can be divided by


def report(found: Measurement, loaded: Loaded, reader: Any, path: Path, by: Iterable[str] = ()) -> Path:
    """Write the report of a measurement.

    Args:
        found: What was measured.
        loaded: The corpus it was measured on; its terms say whether texts may be shown.
        reader: The reader that was measured.
        path: HTML file to write.
        by: What subgroups are told apart by: kinds of the samples' groups, or language, source, track.

    Raises:
        UnknownName: If the samples can't be divided by that.
        OutputError: If the file can't be written.
    """
    columns = {name: _column(found.cases.samples, name) for name in by}
    results = results_of(found, loaded, reader, columns)
    return write_report(results, path, protocol=_told(found), seed=found.result.seed)


def results_of(found: Measurement, loaded: Loaded, reader: Any, columns: dict[str, np.ndarray]) -> Results:
    """The two sides of a measurement in the form that the report takes.

    Rows without an answer, which the figures count as wrong, stand in no picture.
    """
    of = found.result.protocol
    scores = found.answers.scores
    answered = np.isfinite(scores).all(1)
    if of.compare == "label":
        answered &= found.answers.values.any(1)
    gold = found.cases.gold[answered]
    clusters = found.cases.groups
    samples = [sample for sample, kept in zip(found.cases.samples, answered.tolist(), strict=True) if kept]
    readouts = {r.scale: r for r in reader.readouts}
    sets = found.answers.sets if of.compare in ("label", "labels") else None
    margins = [readouts[name].margin if name in readouts else () for name in of.scales]
    return Results(
        reader=found.result.name,
        data=f"{of.title}, {of.split}",
        kind=_KINDS[of.compare],  # type: ignore[arg-type]
        labels=of.labels("all"),
        gold=gold.argmax(1) if of.compare == "label" else gold,
        scores=scores[answered],
        decided=found.answers.values[answered].astype(bool) if of.compare == "labels" else None,
        sets=None if sets is None else sets[answered],
        margin=sum(margins, ()) if all(margins) else (),
        coverage=readouts[of.scales[0]].coverage if of.scales[0] in readouts else None,
        ids=[sample.id for sample in samples],
        texts=[sample.text or "" for sample in samples],
        may_show=loaded.corpus.ship,
        columns={name: values[answered] for name, values in columns.items()},
        clusters=None if clusters is None else clusters[answered],
        figures=_lines(found),
        limits=_limits(found, int((~answered).sum())),
    )


def _column(samples: Sequence[Sample], name: str) -> np.ndarray:
    if name in _BESIDES:
        out = np.empty(len(samples), object)
        out[:] = [getattr(sample, name) for sample in samples]
        return out
    kinds = {kind for sample in samples for kind in sample.groups}
    if name not in kinds:
        raise unknown("column", name, {*kinds, *_BESIDES})
    return groups(samples, name)


def _lines(found: Measurement) -> list[Line]:
    out = []
    for of in figures(found.result.protocol):
        value = found.result.metrics[of.key]
        share = not of.metric.name.endswith(("rmse", "mae"))
        out.append(Line(title=of.title, note=of.metric.note, share=share, **vars(value)))
    return out


def _told(found: Measurement) -> dict[str, str]:
    """Everything that the figures depend on besides the reader, name → text."""
    result, of = found.result, found.result.protocol
    rows = {
        "protocol": of.title,
        "what is compared": of.sentence,
        "source": of.source,
        "remark": of.note,
        "gold": of.perspective,
        "intervals": f"{result.interval}, seed {result.seed}" if result.interval != "none" else "none",
        "left out": "; ".join(f"{count:,} rows {reason}" for reason, count in result.left_out.items()),
        "without an answer": f"{result.no_answer:,}",
        "abstained": f"{result.abstained:,}",
        "checkpoint": result.checkpoint[:16],
        "versions": ", ".join(f"{name} {version}" for name, version in result.environment.items()),
        "measured": result.date,
    }
    return {name: text for name, text in rows.items() if text}


def _limits(found: Measurement, silent: int) -> list[str]:
    out = []
    if silent:
        out.append(f"{silent:,} items without an answer count in the figures and stand in no picture.")
    if found.result.abstained:
        out.append(f"The reader declined to decide on {found.result.abstained:,} items.")
    if found.result.protocol.across:
        own, gold = found.result.protocol.across
        out.append(f"The reader speaks of what is {own}, gold of what is {gold}: no reader can bridge that wholly.")
    return out
