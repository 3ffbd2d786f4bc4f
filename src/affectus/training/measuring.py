"""What a reader that was just trained achieves on the split that it watched, by the protocols of its corpora."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from affectus.card import Measured
from affectus.corpora.base import Corpus, Loaded
from affectus.errors import InputError
from affectus.evaluation.carded import carded, described
from affectus.evaluation.catalogue import METRICS
from affectus.evaluation.evaluate import evaluate
from affectus.evaluation.protocols import Protocol, Reads, as_labelled, choose

RESAMPLES = 1000
OPTIMISTIC = "calibrated on it: optimistic"
_PROBABLE = ("ece_top_label", "brier", "set_coverage", "set_size")
_TWO = tuple(name for name, metric in METRICS.items() if metric.two)
ALSO: Mapping[str, tuple[str, ...]] = {
    "label": _PROBABLE,
    "labels": _PROBABLE,
    "levels": ("ccc", "interval_coverage"),
    "profiles": (),
}
"""Figures that a card has besides those of the protocol, by what is compared: how far probabilities can be trusted."""


@dataclass(frozen=True)
class Found:
    """What stands on the card.

    Args:
        figures: Each with the name of its protocol.
        protocols: Name → what it is.
        limits: What must be said of them, and why something could not be measured.
    """

    figures: tuple[Measured, ...] = ()
    protocols: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()


def protocols_of(corpus: Corpus, reads: Reads) -> Iterator[Protocol]:
    """The first protocol without folds that a reader can serve, then its other scales, as the corpus labels them.

    Raises:
        InputError: If the reader can serve none.
    """
    first = choose(corpus, reads, folds=False)
    yield first
    covered = {reads.route(name) for name in first.scales}
    for target in corpus.targets:
        if target.scale in reads.own and target.scale not in covered:
            covered.add(target.scale)
            yield as_labelled(corpus, target.scale)


def measure_watched(system: Any, labelled: Sequence[Loaded], split: str, resamples: int = RESAMPLES) -> Found:
    """The figures of a trained system on the watched split of each of its corpora.

    Args:
        system: Has `read` and `readouts`; one without readouts has no figures.
        labelled: The corpora with gold as they are labelled, or as the system's rule makes it.
        split: That was watched, and calibrated on where the system has `logits`.
        resamples: Of the bootstrap; 0 gives no intervals.
    """
    reads = Reads.of(system)
    figures: list[Measured] = []
    protocols: dict[str, str] = {}
    limits: list[str] = []
    if not reads.own:
        return Found()
    place = f"{split} ({OPTIMISTIC})" if hasattr(system, "logits") else split
    for loaded in labelled:
        try:
            for of in protocols_of(loaded.corpus, reads):
                two = _TWO if of.compare == "label" and len(of.labels("all")) == 2 else ()
                result = evaluate(
                    system,
                    loaded,
                    protocol=of,
                    split=split,
                    asked=[f"{reads.perspective}:{of.perspective}"],
                    also=(*ALSO[of.compare], *two),
                    resamples=resamples,
                    strict=False,
                ).result
                figures += carded(result, split=place, headline=not figures)
                protocols[of.title] = described(result.protocol)
        except InputError as error:
            limits.append(f"Not measured on the split {split!r} of {loaded.corpus.name}: {error}")
    if figures and hasattr(system, "logits"):
        limits.append("Measured on the split that it was calibrated on: use `affectus evaluate` on a test split.")
    return Found(tuple(figures), protocols, tuple(limits))
