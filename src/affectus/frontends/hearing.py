"""A sample's sound as a reader of voices gets it: the wave, what is wrong with it, and how much of it can be heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from affectus.frontends.degrade import degrade
from affectus.media import Fault
from affectus.sample import Sample, Span

RATE = 16_000  # Hz
SHORTEST = 0.3  # seconds; less speech carries no mood that could be read
QUIET = 10 ** (-65 / 20)  # RMS of the loudest block below which there is silence
ACTIVE = 1e-3  # power of active sound against the loudest block: within 30 dB
BLOCK = 400  # samples = 25 ms


class Heard(NamedTuple):
    """What `decode` needs to know of one sample.

    Args:
        start: Second within the source at which the sample begins.
        seconds: Length of the sample.
        lead: Seconds of silence before the sound, which the reader does not see.
        flags: `silent`, `short`, or kinds of `Fault`.
        degraded: Whether the wave was put into random recording conditions.
    """

    start: float
    seconds: float
    lead: float
    flags: tuple[str, ...]
    degraded: bool

    @property
    def readable(self) -> bool:
        """Whether there is enough sound to say anything."""
        return "silent" not in self.flags and "short" not in self.flags

    @classmethod
    def of(
        cls,
        sample: Sample,
        samples: int,
        found: Sound,
        flags: Sequence[str],
        *,
        lead: float = 0.0,
        degraded: bool = False,
    ) -> Self:
        """What is known of a sample with so many samples at 16 kHz, once its sound was found and faults are known."""
        seconds = min(found.seconds, samples / RATE)
        more = ["silent"] * (not found.active.any()) + ["short"] * (seconds < SHORTEST)
        start = sample.start if sample.start is not None else sample.media.start if sample.media else 0.0
        return cls(start, samples / RATE, lead, tuple(dict.fromkeys([*flags, *more])), degraded)


class Sound(NamedTuple):
    """The blocks of 25 ms of a wave that hold sound.

    Args:
        power: (blocks,) mean square of each.
        active: (blocks,) bool, True where the power is within 30 dB of the loudest; nowhere in silence.
    """

    power: np.ndarray
    active: np.ndarray

    @property
    def seconds(self) -> float:
        """How much active sound there is."""
        return float(self.active.sum()) * BLOCK / RATE


def sound(wave: np.ndarray) -> Sound:
    """Where a wave (samples,) without offset holds sound."""
    power = (np.pad(wave, (0, -len(wave) % BLOCK)).reshape(-1, BLOCK).astype(np.float64) ** 2).mean(1)
    loudest = power.max(initial=0.0)
    return Sound(power, (power > ACTIVE * loudest) & (loudest >= QUIET**2))


def hear(sample: Sample, rng: np.random.Generator | None = None) -> tuple[np.ndarray, list[str]]:
    """The wave of a sample without offset and the kinds of its faults.

    Args:
        sample: With sound.
        rng: Puts the wave into random recording conditions.

    Returns:
        (samples,) float32 at 16 kHz, finite; flags, among them `non-finite-replaced` where samples were silenced.
    """
    faults: list[Fault] = []
    wave = np.asarray(sample.wave(RATE, faults), np.float32)
    flags = [fault.kind for fault in faults if fault.kind != "silent"]
    if not np.isfinite(wave).all():
        flags.append("non-finite-replaced")
        wave = np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0)
    if rng is not None:
        wave = degrade(wave, rng)
    return (wave - wave.mean() if len(wave) else wave), flags


def placed(span: Span, row: Heard) -> Span:
    """The span with the times that the sound itself has, where the sample names none."""
    start = row.start if span.start is None else span.start
    return span._replace(start=start, end=start + row.seconds if span.end is None else span.end)


def gold_of(samples: Sequence[Sample], name: str) -> np.ndarray | None:
    """Gold of all samples on a scale, (n, k); None unless every one has some."""
    rows = [s.gold.scores(name)[0] for s in samples if s.gold is not None and name in s.gold.table.column_names]
    return np.stack(rows) if rows and len(rows) == len(samples) else None
