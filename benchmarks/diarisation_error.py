"""Diarisation error rate (NIST RT): how much of the speech is missed, invented or given to the wrong speaker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

Stretch = tuple[float, float, str]


@dataclass(frozen=True)
class DiarisationError:
    """Seconds of each kind of error, and of speech in the truth (overlapped speech counts once a speaker)."""

    speech: float
    missed: float
    false_alarm: float
    confusion: float

    @property
    def rate(self) -> float:
        """Errors divided by speech; may exceed 1."""
        return (self.missed + self.false_alarm + self.confusion) / self.speech if self.speech else float("nan")

    def __add__(self, other: DiarisationError) -> DiarisationError:
        return DiarisationError(
            self.speech + other.speech,
            self.missed + other.missed,
            self.false_alarm + other.false_alarm,
            self.confusion + other.confusion,
        )


def diarisation_error(truth: Iterable[Stretch], found: Iterable[Stretch], collar: float = 0.0) -> DiarisationError:
    """Compare who was said to speak with who spoke.

    Between two neighbouring borders nothing changes, so the sums are exact. Speakers are mapped one to one so that the
    most time agrees (Hungarian method).

    Args:
        truth: (start, end, speaker), seconds; speakers may overlap.
        found: The same from the system; its names are free.
        collar: Seconds on either side of each border of the truth that are not scored.
    """
    truth, found = list(truth), list(found)
    edges = [t for start, end, _ in truth for t in (start, end)]
    zones = [(t - collar, t + collar) for t in edges]
    borders = np.unique(
        [t for rows in (truth, found) for start, end, _ in rows for t in (start, end)] + list(sum(zones, ()))
    )
    if borders.size < 2:
        return DiarisationError(0.0, 0.0, 0.0, 0.0)
    middle, length = (borders[1:] + borders[:-1]) / 2, np.diff(borders)
    for low, high in zones if collar else ():
        length[(middle > low) & (middle < high)] = 0.0
    real, said = _active(truth, middle), _active(found, middle)
    overlap = (real * length) @ said.T
    rows, columns = linear_sum_assignment(-overlap)
    right = float(overlap[rows, columns].sum())
    n, m = real.sum(axis=0), said.sum(axis=0)
    return DiarisationError(
        speech=float(n @ length),
        missed=float(np.maximum(n - m, 0) @ length),
        false_alarm=float(np.maximum(m - n, 0) @ length),
        confusion=float(np.minimum(n, m) @ length) - right,
    )


def _active(rows: list[Stretch], middle: np.ndarray) -> np.ndarray:
    """(speakers, intervals) 0 or 1."""
    names = list(dict.fromkeys(name for _, _, name in rows))
    out = np.zeros((len(names), middle.size))
    for start, end, name in rows:
        out[names.index(name), (middle > start) & (middle < end)] = 1.0
    return out
