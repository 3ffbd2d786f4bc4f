"""Linear prediction of many frames at once, by the method of Burg (1975)."""

from __future__ import annotations

import numpy as np

_TINY = np.finfo(np.float32).tiny


def burg(frames: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Prediction error filters of least forward and backward error; they are always stable.

    Args:
        frames: (t, samples) float, samples > order. A frame of zeros gets the filter 1.
        order: Number of poles.

    Returns:
        Filters (t, order + 1) that begin with 1, and the mean square of what they leave, (t,).
    """
    frames = np.asarray(frames, np.float64)
    filters = np.zeros((len(frames), order + 1))
    filters[:, 0] = 1.0
    power = (frames**2).mean(1)
    forward, backward = frames[:, 1:], frames[:, :-1]
    for i in range(1, order + 1):
        energy = (forward**2).sum(1) + (backward**2).sum(1)
        reflection = -2 * (forward * backward).sum(1) / np.maximum(energy, _TINY)
        filters[:, 1 : i + 1] += reflection[:, None] * filters[:, i - 1 :: -1]
        power = power * (1 - reflection**2)
        forward, backward = (
            forward[:, 1:] + reflection[:, None] * backward[:, 1:],
            backward[:, :-1] + reflection[:, None] * forward[:, :-1],
        )
    return filters, power
