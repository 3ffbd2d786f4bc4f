"""Faces over time: detect now and then, follow in between by the mesh itself, keep identities.

A followed face costs one run of the mesh net, whose next region is the box of its own points. The detector looks for
new faces every few frames, and at once when a face was lost or none is there. A face that comes back, and one that a
cut put in another's place, is recognised by its appearance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from affectus.errors import InputError
from affectus.frontends.faces.appearance import Signature
from affectus.frontends.faces.crop import face_crop
from affectus.frontends.faces.detector import Detector, Range, overlap
from affectus.frontends.faces.mesh import Mesh, Region, box_of_mesh, region_of_detection, region_of_mesh

SMALLEST = 12.0
"""Pixels: a face whose box is narrower shows nothing to read."""

SURE = 0.9
"""Mesh score, on the second look, from which a detection is taken for a face."""

_SAME_PLACE = 0.3  # overlap from which a detection is a face that is already followed
_SAME_FACE = 0.6  # overlap from which two tracks follow one face
_REMEMBERED = 64  # faces out of sight that can be recognised
_YOUNG = 25  # frames in which a new face may still turn out to be a remembered one (it may have come up half hidden)
_FLEETING = 5  # frames: what was followed for less is not remembered


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one frame.

    Args:
        track: `face-1`, `face-2`, … in the order of appearance.
        box: (4,) x, y, width, height around the mesh, in pixels of the frame.
        mesh: (468, 3) float32 in pixels of the frame; z grows away from the camera.
        score: Probability that the mesh lies on a face.
        crop: (64, 64) uint8 grey, eyes level (see `crop`).
    """

    track: str
    box: np.ndarray
    mesh: np.ndarray
    score: float
    crop: np.ndarray


@dataclass(frozen=True, eq=False)
class FaceFrame:
    """All faces of one frame, at its presentation time in seconds."""

    time: float
    faces: list[Face]


@dataclass(eq=False)
class _Track:
    """A face that is followed or remembered; `known` when it was recognised, `age` in followed frames."""

    number: int
    points: np.ndarray
    score: float
    looks: Signature
    seen: float
    crop: np.ndarray
    age: int = 0
    known: bool = False

    @property
    def corners(self) -> np.ndarray:
        box = box_of_mesh(self.points)
        return np.concatenate([box[:2], box[:2] + box[2:]])


@dataclass(eq=False)
class Tracker:
    """Follows faces through frames given one after another; its state does not grow with their number.

    Args:
        every: Frames between two runs of the detector.
        threads: Threads of each net.
        range: Nets of the detector.
        least: Mesh score below which a face is lost.
        sure: Mesh score from which a detection becomes a track.
        alike: Likeness from which a face is recognised as one that was seen before.
        unlike: Likeness below which the mesh is taken to have jumped onto another face (a cut).
        memory: Seconds for which a face out of sight is remembered.

    Raises:
        AssetError: If the nets are not on this machine.
        InputError: If `every` is below 1.
    """

    every: int = 5
    threads: int = 1
    range: Range | tuple[Range, ...] = "back"
    least: float = 0.5
    sure: float = SURE
    alike: float = 0.45
    unlike: float = 0.35
    memory: float = 60.0
    _live: list[_Track] = field(default_factory=list, init=False)
    _gone: list[_Track] = field(default_factory=list, init=False)
    _count: int = field(default=0, init=False)
    _frame: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"every is {self.every}", allowed="1 or more frames")
        self._detector, self._mesh = Detector(self.range, self.threads), Mesh(self.threads)

    def __call__(self, time: float, rgb: np.ndarray) -> FaceFrame:
        """Faces of the next frame (h, w, 3) uint8."""
        lost = self._follow(time, rgb)
        if lost or not self._live or self._frame % self.every == 0:
            self._look(time, rgb)
        self._frame += 1
        self._gone = [t for t in self._gone if time - t.seen <= self.memory][-_REMEMBERED:]
        faces = [
            Face(f"face-{t.number}", box_of_mesh(t.points), t.points, t.score, t.crop)
            for t in sorted(self._live, key=lambda t: t.number)
        ]
        return FaceFrame(time, faces)

    def _follow(self, time: float, rgb: np.ndarray) -> bool:
        """Move every live track on; whether any was lost."""
        kept: list[_Track] = []
        moved: list[tuple[_Track, np.ndarray, float, Signature, float, np.ndarray]] = []
        for track in self._live:
            seen = self._see(rgb, region_of_mesh(track.points))
            if seen is None:
                self._lose(track)
                continue
            points, score, looks, crop = seen
            moved.append((track, points, score, looks, track.looks.likeness(looks), crop))
        # Where two tracks slid onto one face, the one that it resembles more keeps it.
        for row in sorted(moved, key=lambda r: -r[4]):
            track, points, score, looks, likeness, crop = row
            box = _corners(points)
            taken = len(kept) > 0 and overlap(box, np.array([t.corners for t in kept])).max() >= _SAME_FACE
            if taken or likeness < self.unlike:
                self._lose(track)
                continue
            track.points, track.score, track.seen, track.crop, track.age = points, score, time, crop, track.age + 1
            if likeness >= self.alike:  # else something may be in front of it
                track.looks = track.looks.blend(looks)
            if not track.known and track.age < _YOUNG:
                track = self._rename(track, looks)
            kept.append(track)
        lost = len(kept) < len(self._live)
        self._live = kept
        return lost

    def _lose(self, track: _Track) -> None:
        if track.known or track.age >= _FLEETING:
            self._gone.append(track)

    def _rename(self, track: _Track, looks: Signature) -> _Track:
        """Give a young track the name of the remembered face that it turns out to be."""
        old = self._recognise(looks)
        if old is not None:
            self._gone.remove(old)
            track.number, track.known = old.number, True
        return track

    def _look(self, time: float, rgb: np.ndarray) -> None:
        """Run the detector and start or resume a track on every face that is not followed yet."""
        for found in self._detector(rgb):
            corners = np.concatenate([found.box[:2], found.box[:2] + found.box[2:]])
            if self._followed(corners):
                continue
            first, _ = self._mesh(rgb, region_of_detection(found))
            seen = self._see(rgb, region_of_mesh(first), self.sure)  # what is no face rarely survives a second look
            if seen is None:
                continue
            points, score, looks, crop = seen
            if self._followed(_corners(points)):
                continue
            known = self._recognise(looks)
            if known is None:
                self._count += 1
                known = _Track(self._count, points, score, looks, time, crop)
            else:
                self._gone.remove(known)
                known.points, known.score, known.seen, known.crop = points, score, time, crop
                known.looks, known.known = known.looks.blend(looks), True
            self._live.append(known)

    def _see(
        self, rgb: np.ndarray, region: Region, least: float | None = None
    ) -> tuple[np.ndarray, float, Signature, np.ndarray] | None:
        """Mesh, score, appearance and crop in a region; None where there is no face of a readable size."""
        if region.side < SMALLEST:
            return None
        points, score = self._mesh(rgb, region)
        if score < (least or self.least) or not _inside(points, rgb) or box_of_mesh(points)[2:].max() < SMALLEST:
            return None
        return points, score, Signature.of(rgb, points), face_crop(rgb, points)

    def _followed(self, corners: np.ndarray) -> bool:
        return bool(self._live) and overlap(corners, np.array([t.corners for t in self._live])).max() >= _SAME_PLACE

    def _recognise(self, looks: Signature) -> _Track | None:
        best = max(self._gone, key=lambda t: t.looks.likeness(looks), default=None)
        return best if best is not None and best.looks.likeness(looks) >= self.alike else None


