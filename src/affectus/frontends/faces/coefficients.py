"""Geometric coefficients of a 468-point mesh, named like ARKit's: what distances between points can tell, and no more.

These are not Apple's blendshape values and were not fitted to them. Each one is a clipped linear form of a few
distances, measured in the head's own frame and in units of the distance between the eyes, so that place, size and turn
of the head drop out. What geometry can't see (gaze, cheeks, tongue, rolled lips, …) is NaN. So are the lids: this mesh
draws closed eyes as half open (on a clip with closed eyes its lid distance did not fall), and a blink that can't be
seen must not be called 0.

`level = clip(sum of slope * (measure - neutral), 0, 1)`; measures, slopes and landmarks are the tables below.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from affectus.frontends.faces.head import NOSE_BASE, head_frame
from affectus.frontends.faces.track import FaceFrame
from affectus.sample import Span
from affectus.taxonomy import scale
from affectus.timeline import Timeline

RIG = "arkit-52"
BY = "geometric"

_CHUNK = 4096  # rows that are kept as arrays before they become a table

HEAD_POSE = scale("head-pose")

# -- landmarks (indices of the 468-point mesh; right and left are the person's own) ------------------------------------
_CHIN = 152
_LEVEL_PITCH = -4.0  # degrees: how far the line from forehead to nose base leans in a face that looks straight ahead
_UPPER, _LOWER, _UPPER_IN, _LOWER_IN = 0, 17, 13, 14  # middle of the lips: outer and inner edge

_RIGHT: Mapping[str, tuple[int, ...]] = {
    "eye outer": (33,),
    "eye inner": (133,),
    "brow inner": (55, 107),
    "brow middle": (65, 66, 52, 105),
    "brow outer": (53, 63, 46, 70),
    "corner": (61,),
    "upper lip": (39,),
    "upper lip inner": (81,),
    "lower lip": (181,),
    "lower lip inner": (178,),
    "nostril": (98,),
}
_LEFT: Mapping[str, tuple[int, ...]] = {
    "eye outer": (263,),
    "eye inner": (362,),
    "brow inner": (285, 336),
    "brow middle": (295, 296, 282, 334),
    "brow outer": (283, 293, 276, 300),
    "corner": (291,),
    "upper lip": (269,),
    "upper lip inner": (311,),
    "lower lip": (405,),
    "lower lip inner": (402,),
    "nostril": (327,),
}
_SIDES = (("Right", _RIGHT, -1.0), ("Left", _LEFT, 1.0))

# -- measures, in units of the distance between the eyes, with their value at rest -------------------------------------
# Rest values are medians over 417 neutral FER2013 faces and over the CK+ classes that leave the measure at rest.
_SIDED: Mapping[str, float] = {
    "brow inner": 0.270,  # inner brow above the inner eye corner
    "brow middle": 0.315,  # middle brow above the eye's middle
    "brow outer": 0.250,  # outer brow above the outer eye corner
    "corner out": 0.385,  # mouth corner from the mouth's middle, sideways
    "corner up": 0.016,  # mouth corner above the line between the lips
    "lips thick": 0.247,  # visible red of both lips, halfway to the corner
    "upper lip": 0.268,  # upper lip's edge below the nostril
}
_MIDDLE: Mapping[str, float] = {
    "lip gap": 0.030,  # inner edges of the lips apart
    "mouth aside": 0.0,  # mouth from the middle of the head, positive to the person's left
    "chin aside": 0.0,  # chin from the middle of the head
}

# -- coefficients: slope of each measure -------------------------------------------------------------------------------
_SIDED_LEVELS: Mapping[str, Mapping[str, float]] = {
    "browDown": {"brow inner": -6.0, "brow middle": -6.0},
    "browOuterUp": {"brow outer": 12.0},
    "mouthSmile": {"corner out": 3.0, "corner up": 5.0},
    "mouthFrown": {"corner up": -8.0},
    "mouthStretch": {"corner out": 5.0, "corner up": -6.0},
    "mouthPress": {"lips thick": -10.0, "lip gap": -1.5},
    "mouthUpperUp": {"upper lip": -10.0},
}
_LEVELS: Mapping[str, Mapping[str, float]] = {  # a sided measure here means both sides, half each
    "browInnerUp": {"brow inner": 12.0},
    "jawOpen": {"lip gap": 1.5},
    "mouthPucker": {"corner out": -6.0, "lip gap": -1.5},
    "mouthFunnel": {"corner out": -5.0, "lip gap": 1.5},
    "mouthLeft": {"mouth aside": 10.0},
    "mouthRight": {"mouth aside": -10.0},
    "jawLeft": {"chin aside": 5.0},
    "jawRight": {"chin aside": -5.0},
}

MEASURES: tuple[str, ...] = (*(f"{name} {side}" for side, _, _ in _SIDES for name in _SIDED), *_MIDDLE)
NEUTRAL = np.array([*_SIDED.values(), *_SIDED.values(), *_MIDDLE.values()], np.float32)


def measures(mesh: np.ndarray) -> np.ndarray:
    """The distances of `MEASURES`, (..., 17) float32, in units of the distance between the eyes.

    Args:
        mesh: (..., 468, 3) pixels.
    """
    origin, axes, unit = head_frame(mesh)
    own = np.einsum("...ij,...pj->...pi", axes, np.asarray(mesh, np.float64) - origin[..., None, :])
    own = own / unit[..., None, None]

    def at(points: tuple[int, ...] | int) -> np.ndarray:
        return own[..., list(points) if isinstance(points, tuple) else [points], :].mean(-2)

    middle = at((_UPPER, _UPPER_IN, _LOWER_IN, _LOWER))
    between = (at(_UPPER_IN) + at(_LOWER_IN))[..., 1] / 2
    values = []
    for _, place, sign in _SIDES:
        p = {name: at(points) for name, points in place.items()}
        eye = (p["eye inner"] + p["eye outer"])[..., 1] / 2
        red = np.linalg.norm(p["upper lip"] - p["upper lip inner"], axis=-1)
        red = red + np.linalg.norm(p["lower lip"] - p["lower lip inner"], axis=-1)
        values += [
            p["eye inner"][..., 1] - p["brow inner"][..., 1],
            eye - p["brow middle"][..., 1],
            p["eye outer"][..., 1] - p["brow outer"][..., 1],
            sign * (p["corner"][..., 0] - middle[..., 0]),
            between - p["corner"][..., 1],
            red,
            p["upper lip"][..., 1] - p["nostril"][..., 1],
        ]
    corners = (at(_RIGHT["corner"]) + at(_LEFT["corner"])) / 2
    nose = at(NOSE_BASE)
    values += [
        np.linalg.norm(at(_UPPER_IN) - at(_LOWER_IN), axis=-1),
        (corners + middle)[..., 0] / 2 - nose[..., 0],
        at(_CHIN)[..., 0] - nose[..., 0],
    ]
    return np.stack(values, -1).astype(np.float32)


def _slopes() -> np.ndarray:
    """(52, measures); NaN rows are coefficients that geometry does not give."""
    labels, table = scale(RIG).labels, np.full((len(scale(RIG)), len(MEASURES)), np.nan, np.float32)
    rows: dict[str, tuple[Mapping[str, float], tuple[str, ...]]]
    rows = {f"{name}{side}": (row, (side,)) for name, row in _SIDED_LEVELS.items() for side, _, _ in _SIDES}
    rows |= {name: (row, tuple(side for side, _, _ in _SIDES)) for name, row in _LEVELS.items()}
    for name, (row, sides) in rows.items():
        at = labels.index(name)
        table[at] = 0
        for measure, slope in row.items():
            if measure in _MIDDLE:
                table[at, MEASURES.index(measure)] = slope
            else:
                for side in sides:
                    table[at, MEASURES.index(f"{measure} {side}")] = slope / len(sides)
    return table


_SLOPES = _slopes()
SUPPORTED: tuple[str, ...] = tuple(
    label for label, row in zip(scale(RIG).labels, _SLOPES, strict=True) if not np.isnan(row).any()
)
"""Coefficients that are given; the other labels of `arkit-52` are NaN."""


def coefficients(mesh: np.ndarray, neutral: np.ndarray = NEUTRAL) -> np.ndarray:
    """Levels in [0, 1] on `arkit-52`, (..., 52) float32; NaN where geometry has no opinion.

    Args:
        mesh: (..., 468, 3) pixels, z away from the camera.
        neutral: (measures,) values at rest; `Baseline` gives those of one person.
    """
    return _levels(measures(mesh), neutral)


def _levels(values: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    return np.clip((values - neutral) @ _SLOPES.T, 0, 1).astype(np.float32)


def head_pose(mesh: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll in degrees on the scale `head-pose`, (..., 3) float32.

    The rotation is that of `head_frame`, split in the order roll, yaw, pitch (picture axis first). Perspective is
    ignored: a face at the edge of a wide picture seems turned.

    Args:
        mesh: (..., 468, 3) pixels.
    """
    _, axes, _ = head_frame(mesh)
    x, y = axes[..., 0, :], axes[..., 1, :]
    roll = np.arctan2(x[..., 1], x[..., 0])
    yaw = np.arcsin(np.clip(x[..., 2], -1, 1))
    pitch = np.arcsin(np.clip(y[..., 2] / np.maximum(np.cos(yaw), 1e-6), -1, 1)) - np.radians(_LEVEL_PITCH)
    return np.degrees(np.stack([yaw, pitch, roll], -1)).astype(np.float32)


