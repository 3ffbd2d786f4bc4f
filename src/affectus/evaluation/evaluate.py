"""Measure a reader by a protocol: read, compare, resample."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from affectus.corpora.base import Loaded
from affectus.errors import InputError
from affectus.evaluation.answers import Answers, Cases, answers, cases
from affectus.evaluation.figures import Figure, figure
from affectus.evaluation.protocols import Protocol, Reads, across, choose
from affectus.evaluation.resampling import Draws, interval, replicates, value_of
from affectus.evaluation.results import Result, Value
from affectus.progress import task
from affectus.provenance import environment, fingerprint
from affectus.runtime import CHUNK_TEXTS, OnnxReader
from affectus.sample import Item, flatten
from affectus.timeline import Timeline

RESAMPLES = 10_000
_AT_ONCE = 64  # items between two steps of the progress bar


@dataclass(frozen=True)
class Column:
    """One figure of a protocol and the columns that it is computed of: several levels give a figure each.

    Args:
        key: Name in results, for example `macro_f1` or `pearson_empathy`.
        title: As tables show it.
        of: The figure.
        at: Numbers of the columns.
    """

    key: str
    title: str
    of: Figure
    at: tuple[int, ...]


def columns(protocol: Protocol) -> list[Column]:
    """The figures of a protocol, in its order."""
    labels = protocol.labels("all")
    counted = tuple(labels.index(label) for label in protocol.labels(protocol.classes))
    out = []
    for name in protocol.metrics:
        of = figure(name)
        if protocol.kind != "levels" or len(labels) == 1:
            out.append(Column(name, of.title, of, counted))
            continue
        out.append(Column(name, f"mean {of.title}", of, counted))
        out += [Column(f"{name}_{label}", f"{of.title} of {label}", of, (i,)) for i, label in enumerate(labels)]
    return out


def read_items(reader: Any, items: Sequence[Item]) -> tuple[Timeline, float]:
    """Readings of all items, one row a sample, and the seconds that they took.

    Raises:
        InputError: If the reader gives another number of rows.
    """
    # An int8 graph quantises a batch at a time, so an exported reader's own batches are part of what it reads.
    size = CHUNK_TEXTS if isinstance(reader, OnnxReader) else _AT_ONCE
    parts, started = [], time.perf_counter()
    with task("reading", len(items)) as advance:
        for at in range(0, len(items), size):
            chunk = items[at : at + size]
            parts.append(reader.read(chunk))
            wanted = len(flatten(chunk))
            if len(parts[-1]) != wanted:
                raise InputError(
                    f"{getattr(reader, 'name', 'the reader')!r} gave {len(parts[-1])} readings of {wanted} samples",
                    allowed="one reading a sample",
                )
            advance(len(chunk))
    return Timeline.concat(parts), time.perf_counter() - started


def draws_of(compared: Cases, count: int, seed: int) -> Draws:
    """The resamples of a protocol's items, one and the same for every reader."""
    return Draws(len(compared.gold), count, seed, compared.groups, compared.folds)


def values(protocol: Protocol, compared: Cases, given: Answers, draws: Draws) -> dict[str, Value]:
    """Every figure of the protocol with its interval."""
    out = {}
    with task("resampling", len(columns(protocol)) if draws.count else 0) as advance:
        for column in columns(protocol):
            sides = compared.gold[:, column.at], given.values[:, column.at]
            value = value_of(column.of, *sides, draws)
            if np.isnan(value):
                raise InputError(
                    f"{column.title} of {protocol.title!r} is undefined: "
                    + ("the answers are one and the same throughout" if protocol.kind == "levels" else "no gold"),
                )
            low, high = interval(replicates(column.of, *sides, draws)) if draws.count else (None, None)
            out[column.key] = Value(value=value, low=low, high=high, n=len(compared.gold))
            advance(1)
    return out


@dataclass(frozen=True, eq=False)
class Measurement:
    """A result with the two sides that it was computed of.

    Args:
        result: The figures.
        cases: Gold.
        answers: What the reader answered.
        reading: What the reader read, all columns.
    """

    result: Result
    cases: Cases
    answers: Answers
    reading: Timeline


def evaluate(
    reader: Any,
    loaded: Loaded,
    *,
    protocol: str | Protocol | None = None,
    split: str | None = None,
    asked: Iterable[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
    folder: Path | None = None,
) -> Measurement:
    """Measure a reader on a corpus.

    Args:
        reader: Has `read` and `readouts`.
        loaded: The corpus.
        protocol: A protocol or its name; None takes the first of the corpus that the reader can serve.
        split: Another split than the protocol's.
        asked: Comparisons across perspectives that are wanted, `reader:gold`.
        resamples: Of the bootstrap; 0 gives no intervals.
        seed: Of the resamples.
        folder: The checkpoint, whose hash is stored.

    Raises:
        UnknownName: If there is no such protocol or split.
        InputError: If the reader can't serve the protocol, perspectives differ unasked, or nothing can be compared.
    """
    reads = Reads.of(reader)
    of = agreed(loaded, reads, protocol, split, asked)
    compared = cases(of, loaded)
    reading, seconds = read_items(reader, compared.items)
    given = answers(of, reads, reading, compared.rows)
    draws = draws_of(compared, resamples, seed)
    result = Result(
        name=reader.name,
        protocol=of,
        metrics=values(of, compared, given, draws),
        checkpoint=fingerprint(folder) if folder else "",
        system=getattr(reader, "variant", ""),
        interval=draws.how,
        seed=seed,
        left_out=compared.left_out,
        no_answer=given.silent,
        abstained=given.abstained,
        seconds=round(seconds, 3),
        environment=environment(),
        date=datetime.now(UTC).date().isoformat(),
    )
    return Measurement(result, compared, given, reading)


def agreed(
    loaded: Loaded, reads: Reads, protocol: str | Protocol | None, split: str | None, asked: Iterable[str]
) -> Protocol:
    """The protocol that a reader is measured by, with split and perspectives settled."""
    of = protocol if isinstance(protocol, Protocol) else choose(loaded.corpus, reads, protocol)
    if split is not None and split != of.split:
        of = replace(of, split=split, n=None)
    return across(of, reads, asked)