def track_faces(
    frames: Iterable[tuple[float, np.ndarray]],
    *,
    every: int = 5,
    threads: int = 1,
    range: Range | tuple[Range, ...] = "back",
) -> Iterator[FaceFrame]:
    """Faces of every frame of a video, as they come: memory is constant and time linear.

    Args:
        frames: (seconds, (h, w, 3) uint8 RGB), as `affectus.media.frames` gives them.
        every: Frames between two runs of the detector.
        threads: Threads of each net.
        range: Nets of the detector (see `Detector`).

    Raises:
        AssetError: If the nets are not on this machine.
    """
    tracker = Tracker(every=every, threads=threads, range=range)
    for time, rgb in frames:
        yield tracker(time, rgb)


def find_faces(rgb: np.ndarray, *, threads: int = 1, range: Range | tuple[Range, ...] = ("back", "full")) -> list[Face]:
    """Faces of one picture, largest first: `face-1`, `face-2` and so on.

    Args:
        rgb: (h, w, 3) uint8.
        threads: Threads of each net.
        range: Nets of the detector.

    Raises:
        AssetError: If the nets are not on this machine.
        InputError: If it is no RGB picture.
    """
    return FaceFinder(threads, range)(rgb)


class FaceFinder:
    """`find_faces` for many pictures: the nets are loaded once.

    Args:
        threads: Threads of each net.
        range: Nets of the detector.
        sure: Mesh score from which a detection is a face.

    Raises:
        AssetError: If the nets are not on this machine.
    """

    def __init__(
        self, threads: int = 1, range: Range | tuple[Range, ...] = ("back", "full"), sure: float = SURE
    ) -> None:
        self._detector, self._mesh, self.sure = Detector(range, threads), Mesh(threads), sure

    def __call__(self, rgb: np.ndarray) -> list[Face]:
        """Faces of a picture (h, w, 3) uint8, largest first."""
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
            raise InputError(f"a picture has shape {rgb.shape} and type {rgb.dtype}", allowed="(h, w, 3) uint8, RGB")
        found: list[Face] = []
        for detection in self._detector(rgb):
            region = region_of_detection(detection)
            if region.side < SMALLEST:
                continue
            points, _ = self._mesh(rgb, region)
            points, score = self._mesh(rgb, region_of_mesh(points))  # what is no face rarely survives a second look
            if score < self.sure or not _inside(points, rgb):
                continue
            corners = np.array([_corners(f.mesh) for f in found]).reshape(-1, 4)
            if len(found) and overlap(_corners(points), corners).max() >= _SAME_FACE:
                continue
            found.append(Face("", box_of_mesh(points), points, score, face_crop(rgb, points)))
        found.sort(key=lambda f: -float(f.box[2] * f.box[3]))
        return [Face(f"face-{i + 1}", f.box, f.mesh, f.score, f.crop) for i, f in enumerate(found)]


def _corners(points: np.ndarray) -> np.ndarray:
    xy = points[:, :2]
    return np.concatenate([xy.min(0), xy.max(0)])


def _inside(points: np.ndarray, rgb: np.ndarray) -> bool:
    """Whether the middle of the mesh lies in the picture."""
    x, y = points[:, :2].mean(0)
    return bool(0 <= x < rgb.shape[1] and 0 <= y < rgb.shape[0])
