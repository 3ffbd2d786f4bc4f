"""Whether several people speak at once, told from the moments of Whisper tiny.en's states over time.

A logistic regression of our own on mean and deviation of one layer, fitted on single recordings of EMO-DB against sums
of two by different speakers, each also in random recording conditions; `benchmarks/overlap.py` fits and measures it. A
single voice with a strong echo sounds the same.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np

FLAG = "overlapping-speech"
ENCODER = "asset:whisper-tiny-en"
LAYER = 3
SHORTEST = 1.0  # seconds; moments of less are too uncertain
FILE = "overlap.safetensors"


class Overlap(NamedTuple):
    """The fitted regression; several speak where weight · moments + bias is above 0.

    Args:
        weight: (2 · width,) float32, for the mean of layer `LAYER` and then its population deviation.
        bias: float.
    """

    weight: np.ndarray
    bias: float

    def within(self, layers: tuple[int, ...]) -> np.ndarray:
        """The weight for the moments of several layers one after another, (2 · width · layers,)."""
        out = np.zeros((len(layers), len(self.weight)), np.float32)
        out[layers.index(LAYER)] = self.weight
        return out.ravel()


@cache
def overlap() -> Overlap:
    """The regression that comes with the library."""
    from safetensors.numpy import load

    arrays = load((resources.files("affectus.frontends.speech") / FILE).read_bytes())
    return Overlap(arrays["weight"], float(arrays["bias"][0]))
