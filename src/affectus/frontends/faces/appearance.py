"""A cheap signature of how a face looks, to tell whether it is the one that was followed.

It is no biometric identity: it separates people who stand in one video, under one light.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from affectus.frontends.faces.crop import face_square
from affectus.frontends.faces.head import head_shape
from affectus.frontends.faces.mesh import Region

_SIDE = 16  # pixels of the signature picture
_MARGIN = 1.5  # of the face square: takes in hair and ears
_COLOUR, _SHAPE = 4.0, 8.0  # weights of the distances: each then spreads about as far between people as the correlation
_CLEAR = 80.0  # pixels: side of a face square from which the shape is fully trusted
_MEMORY = 0.1  # weight of the newest frame in the running signature


@dataclass(frozen=True, eq=False)
class Signature:
    """Brightness pattern and colours of the aligned face, and the shape of the head.

    Args:
        pattern: (256,) grey, smoothed, mean 0, length 1.
        colour: (2, 64) the two chroma channels on an 8×8 grid, in [-1, 1].
        shape: (25, 3) rigid points in eye distances.
        trust: How far the shape counts, in [0, 1]: the mesh of a small face is mostly guessed.
    """

    pattern: np.ndarray
    colour: np.ndarray
    shape: np.ndarray
    trust: float

    @classmethod
    def of(cls, rgb: np.ndarray, points: np.ndarray) -> Signature:
        """The signature of the face with this mesh."""
        square = face_square(points)
        wide = Region(square.x, square.y, square.side * _MARGIN, square.roll).crop(rgb, 4 * _SIDE, cv2.BORDER_REPLICATE)
        small = cv2.resize(wide, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
        grey = lab[..., 0].ravel() - lab[..., 0].mean()
        chroma = cv2.resize(lab[..., 1:], (_SIDE // 2, _SIDE // 2), interpolation=cv2.INTER_AREA)
        return cls(
            grey / (np.linalg.norm(grey) + 1e-6),
            (chroma.reshape(-1, 2).T - 128) / 128,
            head_shape(points),
            min(square.side / _CLEAR, 1.0),
        )

    def likeness(self, other: Signature) -> float:
        """1 for the same picture; lower for less alike: pattern correlation minus distances of colour and shape."""
        colour = float(np.sqrt(((self.colour - other.colour) ** 2).sum(0)).mean())
        shape = float(np.sqrt(((self.shape - other.shape) ** 2).mean()))
        return float(self.pattern @ other.pattern) - _COLOUR * colour - _SHAPE * min(self.trust, other.trust) * shape

    def blend(self, newer: Signature, weight: float = _MEMORY) -> Signature:
        """A running mean that follows slow changes of light and pose."""
        pattern = (1 - weight) * self.pattern + weight * newer.pattern
        return Signature(
            pattern / (np.linalg.norm(pattern) + 1e-6),
            (1 - weight) * self.colour + weight * newer.colour,
            (1 - weight) * self.shape + weight * newer.shape,
            (1 - weight) * self.trust + weight * newer.trust,
        )
