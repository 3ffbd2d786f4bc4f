"""Sound of any length in stretches that are cut where it is quiet, and put together again without a seam."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

RATE = 16_000  # Hz
LEAST, MOST = 10 * RATE, 20 * RATE  # samples between cuts
_REST = 2 * RATE  # samples that the last stretch has at least
_FADE = 800  # samples = 50 ms on either side of a cut, heard from both stretches
_LOOK = 400  # samples = 25 ms whose level decides where to cut

Change = Callable[[np.ndarray], np.ndarray]


def cut(blocks: Iterable[tuple[float, np.ndarray]]) -> Iterator[np.ndarray]:
    """Blocks → stretches of 10 to 20 s that end in the quietest 25 ms there is; only the last is shorter or longer."""
    held = np.zeros(0, np.float32)
    for _, wave in blocks:
        held = np.concatenate([held, wave])
        while len(held) > MOST + _REST:
            window = held[LEAST:MOST].astype(np.float64) ** 2
            level = np.convolve(window, np.ones(_LOOK), mode="valid")
            at = LEAST + int(level.argmin()) + _LOOK // 2
            yield held[:at]
            held = held[at:]
    if len(held):
        yield held


def changed(stretches: Iterable[np.ndarray], change: Change) -> Iterator[np.ndarray]:
    """Every stretch changed together with 50 ms of its neighbours, faded over at the cuts.

    Args:
        stretches: Of `cut`.
        change: (samples,) → as many samples.

    Yields:
        Sound, as much in all as came in.
    """
    queue = iter(stretches)
    here = next(queue, None)
    before = fading = np.zeros(0, np.float32)
    while here is not None:
        after = next(queue, None)
        margin = np.zeros(0, np.float32) if after is None else after[:_FADE]
        out = change(np.concatenate([before, here, margin]))
        rise = np.linspace(0.0, 1.0, len(fading), dtype=np.float32)
        out[: len(fading)] = fading * (1 - rise) + out[: len(fading)] * rise
        kept = len(out) - 2 * len(margin)
        yield out[:kept]
        before, fading = here[-_FADE:] if len(margin) else here[:0], out[kept:]
        here = after
