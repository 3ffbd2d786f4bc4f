"""Whether a reader finds in a reply the feeling that it was meant to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from affectus.affect import Affect
from affectus.errors import UnknownName
from affectus.sample import Sample
from affectus.taxonomy import map_scores, scale


def found(reader: Any, texts: Sequence[str], intended: Sequence[tuple[str, str] | None]) -> list[bool | None]:
    """Whether the intended feeling is read from each text.

    On the same scale it has to be among the labels that the reader decides on. Otherwise the reader's scores are
    carried over to the scale of the intention, where the highest counts; where no map leads there, the intention is
    carried over to the reader's scale.

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
    if reading.abstained or reading.target is None:
        return False
    if reading.target == on:
        return label in reading.labels
    own = reading.scores[reading.target]
    try:
        heard = _carried({name: own.get(name, np.nan) for name in scale(reading.target).labels}, reading.target, on)
    except UnknownName:
        meant = _carried({name: float(name == label) for name in scale(on).labels}, on, reading.target)
        known = {name: value for name, value in meant.items() if value > 0}
        return max(known, key=known.__getitem__) in reading.labels if known else None
    known = {name: value for name, value in heard.items() if value == value}
    return max(known, key=known.__getitem__) == label if label in known else None


def _carried(scores: dict[str, float], source: str, target: str) -> dict[str, float]:
    values = map_scores(np.array([[*scores.values()]], np.float32), source, target)[0]
    return dict(zip(scale(target).labels, values.tolist(), strict=True))
