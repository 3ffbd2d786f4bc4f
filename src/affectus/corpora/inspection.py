"""What a folder holds: which corpora, their counts and labels, and whether they are the official files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from affectus.corpora.base import (
    Corpus,
    Loaded,
    Split,
    corpus,
    fingerprint,
    gold,
    groups,
    holds,
    known_corpora,
    load_corpus,
    locate,
)
from affectus.corpora.leaks import Leaks, of_corpus
from affectus.errors import AffectusError, FileError
from affectus.progress import task
from affectus.sample import Sample
from affectus.taxonomy import scale

Verdict = Literal["matches", "differs", "no official hash known"]


@dataclass(frozen=True)
class Level:
    """A level over a split.

    Args:
        n: Samples that have it.
        mean: Over them.
        sd: Population standard deviation.
    """

    n: int
    mean: float
    sd: float


@dataclass(frozen=True)
class SplitReport:
    """A split that was read.

    Args:
        rows: Samples.
        official: Samples that it should have; None where nobody stated it.
        verdict: Whether its fingerprint is that of the official files.
        labels: `scale, perspective` → label → number of samples that have it, or its level.
        groups: Kind of group → number of groups.
    """

    rows: int
    official: int | None
    verdict: Verdict
    labels: Mapping[str, Mapping[str, int | Level]]
    groups: Mapping[str, int]


@dataclass(frozen=True)
class Report:
    """A corpus on this disk.

    Args:
        corpus: What it is.
        folder: Where it is.
        splits: What was read; empty if it could not be.
        left_out: As in `Loaded`.
        remarks: As in `Loaded`.
        leaks: What splits share; None if that was not asked for.
        problem: Why it could not be read.
    """

    corpus: Corpus
    folder: Path
    splits: Mapping[str, SplitReport] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)
    leaks: Sequence[Leaks] | None = None
    problem: str = ""


def inspect(path: Path, name: str | None = None, *, leaks: bool = True) -> list[Report]:
    """Read the corpora of a folder.

    Args:
        path: A corpus's folder, or a folder that holds one folder a corpus.
        name: Only this corpus; it need not be told by its files.
        leaks: Whether to look for what splits share.

    Raises:
        UnknownName: If no corpus has the name.
        FileError: If the folder is none, or holds no corpus that has a loader.
    """
    if not path.is_dir():
        raise FileError(f"there is no folder {str(path)!r}", remedy="give a corpus's folder, or one above it")
    if name is not None:
        return [_report(name, locate(name, path), leaks)]
    reports = _readable([one for one in _told(path) if one.certain], leaks)
    if not reports:  # else a folder inside a corpus would count as another copy
        below = sorted(place for place in path.iterdir() if place.is_dir())
        reports = _readable([one for place in below for one in _told(place)], leaks)
    reports = reports or _readable(_told(path), leaks)
    if not reports:
        raise FileError(
            f"{str(path)!r} holds no corpus that has a loader",
            allowed=", ".join(known_corpora()),
            remedy="name it with --corpus, or look at `affectus corpora list`",
        )
    return reports


def missing(path: Path, reports: Sequence[Report]) -> Iterator[Corpus]:
    """Corpora that have a loader and are not among those that were found below a folder."""
    there = {report.corpus.name for report in reports}
    return (corpus(name) for name in known_corpora() if name not in there and not holds(path / name, corpus(name)))


class _Found(NamedTuple):
    name: str
    folder: Path
    certain: bool  # the folder's name says so too; else only reading it will tell


def _told(folder: Path) -> list[_Found]:
    """Corpora whose files a folder has."""
    fitting = [corpus(name) for name in known_corpora() if holds(folder, corpus(name))]
    named = [one for one in fitting if folder.resolve().name in (one.name, *one.folders)]
    return [_Found(one.name, folder, bool(named)) for one in named or fitting]


def _readable(found: Sequence[_Found], leaks: bool) -> list[Report]:
    """Reports of what was found; a corpus that only the names of files tell of has to be readable too."""
    reports = []
    with task("corpora", len(found)) as advance:
        for one in found:
            report = _report(one.name, one.folder, leaks)
            if one.certain or not report.problem:
                reports.append(report)
            advance(1)
    return reports


def _report(name: str, folder: Path, leaks: bool) -> Report:
    try:
        loaded = load_corpus(name, folder)
        return Report(
            loaded.corpus,
            folder,
            {split: _split(loaded, split) for split in loaded.splits},
            {reason: count for reason, count in loaded.left_out.items() if count},
            {remark: count for remark, count in loaded.remarks.items() if count},
            of_corpus(loaded) if leaks else None,
        )
    except AffectusError as error:
        return Report(corpus(name), folder, problem=str(error))


def _split(loaded: Loaded, split: str) -> SplitReport:
    samples, official = loaded[split], loaded.corpus.splits.get(split)
    labels = {}
    for target in loaded.corpus.targets:
        if (counted := _labels(samples, target.scale, target.perspective)) is not None:
            labels[f"{target.scale}, {target.perspective}"] = counted
    kinds = sorted({kind for sample in samples for kind in sample.groups})
    return SplitReport(
        len(samples),
        official.rows if official else None,
        _verdict(samples, official),
        labels,
        {kind: len({g for g in groups(samples, kind) if g is not None}) for kind in kinds},
    )


def _verdict(samples: Sequence[Sample], official: Split | None) -> Verdict:
    if official is not None and official.rows != len(samples):
        return "differs"
    if official is None or not official.fingerprint:
        return "no official hash known"
    return "matches" if fingerprint(samples) == official.fingerprint else "differs"


def _labels(samples: Sequence[Sample], name: str, perspective: str) -> dict[str, int | Level] | None:
    of, scores = scale(name), gold(samples, name, perspective)  # type: ignore[arg-type]
    known = np.isfinite(scores)
    if not known.any():
        return None
    if of.kind != "level":
        return {label: int((scores[:, i] > 0.5).sum()) for i, label in enumerate(of.labels)}
    columns = [scores[known[:, i], i].astype(np.float64) for i in range(len(of))]
    return {
        label: Level(len(x), float(x.mean()), float(x.std())) if len(x) else Level(0, np.nan, np.nan)
        for label, x in zip(of.labels, columns, strict=True)
    }
