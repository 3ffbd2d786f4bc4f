"""Sound in other conditions: each changes one thing, by a strength that stands in its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from affectus.frontends.degrade import RATE, at_speed, decaying, in_room, mixed
from affectus.media.coding import CODECS, Codec, available, coded
from affectus.media.resampling import resample

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]

SNR = (30, 20, 10, 0)  # dB
GAINS = (-40, -20, 12)  # dB
RATES = (8_000, 4_000)  # Hz
ROOMS = (0.3, 0.6, 1.2)  # seconds for 60 dB
DIRECT = 3.0  # dB that the direct sound is above the room's
SPEEDS = (0.8, 0.9, 1.1, 1.25)


@dataclass(frozen=True)
class Condition:
    """One way to change sound.

    Args:
        family: What is changed.
        name: How far.
        change: Takes a wave (samples,) at 16 kHz and a source of draws, gives one at the same rate.
    """

    family: str
    name: str
    change: Change


def conditions(babble: np.ndarray) -> tuple[Condition, ...]:
    """The grid: noise by signal-to-noise ratio, gain, resampling, rooms, codecs, speed.

    Codecs that the FFmpeg at hand lacks are left out, see `missing`.

    Args:
        babble: Voices at once, (samples,) at 16 kHz, from which stretches are drawn.
    """
    kinds: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
        "white noise": lambda n, rng: rng.standard_normal(n),
        "babble": lambda n, rng: np.resize(np.roll(babble, int(rng.integers(len(babble)))), n),
    }
    out = [
        Condition(kind, f"{snr} dB SNR", partial(_noisy, make=make, snr=snr))
        for kind, make in kinds.items()
        for snr in SNR
    ]
    out += [Condition("gain, 16 bit", f"{gain:+d} dB".replace("-", "−"), partial(_louder, gain=gain)) for gain in GAINS]
    out += [Condition("resampled to", f"{rate / 1000:g} kHz", partial(_through, rate=rate)) for rate in RATES]
    out += [Condition("room", f"RT60 {seconds:g} s", partial(_room, seconds=seconds)) for seconds in ROOMS]
    usable = {name: codec for name, codec in CODECS.items() if available(codec)}
    out += [Condition("codec", name, partial(_sent, codec=codec)) for name, codec in usable.items()]
    out += [Condition("speed", f"× {factor:g}", partial(_faster, factor=factor)) for factor in SPEEDS]
    return tuple(out)


def missing() -> list[str]:
    """Codecs of the grid that the FFmpeg at hand can't encode."""
    return [name for name, codec in CODECS.items() if not available(codec)]


def babble(waves: Sequence[np.ndarray], voices: int = 6) -> np.ndarray:
    """Several voices at once: recordings one after another in so many rows, each at one level, and added up."""
    rows = [np.concatenate(waves[i::voices]) for i in range(voices) if len(waves[i::voices])]
    longest = max(map(len, rows))
    levelled = [np.resize(row / (np.sqrt((row.astype(float) ** 2).mean()) + 1e-9), longest) for row in rows]
    return np.sum(levelled, 0)


def _noisy(
    wave: np.ndarray,
    rng: np.random.Generator,
    *,
    make: Callable[[int, np.random.Generator], np.ndarray],
    snr: float,
) -> np.ndarray:
    return mixed(np.asarray(wave, float), make(len(wave), rng), snr)


def _louder(wave: np.ndarray, rng: np.random.Generator, *, gain: float) -> np.ndarray:
    """As a recorder stores it: 16 bits, cut at full scale."""
    return np.rint(np.clip(wave * 10 ** (gain / 20), -1, 1) * 32767) / 32767


def _through(wave: np.ndarray, rng: np.random.Generator, *, rate: int) -> np.ndarray:
    return resample(resample(np.asarray(wave, np.float32), RATE, rate), rate, RATE)


def _room(wave: np.ndarray, rng: np.random.Generator, *, seconds: float) -> np.ndarray:
    return in_room(np.asarray(wave, float), decaying(seconds, rng) * 10 ** (-DIRECT / 20))


def _sent(wave: np.ndarray, rng: np.random.Generator, *, codec: Codec) -> np.ndarray:
    return coded(wave, RATE, codec)


def _faster(wave: np.ndarray, rng: np.random.Generator, *, factor: float) -> np.ndarray:
    return at_speed(np.asarray(wave, float), factor)
