"""The face crop that expression nets expect: grey, upright eyes, framed as FER2013 and CK+ frame theirs.

Convention, measured with the mesh on 2,325 FER2013 pictures (medians, in units of the picture's side; CK+ 48×48 agrees
to 0.02): eyes level at height 0.39, 0.374 apart; mouth 0.39 below them.
"""

from __future__ import annotations

import cv2
import numpy as np

from affectus.errors import InputError
from affectus.frontends.faces.mesh import Region, roll_of

PIXELS = 64
EYES_APART = 0.374
EYES_HEIGHT = 0.39
MOUTH_BELOW_EYES = 0.39

_RIGHT_EYE, _LEFT_EYE, _LIPS = [33, 133], [263, 362], [13, 14]


def face_square(points: np.ndarray) -> Region:
    """The square of the convention for a mesh (468, 2 or 3).

    A turned head brings the eyes together and a nod the mouth to the eyes; the larger of the two estimates holds.
    """
    xy = points[:, :2]
    right, left, mouth = xy[_RIGHT_EYE].mean(0), xy[_LEFT_EYE].mean(0), xy[_LIPS].mean(0)
    middle = (right + left) / 2
    side = max(np.linalg.norm(left - right) / EYES_APART, np.linalg.norm(mouth - middle) / MOUTH_BELOW_EYES)
    roll = roll_of(right, left)
    down = (0.5 - EYES_HEIGHT) * float(side)
    return Region(
        float(middle[0]) - down * np.sin(roll), float(middle[1]) + down * np.cos(roll), max(float(side), 1.0), roll
    )


def face_crop(rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Grey crop, (64, 64) uint8; beyond the picture's edge its last pixels are repeated."""
    square = face_square(points).crop(rgb, PIXELS, cv2.BORDER_REPLICATE)
    return cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)


def as_crop(face: np.ndarray) -> np.ndarray:
    """A ready-cut face of any size, grey or RGB, as (64, 64) uint8 grey.

    Raises:
        InputError: If it is no picture.
    """
    face = np.asarray(face)
    if face.dtype != np.uint8 or face.ndim not in (2, 3) or not face.size or (face.ndim == 3 and face.shape[2] != 3):
        raise InputError(f"a face has shape {face.shape} and type {face.dtype}", allowed="(h, w) or (h, w, 3) uint8")
    grey = face if face.ndim == 2 else cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    if grey.shape == (PIXELS, PIXELS):
        return grey
    way = cv2.INTER_AREA if min(grey.shape) > PIXELS else cv2.INTER_LINEAR
    return cv2.resize(grey, (PIXELS, PIXELS), interpolation=way)