class Baseline:
    """The values at rest of one person: the median of each measure over the last seconds.

    A median forgets short expressions; one that fills most of the memory becomes the new rest.

    Args:
        frames: Frames that are remembered.
        least: Frames before which the general values hold.
    """

    def __init__(self, frames: int = 300, least: int = 50) -> None:
        self._seen: deque[np.ndarray] = deque(maxlen=frames)
        self._least, self._count, self._rest = least, 0, NEUTRAL

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Take in the measures (17,) of a frame; the values at rest so far."""
        self._seen.append(values)
        self._count += 1
        if self._count >= self._least and self._count % 10 == 0:
            self._rest = np.median(np.stack(self._seen), axis=0).astype(np.float32)
        return self._rest


def until_next(frames: Iterable[FaceFrame]) -> Iterator[tuple[FaceFrame, float]]:
    """Each frame with the time of the next one; the last lasts as long as the one before it, a lone one no time."""
    before: FaceFrame | None = None
    step = 0.0
    for frame in frames:
        if before is not None:
            step = frame.time - before.time
            yield before, frame.time
        before = frame
    if before is not None:
        yield before, before.time + step


class Motion:
    """Collects coefficients and head pose of a stream of frames, one row a face and frame.

    Args:
        source: Name of the file.
        baseline: Whether each track's own rest is subtracted instead of the general one.
    """

    def __init__(self, source: str, baseline: bool = False) -> None:
        self._source, self._baseline = source, baseline
        self._rest: dict[str, Baseline] = {}
        self._spans: list[Span] = []
        self._levels: list[np.ndarray] = []
        self._poses: list[np.ndarray] = []
        self._done: list[Timeline] = []

    def add(self, frame: FaceFrame, end: float) -> None:
        """Take in the faces of a frame that lasts until `end` (seconds)."""
        if not frame.faces:
            return
        meshes = np.stack([face.mesh for face in frame.faces])
        values, neutral = measures(meshes), NEUTRAL
        if self._baseline:
            rows = zip(frame.faces, values, strict=True)
            neutral = np.stack([self._rest.setdefault(face.track, Baseline())(row) for face, row in rows])
        self._levels.append(_levels(values, neutral))
        self._poses.append(head_pose(meshes))
        self._spans += [Span(self._source, face.track, None, frame.time, end) for face in frame.faces]
        if len(self._spans) >= _CHUNK:
            self._flush()

    def timelines(self) -> list[Timeline]:
        """All rows so far, in parts of a few thousand."""
        if self._spans:
            self._flush()
        return self._done

    def _flush(self) -> None:
        scores = {RIG: np.concatenate(self._levels), HEAD_POSE.name: np.concatenate(self._poses)}
        self._done.append(Timeline.build(self._spans, scores, perspective=None, by=BY, modality="face"))
        self._spans, self._levels, self._poses = [], [], []


def motion(frames: Iterable[FaceFrame], *, source: str, baseline: bool = False) -> Timeline:
    """Coefficients and head pose of every face and frame on the scales `arkit-52` and `head-pose`.

    A row lasts until the next frame; the last one as long as the one before it.

    Args:
        frames: Of `track_faces`.
        source: Name of the file.
        baseline: Whether each track's own rest is subtracted instead of the general one.
    """
    moves = Motion(source, baseline)
    for frame, end in until_next(frames):
        moves.add(frame, end)
    return Timeline.concat(moves.timelines())
