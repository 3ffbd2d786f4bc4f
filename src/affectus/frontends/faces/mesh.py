"""468 points of a face in three dimensions: FaceMesh (Kartynnik et al. 2019, arXiv:1907.06724).

The net sees a square that is turned so that the eyes are level. Points come back in pixels of the picture; z is in the
same unit, zero near the middle of the head, and negative towards the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from affectus import assets
from affectus.frontends.faces.detector import LEFT_EYE, RIGHT_EYE, Detection
from affectus.frontends.faces.litert import LiteRT

POINTS = 468
MARGIN = 1.5
"""Side of the square over the longer side of the face's box."""

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""Outer eye corners; right and left are the person's own."""


@dataclass(frozen=True)
class Region:
    """A turned square.

    Args:
        x: Centre, pixels.
        y: Centre, pixels.
        side: Pixels.
        roll: Radians; positive where the person's left eye (on the right of the picture) is lower.
    """

    x: float
    y: float
    side: float
    roll: float

    def affine(self, pixels: int) -> np.ndarray:
        """(2, 3) matrix from the picture to a square picture of so many pixels a side."""
        scale = pixels / max(self.side, 1e-3)
        cos, sin = scale * np.cos(self.roll), scale * np.sin(self.roll)
        half = pixels / 2
        return np.array(
            [
                [cos, sin, half - cos * self.x - sin * self.y],
                [-sin, cos, half + sin * self.x - cos * self.y],
            ]
        )

    def crop(self, picture: np.ndarray, pixels: int, edge: int = cv2.BORDER_CONSTANT) -> np.ndarray:
        """The square, (pixels, pixels[, 3]) uint8; what lies outside the picture is black unless `edge` says other."""
        affine = self.affine(pixels)
        if self.side > 2 * pixels:  # halve first: bilinear sampling of a large face would alias
            shrink = 2 ** int(np.log2(self.side / pixels))
            x0, y0, x1, y1 = self._bounds(picture)
            if x1 > x0 and y1 > y0:
                part = picture[y0:y1, x0:x1]
                w, h = max(1, (x1 - x0) // shrink), max(1, (y1 - y0) // shrink)
                part = cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA)
                sx, sy = (x1 - x0) / w, (y1 - y0) / h
                # pixel centres: full = (small + 0.5) * s - 0.5 + x0
                lift = np.array([[sx, 0, x0 + 0.5 * sx - 0.5], [0, sy, y0 + 0.5 * sy - 0.5], [0, 0, 1]])
                return cv2.warpAffine(part, affine @ lift, (pixels, pixels), flags=cv2.INTER_LINEAR, borderMode=edge)
        return cv2.warpAffine(picture, affine, (pixels, pixels), flags=cv2.INTER_LINEAR, borderMode=edge)

    def _bounds(self, picture: np.ndarray) -> tuple[int, int, int, int]:
        reach = self.side * (abs(np.cos(self.roll)) + abs(np.sin(self.roll))) / 2 + 2
        height, width = picture.shape[:2]
        x0, x1 = np.clip([self.x - reach, self.x + reach], 0, width).astype(int)
        y0, y1 = np.clip([self.y - reach, self.y + reach], 0, height).astype(int)
        return int(x0), int(y0), int(x1), int(y1)


def roll_of(right_eye: np.ndarray, left_eye: np.ndarray) -> float:
    """Angle of the line through the eyes, radians."""
    return float(np.arctan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0]))


def region_of_detection(found: Detection) -> Region:
    """Where the mesh net should look for a detected face."""
    x, y, w, h = (float(v) for v in found.box)
    roll = roll_of(found.keypoints[RIGHT_EYE], found.keypoints[LEFT_EYE])
    return Region(x + w / 2, y + h / 2, MARGIN * max(w, h), roll)


def region_of_mesh(points: np.ndarray) -> Region:
    """Where the mesh net should look for a face whose points (468, 2 or 3) of the frame before are known."""
    roll = roll_of(points[RIGHT_EYE_OUTER], points[LEFT_EYE_OUTER])
    cos, sin = np.cos(roll), np.sin(roll)
    level = points[:, :2] @ np.array([[cos, -sin], [sin, cos]], np.float32)
    low, high = level.min(0), level.max(0)
    x, y = (low + high) / 2
    return Region(float(cos * x - sin * y), float(sin * x + cos * y), MARGIN * float((high - low).max()), roll)


def box_of_mesh(points: np.ndarray) -> np.ndarray:
    """Upright box around the points, (4,) x, y, width, height."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    return np.concatenate([low, high - low]).astype(np.float32)


class Mesh:
    """FaceMesh.

    Args:
        threads: Threads of the net.

    Raises:
        AssetError: If the net is not on this machine.
    """

    def __init__(self, threads: int = 1) -> None:
        self._net = LiteRT(assets.path("facemesh"), threads)

    def __call__(self, rgb: np.ndarray, region: Region) -> tuple[np.ndarray, float]:
        """Points and score of the face in a region.

        Args:
            rgb: (h, w, 3) uint8.
            region: Where to look.

        Returns:
            (468, 3) float32 in pixels of the picture, and the probability that a face is there.
        """
        side = self._net.input_shape[1]
        square = region.crop(rgb, side)
        outputs = self._net((square.astype(np.float32) / 255)[None])
        flat, flag = sorted((o.ravel() for o in outputs), key=lambda o: -o.size)
        points = flat.reshape(POINTS, 3).astype(np.float32)
        back = cv2.invertAffineTransform(region.affine(side))
        scale = region.side / side
        placed = np.concatenate([points[:, :2] @ back[:, :2].T + back[:, 2], points[:, 2:] * scale], 1)
        return placed.astype(np.float32), float(1 / (1 + np.exp(-np.clip(flag[0], -60, 60))))
