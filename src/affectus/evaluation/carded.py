"""A result as the figures of a card, each with the name of its protocol."""

from __future__ import annotations

from affectus.card import Measured
from affectus.evaluation.figures import figures
from affectus.evaluation.protocols import Protocol
from affectus.evaluation.results import Result


def carded(result: Result, *, split: str = "", headline: bool = False, note: str = "") -> list[Measured]:
    """The figures of a result, in the order of its protocol; those that it lacks are undefined and left out.

    Args:
        result: What was measured.
        split: What the card says of the split; the protocol's by default.
        headline: Whether the first figure is one that reports show.
        note: What has to be said of all of them.
    """
    of = result.protocol
    out: list[Measured] = []
    told = [f"{count:,} rows left out: {reason}" for reason, count in result.left_out.items()]
    told += [f"{result.no_answer:,} without an answer"] * bool(result.no_answer)
    told += [f"{of.across[0]} readings, {of.across[1]} gold"] if of.across else []
    for figure in figures(of):
        found = result.metrics.get(figure.key)
        if found is None:
            continue
        out.append(
            Measured(
                metric=figure.title,
                value=found.value,
                low=found.low,
                high=found.high,
                interval=result.interval if found.low is not None else "",
                protocol=of.title,
                data=of.corpus,
                split=split or of.split,
                n=found.n,
                headline=headline and not out,
                note="; ".join(part for part in (figure.metric.note, note, *told) if part),
            )
        )
    return out


def described(protocol: Protocol) -> str:
    """A protocol in one line, as a card explains it."""
    return ". ".join(part.rstrip(".") for part in (protocol.sentence, protocol.source, protocol.note) if part)
