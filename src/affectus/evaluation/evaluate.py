"""Measure a reader by a protocol: read, compare, resample."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from affectus.card import CheckpointCard
from affectus.corpora.base import Loaded
from affectus.errors import InputError
from affectus.evaluation.answers import Answers, Cases, answers, cases
from affectus.evaluation.figures import Draws, figures
from affectus.evaluation.intervals import percentiles
from affectus.evaluation.protocols import OWN, Protocol, Reads, across, choose
from affectus.evaluation.results import Folded, Result, Value
from affectus.progress import task
from affectus.provenance import environment, fingerprint
from affectus.runtime import CHUNK_TEXTS, OnnxReader
from affectus.sample import Item, conversations, flatten
from affectus.timeline import Timeline

RESAMPLES = 10_000
_AT_ONCE = 64  # items between two steps of the progress bar


def read_items(reader: Any, items: Sequence[Item]) -> tuple[Timeline, float]:
    """Readings of all items, one row a sample, and the seconds that they took.

    A reader of dialogues is given neighbouring samples of one source as one dialogue.

    Raises:
        InputError: If the reader gives another number of rows.
    """
    # An int8 graph quantises a batch at a time, so an exported reader's own batches are part of what it reads.
    size = CHUNK_TEXTS if isinstance(reader, OnnxReader) else _AT_ONCE
    items = conversations(items) if getattr(reader, "modality", "") == "dialogue" else items
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


def values(protocol: Protocol, compared: Cases, given: Answers, draws: Draws, strict: bool = True) -> dict[str, Value]:
    """Every figure of the protocol with its interval.

    Args:
        protocol: Names the figures.
        compared: Gold.
        given: What the reader answered.
        draws: How items are resampled.
        strict: Whether an undefined figure is an error; else it is left out, as are intervals of figures that are
            undefined in too many resamples.

    Raises:
        InputError: If a figure is undefined.
    """
    out, wanted = {}, figures(protocol)
    with task("resampling", len(wanted) if draws.count else 0) as advance:
        for of in wanted:
            value = draws.value(of, compared.gold, given)
            if np.isnan(value) and strict:
                raise InputError(
                    f"{of.title} of {protocol.title!r} is undefined",
                    remedy="the reader gives no conformal sets"
                    if of.metric.predicted == "sets" and given.sets is None
                    else "the answers or the gold are one and the same throughout, or in a fold",
                )
            if not np.isnan(value):
                known = draws.count and of.metric.resampled and np.isfinite(value)  # an infinite KL has none
                low, high = _interval(draws.replicates(of, compared.gold, given), strict) if known else (None, None)
                out[of.key] = Value(value=value, low=low, high=high, n=len(compared.gold))
            advance(1)
    return out


def _interval(replicates: np.ndarray, strict: bool) -> tuple[float, float] | tuple[None, None]:
    try:
        return percentiles(replicates)
    except InputError:
        if strict:
            raise
        return None, None


@dataclass(frozen=True, eq=False)
class Measurement:
    """A result with the two sides that it was computed of.

    Args:
        result: The figures.
        cases: Gold.
        answers: What the reader answered.
    """

    result: Result
    cases: Cases
    answers: Answers


def evaluate(
    reader: Any,
    loaded: Loaded,
    *,
    protocol: str | Protocol | None = None,
    split: str | None = None,
    asked: Iterable[str] = (),
    also: Iterable[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
    folder: Path | None = None,
    name: str = "",
    strict: bool = True,
) -> Measurement:
    """Measure a reader on a corpus.

    Args:
        reader: Has `read` and `readouts`.
        loaded: The corpus.
        protocol: A protocol or its name; None takes the first of the corpus that the reader can serve.
        split: Another split than the protocol's.
        asked: Comparisons across perspectives that are wanted, `reader:gold`.
        also: Names of figures besides those of the protocol.
        resamples: Of the bootstrap; 0 gives no intervals.
        seed: Of the resamples.
        folder: The checkpoint, whose hash is stored.
        name: What the reader is called in the result; its own name by default.
        strict: As in `values`.

    Raises:
        UnknownName: If there is no such protocol or split.
        InputError: If the reader can't serve the protocol, perspectives differ unasked, or nothing can be compared.
    """
    reads = Reads.of(reader)
    of = agreed(loaded, reads, protocol, split, asked, also)
    compared = cases(of, loaded, conversations=getattr(reader, "modality", "") == "dialogue")
    reading, seconds = read_items(reader, compared.items)
    given = answers(of, reads, reading, compared.rows)
    return measurement(
        of,
        compared,
        given,
        resamples=resamples,
        seed=seed,
        strict=strict,
        name=name or reader.name,
        checkpoint=fingerprint(folder) if folder else "",
        system=getattr(reader, "variant", ""),
        data=CheckpointCard.load(folder).data if folder and (folder / "card.json").is_file() else "",
        seconds=round(seconds, 3),
    )


def measurement(
    of: Protocol,
    compared: Cases,
    given: Answers,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    strict: bool = True,
    **about: Any,
) -> Measurement:
    """The figures of both sides of a comparison.

    Args:
        of: The protocol.
        compared: Gold.
        given: Answers to the same items.
        resamples: Of the bootstrap.
        seed: Of the resamples.
        strict: As in `values`.
        **about: What else the result says, at least `name`.
    """
    draws = Draws.of(of, compared, resamples, seed)
    metrics, folds = values(of, compared, given, draws, strict), {}
    for figure in figures(of):
        found = draws.by_fold(figure, compared.gold, given)
        if found is not None and figure.key in metrics:
            each = tuple(found.each.values())
            folds[figure.key] = Folded(each=each, sd=found.sd, mean=found.mean, pooled=found.pooled)
    result = Result(
        protocol=of,
        metrics=metrics,
        folds=folds,
        interval=draws.how,
        seed=seed,
        left_out=compared.left_out,
        no_answer=given.silent,
        abstained=given.abstained,
        environment=environment(),
        date=datetime.now(UTC).date().isoformat(),
        **about,
    )
    return Measurement(result, compared, given)


def agreed(
    loaded: Loaded,
    reads: Reads,
    protocol: str | Protocol | None,
    split: str | None,
    asked: Iterable[str],
    also: Iterable[str] = (),
) -> Protocol:
    """The protocol that a reader is measured by, with split, figures and perspectives settled."""
    of = protocol if isinstance(protocol, Protocol) else choose(loaded.corpus, reads, protocol)
    of = replace(of, metrics=tuple(dict.fromkeys([*of.metrics, *also])))
    if split is not None and split != of.split:
        of = replace(of, split=split, n=None)
    if of.name == OWN:
        kinds = {kind for sample in loaded[of.split] for kind in sample.groups}
        of = replace(of, group=next(iter({re.split(r"\W", loaded.corpus.group)[0]} & kinds), ""))
    return across(of, reads, asked)
