"""A sample's sound as a reader of voices gets it: the wave, what is wrong with it, and how much of it can be heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np

from affectus.frontends.degrade import degrade
from affectus.frontends.flaws import flaws
from affectus.media import Fault
from affectus.media.pcm import SignalCheck
from affectus.sample import Sample, Span

RATE = 16_000  # Hz
SHORTEST = 0.3  # seconds; less speech carries no mood that could be read
LONGEST = 600.0  # seconds; one reading of more says nothing about any of it, and memory would grow with it
QUIET = 10 ** (-65 / 20)  # RMS of the loudest block below which there is silence
ACTIVE = 1e-3  # power of active sound against the loudest block: within 30 dB
BLOCK = 400  # samples = 25 ms
MARGIN = 1600  # samples = 100 ms of what surrounds the sound are kept
LOUDNESS = 10 ** (-20 / 20)  # RMS that active sound is brought to


class Heard(NamedTuple):
    """What `decode` needs to know of one sample.

    Args:
        start: Second within the source at which the sample begins.
        seconds: Length of the sample.
        lead: Seconds of silence before the sound, which the reader does not see.
        flags: `silent`, `short`, what `frontends.speech.voices` says, or kinds of `Fault`.
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


def trimmed(wave: np.ndarray, found: Sound) -> tuple[np.ndarray, int]:
    """The wave without the silence around it, its active part at one loudness, and the samples cut before it.

    Gain says more about the microphone than about the speaker, and silence more about the editor; the moments of an
    encoder's states depend on both.
    """
    inside = np.flatnonzero(found.active)
    if not len(inside):
        return wave, 0
    first = max(0, int(inside[0]) * BLOCK - MARGIN)
    loudness = np.sqrt(found.power[found.active].mean())
    return (wave[first : (inside[-1] + 1) * BLOCK + MARGIN] * (LOUDNESS / loudness)).astype(np.float32), first


def hear(sample: Sample, rng: np.random.Generator | None = None) -> tuple[np.ndarray, list[str]]:
    """The wave of a sample without offset and what is wrong with it.

    Args:
        sample: With sound.
        rng: Puts the wave into random recording conditions.

    Returns:
        (samples,) float32 at 16 kHz, finite, the first ten minutes; flags: kinds of `Fault`, those of `flaws`, and
        `over-long` where there is more. Samples that were no numbers are zeros (`non-finite-replaced`).
    """
    faults: list[Fault] = []
    wave = np.asarray(_first(sample, faults).wave(RATE, faults), np.float32)
    flags = [fault.kind for fault in faults if fault.kind != "silent"]
    longest = round(LONGEST * RATE)
    if len(wave) > longest:
        wave, flags = wave[:longest], [*flags, "over-long"]
    if rng is not None:
        wave = degrade(wave, rng)
    else:
        flags += flaws(wave)
    return (wave - wave.mean() if len(wave) else wave), list(dict.fromkeys(flags))


def _first(sample: Sample, faults: list[Fault]) -> Sample:
    """The sample with no more sound than is needed to tell that it is too long; arrays checked as decoding checks."""
    media, seconds = sample.media, LONGEST + 1
    if media is None:
        return sample
    if media.array is None:
        end = media.start + seconds
        media = replace(media, end=end if media.end is None else min(media.end, end))
    elif media.kind == "audio" and np.ndim(media.array) == 1:
        wave, rate = np.asarray(media.array[: round(seconds * (media.rate or 0))], np.float32), int(media.rate or 0)
        check = SignalCheck(rate)
        check.mix(wave[None], np.ones(1, np.float32), 0)
        faults += check.faults()
        media = replace(media, array=np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0))
    return replace(sample, media=media)


def placed(span: Span, row: Heard) -> Span:
    """The span with the times that the sound itself has, where the sample names none."""
    start = row.start if span.start is None else span.start
    return span._replace(start=start, end=start + row.seconds if span.end is None else span.end)


def gold_of(samples: Sequence[Sample], name: str) -> np.ndarray | None:
    """Gold of all samples on a scale, (n, k); None unless every one has some."""
    rows = [s.gold.scores(name)[0] for s in samples if s.gold is not None and name in s.gold.table.column_names]
    return np.stack(rows) if rows and len(rows) == len(samples) else None
