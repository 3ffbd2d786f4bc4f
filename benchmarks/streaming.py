"""A file of 30 minutes read while it arrives, and as a whole: difference, memory, time.

    python benchmarks/streaming.py [--minutes 30]

The file holds recordings of EMO-DB one after another with pauses of 0.3 to 5 s. It is streamed in chunks of 1 to 20,000
samples, then read by windows from the file as a whole; both with the reader's own windows and Silero VAD. Memory is the
resident set of the process, looked at after every row; at the tenth all models are loaded.
"""

from __future__ import annotations

import argparse
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from affectus import registry
from affectus.corpora.base import load_corpus
from affectus.frontends.streaming import SILENT_WINDOW
from affectus.media import blocks
from affectus.sample import Media, Sample
from affectus.timeline import Timeline
from record import Record, timed

NAME = "affectus/voice-embedded"
SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
RATE = 16_000


def write(path: Path, minutes: float) -> None:
    rng, samples, length = np.random.default_rng(0), list(load_corpus("emodb", SHARED / "emodb")["all"]), 0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        while length < minutes * 60 * RATE:
            spoken = samples[rng.integers(len(samples))].wave(RATE)
            sound = np.concatenate([spoken, np.zeros(int(rng.uniform(0.3, 5) * RATE), np.float32)])
            file.writeframes(np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
            length += len(sound)


def chunks(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """The file in chunks of random sizes."""
    rng = np.random.default_rng(1)
    for start, sound in blocks(path, RATE):
        at = 0
        while at < len(sound):
            size = int(rng.integers(1, 20_000))
            yield start + at / RATE, sound[at : at + size]
            at += size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    minutes = parser.parse_args().minutes
    reader: Any = registry.load(NAME)
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        write(path, minutes)
        rows, memory = [], []
        with timed() as live:
            for row in reader.stream(chunks(path), source="long"):
                rows.append(row)
                memory.append(process.memory_info().rss / 2**20)
        streamed = Timeline.concat(rows)
        with timed() as whole:
            offline = reader.read_windows(Sample(id="long", source="long", media=Media("audio", path=path)))
    name = reader.config.targets[0].scale
    same = [list(map(str, t.column("flags"))) for t in (streamed, offline)]
    seconds = float(offline.column("end")[-1])
    silent = sum(SILENT_WINDOW in affect.flags for affect in offline)
    gap = float(np.nanmax(np.abs(streamed.scores(name) - offline.scores(name))))
    result = {
        "seconds of sound": seconds,
        "rows": len(offline),
        "of them without speech": silent,
        "rows that differ in place or flags": int(sum(a != b for a, b in zip(*same, strict=True)))
        + int((streamed.column("start") != offline.column("start")).sum()),
        "largest difference of a score": gap,
        "× real time, streamed (processor)": seconds / live.cpu,
        "× real time, streamed (waited)": seconds / live.wall,
        "× real time, whole (processor)": seconds / whole.cpu,
        "MiB at the tenth row": memory[9],
        "MiB at most": max(memory),
        "MiB at the last row": memory[-1],
    }
    window = reader.windows
    print(result)
    print(
        Record(
            name="streaming",
            title="A voice reader streamed against the same windows of the whole file",
            method=f"{NAME}, windows of {window.window:g} s every {window.hop:g} s, Silero VAD with a look-ahead of 0. "
            + " ".join(__doc__.split("\n\n")[2].split()),
            rows=[{"measure": key, "value": value} for key, value in result.items()],
            notes=[
                "The bar is a difference of 1e-3 on every score; a window is read by itself both ways.",
                "Rows of the stream are kept by the benchmark, so its memory holds the timeline besides one window.",
                "Windows overlap by half: twice the sound goes through the encoder.",
            ],
        ).write()
    )


if __name__ == "__main__":
    main()
