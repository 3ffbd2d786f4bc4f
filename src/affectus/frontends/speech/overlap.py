"""Whether several people speak at once, told from the moments of Whisper tiny.en's states over time.

A logistic regression of our own on mean and deviation of one layer, fitted on single recordings of EMO-DB against sums
of two by different speakers, each also in random recording conditions; `benchmarks/overlap.py` fits and measures it. A
single voice with a strong echo sounds the same, so nothing is told of a recording in which `frontends.flaws` finds one.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from affectus import backbones
from affectus.frontends.flaws import ECHO
from affectus.frontends.hearing import Heard

if TYPE_CHECKING:
    from affectus.backbones.speech import SpeechEncoder

FLAG = "overlapping-speech"
ENCODER = "asset:whisper-tiny-en"
LAYER = 3
SHORTEST = 1.0  # seconds; moments of less are too uncertain
LONGEST = 1000  # mel frames = 10 s that the encoder hears at once
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


def asked(row: Heard) -> bool:
    """Whether it can be told of a sample: long enough, and without an echo."""
    return row.readable and row.seconds >= SHORTEST and ECHO not in row.flags


@cache
def overlap() -> Overlap:
    """The regression that comes with the library."""
    from safetensors.numpy import load

    arrays = load((resources.files("affectus.frontends.speech") / FILE).read_bytes())
    return Overlap(arrays["weight"], float(arrays["bias"][0]))


def several(wave: np.ndarray) -> bool:
    """Whether several people speak at once in a wave, for readers that do not hear with this encoder.

    Args:
        wave: (samples,) float32 at 16 kHz, as `hearing.trimmed` gives it.

    Raises:
        AssetError: If the encoder has not been fetched.
    """
    import torch

    mel = backbones.log_mel(wave)
    parts = np.array_split(mel, -(-mel.shape[1] // LONGEST), axis=1)
    with torch.no_grad():
        states = torch.cat([_encoder()(torch.as_tensor(part)[None], upto=LAYER)[LAYER, 0] for part in parts]).double()
    moments = torch.cat([states.mean(0), states.std(0, correction=0)]).numpy()
    return bool(moments @ overlap().weight + overlap().bias > 0)


@cache
def _encoder() -> SpeechEncoder:
    return backbones.speech_encoder(ENCODER).requires_grad_(False)
