"""Faces in a picture: BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047), decoded and merged here.

The nets answer, for each anchor of a fixed grid, a score and 16 numbers: the box (centre and size) and six key points,
all in pixels of the square input and relative to the anchor's centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from affectus import assets
from affectus.errors import check_option
from affectus.frontends.faces.litert import LiteRT

Range = Literal["short", "back", "full"]

RIGHT_EYE, LEFT_EYE, NOSE, MOUTH, RIGHT_EAR, LEFT_EAR = range(6)
"""Order of the key points; right and left are the person's own."""

# (cells a side, anchors a cell) of each grid, fine to coarse; the net's outputs follow this order, row by row.
_GRIDS: dict[Range, tuple[tuple[int, int], ...]] = {
    "short": ((16, 2), (8, 6)),
    "back": ((16, 2), (8, 6)),
    "full": ((48, 1),),
}
_LOGIT_LIMIT = 80.0  # float32 exp overflows at 88


@dataclass(frozen=True, eq=False)
class Detection:
    """One face.

    Args:
        box: (4,) x, y, width, height in pixels of the picture; may reach beyond its edges.
        keypoints: (6, 2) x, y in pixels: right eye, left eye, nose, mouth, right ear, left ear.
        score: Probability in [0, 1].
    """

    box: np.ndarray
    keypoints: np.ndarray
    score: float


@dataclass(frozen=True)
class Letterbox:
    """How a picture was fitted into a square: pixels of the picture = (pixels of the square - offset) / scale."""

    scale: float
    left: float
    top: float

    def invert(self, points: np.ndarray) -> np.ndarray:
        """Points (…, 2) of the square as points of the picture."""
        return (points - np.array([self.left, self.top], np.float32)) / np.float32(self.scale)


def letterbox(rgb: np.ndarray, side: int) -> tuple[np.ndarray, Letterbox]:
    """Fit a picture into a black square without changing its proportions.

    Args:
        rgb: (h, w, 3) uint8.
        side: Pixels of the square.

    Returns:
        (side, side, 3) uint8, and the way back.
    """
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (side - w) // 2, (side - h) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + h, left : left + w] = cv2.resize(
        rgb, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return square, Letterbox(scale, left, top)


def anchors(grids: Sequence[tuple[int, int]]) -> np.ndarray:
    """Centres of all anchors in units of the input's side, (n, 2) float32: x, y of each cell's middle, row by row."""
    rows = []
    for cells, per_cell in grids:
        middle = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(middle, middle)
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), per_cell, axis=0))
    return np.concatenate(rows)


def decode(values: np.ndarray, logits: np.ndarray, centres: np.ndarray, side: int, least: float) -> np.ndarray:
    """Rows above a score from the net's raw outputs.

    Args:
        values: (n, 16) box centre, box size, six key points, in pixels relative to the anchor.
        logits: (n,).
        centres: (n, 2) of `anchors`.
        side: Pixels of the input.
        least: Lowest score that is kept.

    Returns:
        (m, 17) in pixels of the input: x0, y0, x1, y1, six times x, y, and the score, best first.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits, -_LOGIT_LIMIT, _LOGIT_LIMIT)))
    keep = np.flatnonzero(scores >= least)
    keep = keep[np.argsort(-scores[keep], kind="stable")]
    origin = centres[keep] * side
    centre, half = values[keep, :2] + origin, values[keep, 2:4] / 2
    points = values[keep, 4:].reshape(-1, 6, 2) + origin[:, None]
    return np.concatenate([centre - half, centre + half, points.reshape(-1, 12), scores[keep, None]], 1)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one corner box (4,) with many (n, 4); a box without area overlaps nothing."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:4], boxes[:, 2:4])
    inside = np.clip(high - low, 0, None).prod(1)
    area = np.clip(box[2:4] - box[:2], 0, None).prod() + np.clip(boxes[:, 2:4] - boxes[:, :2], 0, None).prod(1)
    union = area - inside
    return np.where(union > 0, inside / np.where(union > 0, union, 1), 0.0)


def merge(rows: np.ndarray, least: float = 0.3) -> np.ndarray:
    """Weighted suppression: each group of rows that overlap its best one becomes their mean, weighted by score.

    BlazeFace §3.3: averaging moves less from frame to frame than picking one box.

    Args:
        rows: (n, 17) of `decode`, best first.
        least: Overlap from which two rows are the same face.

    Returns:
        (m, 17); the score is the best one's.
    """
    merged = []
    while len(rows):
        same = overlap(rows[0], rows) >= least
        same[0] = True
        weights = rows[same, 16]
        row = (rows[same] * weights[:, None]).sum(0) / weights.sum()
        row[16] = rows[0, 16]
        merged.append(row)
        rows = rows[~same]
    return np.array(merged, np.float32).reshape(-1, 17)


class Detector:
    """BlazeFace.

    Args:
        range: Nets to run: `short` (128 px: faces that fill a fifth of the picture or more, fastest), `back` (256 px:
            a tenth or more), `full` (192 px: small faces); their findings are merged.
        threads: Threads of each net.
        least: Lowest score of a face.

    Raises:
        AssetError: If the nets are not on this machine.
    """

    def __init__(self, range: Range | Sequence[Range] = "back", threads: int = 1, least: float = 0.5) -> None:
        self.ranges: tuple[Range, ...] = (range,) if isinstance(range, str) else tuple(range)
        for name in self.ranges:
            check_option("range", name, _GRIDS)
        folder_of = {name: assets.path("blazeface", name) for name in self.ranges}
        self._nets = {name: LiteRT(path, threads) for name, path in folder_of.items()}
        self._anchors = {name: anchors(_GRIDS[name]) for name in self.ranges}
        self.least = least

    def __call__(self, rgb: np.ndarray) -> list[Detection]:
        """Faces of a picture (h, w, 3) uint8, best first."""
        rows = []
        for name, net in self._nets.items():
            side = net.input_shape[1]
            square, way = letterbox(rgb, side)
            outputs = net((square.astype(np.float32) / 127.5 - 1)[None])
            values, logits = sorted((o[0] for o in outputs), key=lambda o: -o.shape[1])
            found = decode(values, logits[:, 0], self._anchors[name], side, self.least)
            found[:, :16] = way.invert(found[:, :16].reshape(-1, 8, 2)).reshape(-1, 16)
            rows.append(found)
        together = np.concatenate(rows)
        merged = merge(together[np.argsort(-together[:, 16], kind="stable")])
        return [
            Detection(
                np.concatenate([row[:2], row[2:4] - row[:2]]).astype(np.float32),
                row[4:16].reshape(6, 2).astype(np.float32),
                float(row[16]),
            )
            for row in merged
        ]
