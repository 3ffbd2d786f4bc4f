"""Clips whose sound and words contradict each other, and whose picture says which of them is right."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectus.corpora.base import with_gold
from affectus.sample import Item, Sample
from affectus.taxonomy import scale
from affectus.testing.learning import built, descend, loss_of, share_wrong

_CLASSES, _FRAMES = 3, 6
_NOISE = 0.1
_POOL, _STEPS = 120, 50


def trusted_stream(name: str, /, **changes: Any) -> float:
    """Share of wrong labels of clips in which one modality tells which of two others to believe.

    What two networks that read sound and words each by itself say in sum can't solve it.

    Args:
        name: Of a system that reads the features `video`, `vggish` and `bert` of frames (`widths`, `channels`).
        **changes: Of its configuration.
    """
    widths = {"video": 2, "vggish": _CLASSES, "bert": _CLASSES}
    channels = dict.fromkeys(widths, (16,))
    system = built(name, faces=None, widths=widths, channels=channels, **changes)
    target = system.config.targets[0]

    def clips(n: int, seed: int) -> list[Item]:
        rng = np.random.default_rng(seed)
        said, right = rng.integers(0, _CLASSES, (n, 2)), rng.integers(0, 2, n)
        made = []
        for i in range(n):
            rows = (np.eye(2)[right[i]], np.eye(_CLASSES)[said[i, 0]], np.eye(_CLASSES)[said[i, 1]])
            streams = {
                key: (row + _NOISE * rng.standard_normal((_FRAMES, len(row)))).astype(np.float32)
                for key, row in zip(widths, rows, strict=True)
            }
            made.append(Sample(id=f"clip-{seed}-{i}", source="made", item=i, features=streams))
        gold = np.eye(len(scale(target.scale)), dtype=np.float32)[said[range(n), right]]
        return [*with_gold(made, {target.scale: gold}, perspective=target.perspective, by="made", modality="video")]

    pool = clips(_POOL, 0)
    descend(system.train().parameters(), lambda step: loss_of(system, pool, step), _STEPS, 1e-2)
    return share_wrong(system, clips(100, 1))
