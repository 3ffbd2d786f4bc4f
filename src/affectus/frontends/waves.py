"""From waves to waves: what systems share that give sound back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affectus.batch import Batch
from affectus.errors import InputError
from affectus.sample import Item, Media, Sample, flatten
from affectus.system import System

RATE = 16_000  # Hz
SHORTEST = 0.1  # seconds
SILENT = 1e-4  # peak, −80 dB of full scale
PEAK = 0.99  # of full scale, the highest that is given


def heard(sample: Sample) -> np.ndarray:
    """The sound of a sample, (samples,) float64 at 16 kHz, finite and without offset.

    Raises:
        InputError: If it is shorter than 0.1 s or silent.
    """
    wave = np.nan_to_num(sample.wave(RATE).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if len(wave) < SHORTEST * RATE:
        raise InputError(
            f"sample {sample.id!r} lasts {len(wave) / RATE:.3f} s",
            allowed=f"{SHORTEST:g} s or longer",
            remedy="there is no voice to change in it; join it with its neighbours",
        )
    wave = wave - wave.mean()
    if np.abs(wave).max() < SILENT:
        raise InputError(f"sample {sample.id!r} is silent", remedy="leave it out; there is no voice to hide in it")
    return wave


def levelled(wave: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A wave at the root mean square of another, or below it where a peak would pass 0.99."""
    power = float((wave**2).mean())
    if power <= 0:
        return wave
    gain = np.sqrt((like**2).mean() / power)
    return wave * min(gain, PEAK / float(np.abs(wave).max()))


class WaveCollate:
    """Samples → `wave` (b, n) float32, padded with zeros, and `lengths` (b,)."""

    def __call__(self, items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
        """Collate samples, or the turns of dialogues."""
        samples = flatten(items)
        waves = [heard(sample) for sample in samples]
        padded = np.zeros((len(waves), max(map(len, waves), default=0)), np.float32)
        for row, wave in zip(padded, waves, strict=True):
            row[: len(wave)] = wave
        return Batch(
            {"wave": padded, "lengths": np.array([len(w) for w in waves], np.int64)}, {}, [s.span for s in samples]
        )


class VoiceChanger(System):
    """An anonymiser without weights: draws a choice for each sample, and changes the sound by it.

    Args:
        config: Of the subclass.
    """

    modality = "voice"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.collate = WaveCollate()

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator | None = None) -> Sequence[Any]:
        """A choice for each of n samples; without `rng`, by the rule of the method."""

    @abstractmethod
    def change(self, wave: np.ndarray, choice: Any) -> np.ndarray:
        """(samples,) float64 at 16 kHz → as many samples in another voice, at any level."""

    def forward(self, wave: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """`wave` (b, n) in other voices, each at the level that it had."""
        out = torch.zeros_like(wave)
        for i, choice in enumerate(self.draw(len(wave))):
            row = wave[i, : int(lengths[i])].double().cpu().numpy()
            out[i, : len(row)] = torch.from_numpy(levelled(self.change(row, choice), row))
        return {"wave": out}

    def anonymize(self, samples: Iterable[Sample], rng: np.random.Generator | None = None) -> list[Sample]:
        """The same samples in other voices, in memory; each gets a voice of its own.

        Args:
            samples: With sound; features, which would still tell the voice, are dropped.
            rng: Source of the draws; the same state gives the same voices.

        Raises:
            InputError: If a sample is silent or shorter than 0.1 s.
        """
        given = list(samples)
        changed = []
        for sample, choice in zip(given, self.draw(len(given), rng), strict=True):
            wave = heard(sample)
            sound = levelled(self.change(wave, choice), wave).astype(np.float32)
            changed.append(replace(sample, media=Media("audio", array=sound, rate=RATE), features={}))
        return changed
