"""Whether a reader finds in a reply the feeling that it was meant to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from affectus.affect import Affect
from affectus.registry import checkpoints
from affectus.sample import Sample
from affectus.taxonomy import known_maps, map_scores, scale

READERS = ("affectus/semeval2018-ec", "vader")
"""Readers that no reply is made with, the better one first; the last is always there."""

COMMON = ("ekman-6+neutral", "polarity-3")


def independent() -> str:
    """The first of `READERS` that is on this machine."""
    return next((name for name in READERS[:-1] if name in checkpoints()), READERS[-1])


def found(reader: Any, texts: Sequence[str], intended: Sequence[tuple[str, str] | None]) -> list[bool | None]:
    """Whether the intended feeling is read from each text.

    On the same scale it has to be among the labels that the reader decides on. Otherwise the reader's scores are
    carried over to the scale of the intention, where the highest counts; where no map leads there, the intention is
    carried over to the reader's scale, or both to the first of `COMMON` that maps lead to.

    Args:
        reader: Reads texts, and decides on labels.
        texts: The replies.
        intended: Label and scale of each, or None.

    Returns:
        None where nothing was intended, or where the two scales have no word for the same; False where the reader
        abstained.

    Raises:
        UnknownName: If no map joins the two scales.
    """
    asked = [at for at, wanted in enumerate(intended) if wanted]
    readings = reader.read([Sample(id=str(at), source="replies", item=at, text=texts[at]) for at in asked])
    out: list[bool | None] = [None] * len(texts)
    for at, reading in zip(asked, readings, strict=True):
        wanted = intended[at]
        out[at] = _shows(reading, *wanted) if wanted else None
    return out


def _shows(reading: Affect, label: str, on: str) -> bool | None:
    if reading.abstained:
        return False
    own = next((name for name in reading.scores if scale(name).kind != "level"), None)
    if own is None:
        return False
    decided = reading.decided.get(own, ())
    if own == on:
        return label in decided
    meant = {name: float(name == label) for name in scale(on).labels}
    if _joined(on, own) and not _joined(own, on):
        wanted = _highest(_carried(meant, on, own))
        return wanted in decided if wanted else None
    common = next((name for name in (on, *COMMON) if _joined(own, name) and _joined(on, name)), on)
    heard = _carried({name: reading.scores[own].get(name, np.nan) for name in scale(own).labels}, own, common)
    wanted = _highest(_carried(meant, on, common))
    return None if wanted is None or np.isnan(heard[wanted]) else _highest(heard) == wanted


def _joined(source: str, target: str) -> bool:
    return source == target or any(one.source == source and one.target == target for one in known_maps())


def _highest(scores: dict[str, float]) -> str | None:
    known = {name: value for name, value in scores.items() if value == value and value > 0}
    return max(known, key=known.__getitem__) if known else None


def _carried(scores: dict[str, float], source: str, target: str) -> dict[str, float]:
    values = map_scores(np.array([[*scores.values()]], np.float32), source, target)[0]
    return dict(zip(scale(target).labels, values.tolist(), strict=True))
