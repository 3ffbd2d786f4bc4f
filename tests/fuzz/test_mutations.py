"""Damaged files: whatever a reader meets, it answers or raises one of our errors, soon, and kills no process.

Real small files of every kind are mutated (bits flipped, pieces cut out, inserted, doubled, the end cut) and read in
worker processes, so that a crash inside a decoder is caught and named. A case is rebuilt from its number.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import pytest

from media_samples import make_audio, make_image, make_video

SHARED = Path(__file__).parents[3] / "shared" / "data"
SECONDS = 10  # of processor time for one case, so that a busy machine does no harm
BATCH = 100
ROUNDS = 120  # mutations of each file


def make_seeds(folder: Path) -> list[Path]:
    """Small sound files of every kind that is read."""
    make_simple_seeds(folder)
    for suffix in (".flac", ".mp3", ".ogg", ".m4a", ".mkv"):
        make_audio(folder / f"talk{suffix}", 1.5, 48_000, channels=2)
    make_audio(folder / "deep.wav", 1.0, codec="pcm_f32le")
    for suffix in (".mp4", ".webm", ".mov"):
        make_video(folder / f"film{suffix}", 1.2, 10, (96, 64))
    for suffix in (".jpg", ".webp"):
        make_image(folder / f"face{suffix}", (80, 60))
    make_image(folder / "clear.png", (40, 40), "RGBA")
    _make_parquet(folder / "rows.parquet")
    return sorted(folder.iterdir())


def make_simple_seeds(folder: Path) -> list[Path]:
    """Those that take no time to make and read."""
    make_audio(folder / "talk.wav", 1.5, 48_000, channels=2)
    make_image(folder / "face.png", (80, 60))
    (folder / "notes.txt").write_text("I am so glad! “Really?” Dr. No left… Größe 😀\n" * 20)
    (folder / "rows.csv").write_text(
        'id,text,mood\n1,"I am, well, ""glad""",joy\n2,Große Freude,joy\n' * 1 + "3,bah,anger\n" * 30
    )
    (folder / "rows.jsonl").write_text('{"text": "so glad", "n": 1, "who": ["a", null]}\n' * 20)
    (folder / "talk.jsonl").write_text('{"speaker": "Ann", "text": "Hi", "start": "2026-01-31T10:00:00"}\n' * 20)
    (folder / "talk.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nANN: Hi\n\n2\n00:00:03,000 --> 00:00:04,000\nHo\n\n" * 8
    )
    (folder / "talk.vtt").write_text("WEBVTT\n\n" + "00:01.000 --> 00:02.000\n<v Ann>Hi &amp; <i>ho</i>\n\n" * 8)
    return sorted(folder.iterdir())


