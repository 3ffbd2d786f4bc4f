"""Moving averages over three frames, as eGeMAPS smooths its contours."""

from __future__ import annotations

import numpy as np


def average(rows: np.ndarray) -> np.ndarray:
    """Mean of each row and its two neighbours: (t + 2, f) → (t, f)."""
    return (rows[:-2] + rows[1:-1] + rows[2:]) / 3


def average_of_nonzero(rows: np.ndarray) -> np.ndarray:
    """The same without zeros, which mean «undefined» and stay zero: (t + 2, f) → (t, f)."""
    there = rows != 0
    count = there[:-2].astype(np.int8) + there[1:-1] + there[2:]
    mean = (rows[:-2] + rows[1:-1] + rows[2:]) / np.maximum(count, 1)
    return np.where(there[1:-1], mean, 0)
