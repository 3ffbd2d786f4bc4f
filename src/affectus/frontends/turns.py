"""What collates of dialogues share: ready-made features of turns, and what is odd about them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from affectus.errors import InputError
from affectus.sample import Sample


def given_features(samples: Sequence[Sample], name: str, width: int) -> np.ndarray:
    """`Sample.features[name]` of each sample, (n, width) float32, NaN where there is none.

    Raises:
        InputError: If one has another shape.
    """
    out = np.full((len(samples), width), np.nan, np.float32)
    for row, sample in zip(out, samples, strict=True):
        if (given := sample.features.get(name)) is not None:
            if np.shape(given) != (width,):
                raise InputError(
                    f"the feature {name!r} of {sample.id!r} has shape {np.shape(given)}", allowed=f"({width},)"
                )
            row[:] = given
    return out


def odd_turns(turns: Sequence[Sample]) -> list[list[str]]:
    """Flags of each turn of a dialogue: `unknown-speaker`, and `out-of-order` if one before it starts later."""
    out: list[list[str]] = []
    latest = -math.inf
    for turn in turns:
        start = latest if turn.start is None else turn.start
        nameless = len(turns) > 1 and not turn.track
        out.append(["unknown-speaker"] * nameless + ["out-of-order"] * (start < latest))
        latest = max(latest, start)
    return out
