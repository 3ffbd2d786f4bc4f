"""Voices that rise or fall: what is in them is the same, its order is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from affectus.sample import Media, Sample
from affectus.taxonomy import scale
from affectus.testing.items import RATE, levelled
from affectus.testing.learning import ITEMS, built, learn

_SECONDS = 0.4
_FADE = 0.1


def rise_and_fall(name: str, /, **changes: Any) -> float:
    """Mean squared error, as a share of the variance, in telling a rise from a fall.

    Each clip is a low and a high tone of equal length. The mean over frames that are heard one by one is the same in
    both orders.

    Args:
        name: Of a system that reads voices on a scale of kind level, and can hide frames (`mask_share`).
        **changes: Config fields that take away what a frame knows of the others.
    """
    system = built(name, mask_share=0.0, **changes)  # hidden frames would hide half of so short a clip
    target = system.config.targets[0]
    of = scale(target.scale)
    rng = np.random.default_rng(0)

    def clips(n: int) -> list[Sample]:
        levels = [of.low + (of.high - of.low) * (0.25 + 0.5 * (i % 2)) for i in range(n)]
        samples = levelled([""] * n, levels, target)
        return [
            replace(s, text=None, media=Media("audio", array=_pair(rng, rising=bool(i % 2)), rate=RATE))
            for i, s in enumerate(samples)
        ]

    learn(system, [*clips(ITEMS)])
    asked = clips(ITEMS)
    gold = np.concatenate([s.gold.scores(of.name) for s in asked if s.gold is not None])
    return float(np.square(system.read(asked).scores(of.name) - gold).mean() / gold.var())


def _pair(rng: np.random.Generator, *, rising: bool) -> np.ndarray:
    """A low and a high tone, the one fading into the other so slowly that no frame of 25 ms tells which way."""
    time = np.arange(int(_SECONDS * RATE)) / RATE
    later = np.clip((time - _SECONDS / 2) / _FADE + 0.5, 0, 1)
    low, high = (np.sin(2 * np.pi * pitch * time) for pitch in (200, 600))
    shares = (1 - later, later) if rising else (later, 1 - later)
    noise = 0.1 * rng.standard_normal(len(time))
    return (0.1 * (shares[0] * low + shares[1] * high + noise)).astype(np.float32)
