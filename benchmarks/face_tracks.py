"""How well faces keep their names in scenes of two people with known truth.

python benchmarks/face_tracks.py [--people dev]
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from affectus.frontends.faces import FaceFinder, Tracker
from face_scenes import FPS, KINDS, LENGTH, TILE, Person, Scene, people, scenes
from record import Record


@dataclass
class Score:
    """Counts over scenes of one kind."""

    shown: int = 0
    found: int = 0
    switches: int = 0
    pure: int = 0
    whole: int = 0
    scenes: int = 0
    extra: int = 0
    switched_at: list[str] = field(default_factory=list)

    def row(self, kind: str) -> dict[str, Any]:
        minutes = self.found / FPS / 60
        return {
            "scene": kind,
            "scenes": self.scenes,
            "faces shown": self.shown,
            "found": self.found / self.shown,
            "switches": self.switches,
            "switches a minute of face": self.switches / minutes,
            "purity of tracks": self.pure / max(self.found, 1),
            "person in one track": self.whole / max(self.found, 1),
            "tracks beyond two": self.extra,
        }


def follow(scene: Scene, who: dict[str, Person], score: Score, **options: Any) -> None:
    """Play a scene and count."""
    tracker, last = Tracker(**options), dict[str, str]()
    pairs: Counter[tuple[str, str]] = Counter()
    for time, picture, truth in scene.play(who):
        faces = tracker(time, picture).faces
        for name, (x, y) in truth.items():
            score.shown += 1
            inside = [
                f for f in faces if x < f.box[0] + f.box[2] / 2 < x + TILE and y < f.box[1] + f.box[3] / 2 < y + TILE
            ]
            if not inside:
                continue
            track = max(inside, key=lambda f: f.box[2]).track
            score.found += 1
            pairs[track, name] += 1
            if last.get(name, track) != track:
                score.switches += 1
                score.switched_at.append(f"{scene.kind} {scene.pair} {name} {last[name]}→{track} at {time:.2f}")
            last[name] = track
    tracks, names = {t for t, _ in pairs}, {n for _, n in pairs}
    score.pure += sum(max(pairs[t, n] for n in names) for t in tracks)
    score.whole += sum(max(pairs[t, n] for t in tracks) for n in names)
    score.extra += max(0, len(tracks) - 2)
    score.scenes += 1


def run(which: str, **options: Any) -> tuple[list[dict[str, Any]], Score]:
    who = people(which)
    finder = FaceFinder()
    for name, show in who.items():  # truth is wrong where a tile shows a neighbour too
        shown = [len(finder(show(i))) for i in range(0, LENGTH, 15)]
        assert set(shown) == {1}, f"the tile of {name} shows {shown} faces, not exactly one"
    by_kind = {kind: Score() for kind in KINDS}
    for scene in scenes(who):
        follow(scene, who, by_kind[scene.kind], **options)
    total = Score()
    for score in by_kind.values():
        for name in ("shown", "found", "switches", "pure", "whole", "scenes", "extra"):
            setattr(total, name, getattr(total, name) + getattr(score, name))
        total.switched_at += score.switched_at
    return [*(score.row(kind) for kind, score in by_kind.items()), total.row("all")], total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", choices=("dev", "test"), default="test")
    parser.add_argument("--alike", type=float, default=Tracker.alike)
    parser.add_argument("--unlike", type=float, default=Tracker.unlike)
    options = parser.parse_args()
    rows, total = run(options.people, alike=options.alike, unlike=options.unlike)
    if options.people == "dev":
        for row in rows:
            print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()})
        print(*total.switched_at, sep="\n")
        return
    page = Record(
        name="face-tracks",
        title="Do faces keep their names?",
        method=f"Scenes of {LENGTH} frames at {FPS} a second, 640×480, with two of {len(people('test'))} people: two "
        "real clips and five stills that sway, turn, near and change their light. Detector every fifth frame. A "
        "switch is a change of the track that lies on a person; purity is the share of face frames whose track mostly "
        "shows that person; the last share is that of a person's frames in that person's longest track.",
        rows=rows,
        notes=(
            "thresholds of likeness were set on four other people (`--people dev`)",
            "stills don't change expression; real footage with many people would be harder",
        ),
    ).write()
    print(page.read_text(), *total.switched_at, sep="\n")


if __name__ == "__main__":
    main()
