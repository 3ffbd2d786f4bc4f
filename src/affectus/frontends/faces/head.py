"""The head's own frame: what is left of a mesh when place, size and turn are taken away."""

from __future__ import annotations

import numpy as np

FOREHEAD, NOSE_BASE = 10, 2
_PAIRS = ((33, 263), (133, 362), (127, 356), (234, 454), (162, 389), (98, 327))  # rigid: eye corners, temples, nose
_RIGID = [33, 133, 362, 263, 10, 127, 356, 234, 454, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 21, 251, 54, 284, 93, 323]


def head_frame(mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origin, axes and unit of a head.

    The first axis is the sum of the vectors between paired rigid points, the second the line from forehead to nose base
    made orthogonal to it, the third their product.

    Args:
        mesh: (..., 468, 3) pixels.

    Returns:
        Middle of the eyes (..., 3); rows = axes to the person's left, down and away from the camera (..., 3, 3);
        distance between the eyes' middles (...).
    """
    mesh = np.asarray(mesh, np.float64)
    right, left = mesh[..., [33, 133], :].mean(-2), mesh[..., [263, 362], :].mean(-2)
    across = sum(mesh[..., b, :] - mesh[..., a, :] for a, b in _PAIRS)
    x = _unit(np.asarray(across))
    down = mesh[..., NOSE_BASE, :] - mesh[..., FOREHEAD, :]
    y = _unit(down - (down * x).sum(-1, keepdims=True) * x)
    axes = np.stack([x, y, np.cross(x, y)], -2)
    return (right + left) / 2, axes, np.maximum(np.linalg.norm(left - right, axis=-1), 1e-9)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12)


def head_shape(mesh: np.ndarray) -> np.ndarray:
    """25 points that expressions hardly move, in the head's frame and in eye distances, (..., 25, 3) float32.

    Args:
        mesh: (..., 468, 3) pixels.
    """
    origin, axes, unit = head_frame(mesh)
    own = np.einsum("...ij,...pj->...pi", axes, np.asarray(mesh, np.float64)[..., _RIGID, :] - origin[..., None, :])
    return (own / unit[..., None, None]).astype(np.float32)