def _make_parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": [f"row {i}" for i in range(200)], "n": list(range(200))}), path)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """One to four injuries."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = (
            rng.randrange(len(out) + 1) if rng.random() < 0.6 else rng.randrange(min(len(out), 256) + 1)
        )  # headers matter
        length = int(2 ** rng.uniform(0, 10))
        match rng.choice(("flip", "noise", "cut", "insert", "double", "truncate", "zero", "extreme")):
            case "flip" if place < len(out):
                out[place] ^= 1 << rng.randrange(8)
            case "noise":
                out[place : place + length] = rng.randbytes(len(out[place : place + length]))
            case "cut":
                del out[place : place + length]
            case "insert":
                out[place:place] = rng.randbytes(length)
            case "double":
                out[place:place] = out[place : place + length]
            case "truncate" if rng.random() < 0.5:
                del out[place:]
            case "zero":
                out[place : place + length] = bytes(len(out[place : place + length]))
            case "extreme":
                out[place : place + 4] = rng.choice(
                    (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x80\x00\x00\x00")
                )
    return bytes(out)


def read(path: Path) -> str:
    """Read a file the way the library does, and say how it went."""
    import numpy as np

    from affectus.errors import AffectusError
    from affectus.formats.read import read_samples
    from affectus.media import Fault, Kind, blocks, frames, probe, read_image, sniff

    faults: list[Fault] = []
    try:
        kind = sniff(path)
        if kind in (Kind.AUDIO, Kind.VIDEO):
            info = probe(path)
            if info.audio is not None:
                for count, (_, wave) in enumerate(blocks(path, 16_000, 5.0, faults=faults)):
                    assert wave.dtype == np.float32
                    assert np.isfinite(wave).all()
                    assert np.abs(wave).max(initial=0.0) <= 1.0
                    assert count < 5000, "a short file became endless sound"
            if info.video is not None:
                previous = -1.0
                for count, (time, image) in enumerate(frames(path, 5, size=(64, 48), faults=faults)):
                    assert image.shape == (48, 64, 3)
                    assert previous < time
                    assert count < 50_000, "a short file became an endless film"
                    previous = time
        elif kind is Kind.IMAGE:
            assert read_image(path, faults).ndim == 3
        else:
            for _ in read_samples(path, kind, faults=faults):
                pass
    except AffectusError as error:
        return type(error).__name__ if "\n" not in str(error) else f"BAD: a message of several lines: {error}"
    return "faults" if faults else "fine"


class _TooSlow(BaseException):
    pass


def _too_slow(*_: object) -> None:
    raise _TooSlow


def work(seeds: list[Path], first: int, last: int) -> None:
    """Run cases [first, last) and print a line of JSON before and after each."""
    faulthandler.enable()
    warnings.simplefilter("error")
    signal.signal(signal.SIGPROF, _too_slow)
    with tempfile.TemporaryDirectory() as folder:
        for case in range(first, last):
            seed = seeds[case % len(seeds)]
            path = Path(folder) / seed.name
            path.write_bytes(mutate(seed.read_bytes(), random.Random(case)))
            print(json.dumps({"begin": case, "file": seed.name}), flush=True)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                outcome = read(path)
            except _TooSlow:
                outcome = f"SLOW: more than {SECONDS} s of processor time"
            except BaseException as error:
                outcome = f"BAD: {type(error).__name__}: {error}"
            signal.setitimer(signal.ITIMER_PROF, 0)
            print(json.dumps({"end": case, "outcome": outcome}), flush=True)


def run(seeds: list[Path], cases: int) -> tuple[Counter[str], list[str]]:
    """Outcomes of all cases, and what must not be."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path)])}
    outcomes: Counter[str] = Counter()
    bad: list[str] = []
    for first in range(0, cases, BATCH):
        last = min(cases, first + BATCH)
        while first < last:
            command = [sys.executable, __file__, str(first), str(last), *map(str, seeds)]
            # A decoder that hangs below Python does not see the signal: the whole batch has a limit too.
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
                output, errors, code = done.stdout, done.stderr, done.returncode
            except subprocess.TimeoutExpired as error:
                output, errors, code = (error.stdout or b"").decode(), "no answer in 600 s", -1
            if not output:
                pytest.fail(f"the worker did not begin: {errors[-2000:]}")
            name, current = "", first
            for line in map(json.loads, output.splitlines()):
                if "begin" in line:
                    name, current = line["file"], line["begin"]
                    first = current + 1
                else:
                    outcomes[line["outcome"].split(":")[0]] += 1
                    name = ""
                    if line["outcome"].startswith(("SLOW", "BAD")):
                        bad.append(f"case {line['end']} ({seeds[line['end'] % len(seeds)].name}): {line['outcome']}")
            if name or code:
                bad.append(f"case {current} ({name}): the process ended with {code}\n{errors[-2000:]}")
                first = max(first, current + 1)
            elif errors.strip():
                bad.append(f"cases {first}–{last} wrote to stderr: {errors[-500:]}")
    return outcomes, bad


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_mutated_files(tmp_path):
    seeds = make_seeds(tmp_path)
    cases = ROUNDS * len(seeds)
    assert cases >= 2000
    outcomes, bad = run(seeds, cases)
    print(outcomes)
    assert not bad, "\n".join(bad)
    assert sum(outcomes.values()) == cases
    # The mutations are neither harmless nor all fatal.
    assert outcomes["FileError"] > cases // 20
    assert outcomes["fine"] + outcomes["faults"] > cases // 20


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(3600)
def test_mutated_recordings():
    clips = sorted((SHARED / "av-clips").rglob("*.*"))
    seeds = [p for p in clips if p.suffix in (".wav", ".mp4", ".jpg", ".png") and p.stat().st_size < 500_000][:12]
    if not seeds:
        pytest.skip("no recordings in ../shared/data/av-clips")
    _, bad = run(seeds, 25 * len(seeds))
    assert not bad, "\n".join(bad)


def test_a_few_mutations(tmp_path):
    """A taste of the long test in every run: the cheap kinds, in this process."""
    seeds = make_simple_seeds(tmp_path)
    folder = tmp_path / "mutated"
    folder.mkdir()
    for case in range(60):
        seed = seeds[case % len(seeds)]
        path = folder / seed.name
        path.write_bytes(mutate(seed.read_bytes(), random.Random(case)))
        assert read(path) in ("fine", "faults", "FileError", "InputError")


if __name__ == "__main__":
    work([Path(p) for p in sys.argv[3:]], int(sys.argv[1]), int(sys.argv[2]))
