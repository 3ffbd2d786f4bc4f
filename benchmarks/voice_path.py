"""The way of a voice: speech, speakers, words and, where it is there, emotion; seconds and share of every stage.

    python benchmarks/voice_path.py [--minutes 10] [--threads 2]

A conversation of EMO-DB and RAVDESS utterances (`../shared/data`). Models are loaded before the clock starts; that time
is listed apart. The bar is real time: all stages together in less time than the sound lasts.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

STAGES = ("decode and voice activity", "speakers", "words", "emotion")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)  # read by the libraries when they are first imported
    result, lines = measure(chosen.minutes, chosen.threads)
    from who_speaks import save

    save("voice-path", result, lines)
    print("\n".join(lines))


def measure(minutes: float, threads: int) -> tuple[dict[str, Any], list[str]]:
    import psutil

    from affectus.media import blocks
    from mixes import RATE, mix

    halves = [mix(corpus, "development", 2, 0, minutes * 30) for corpus in ("emodb", "ravdess")]
    wall: dict[str, float] = {}
    processor: dict[str, float] = {}

    @contextmanager
    def clock(stage: str) -> Iterator[None]:
        began, busy = time.perf_counter(), time.process_time()
        yield
        wall[stage] = wall.get(stage, 0.0) + time.perf_counter() - began
        processor[stage] = processor.get(stage, 0.0) + time.process_time() - busy

    with TemporaryDirectory() as folder:
        path, seconds = _write(folder, [half.wave for half in halves], RATE)
        with clock("loading"):
            detector, listener, transcriber, emotion = _load(threads)
        with clock(STAGES[0]):
            spoken = list(detector.spoken(blocks(path, RATE)))
        with clock(STAGES[1]):
            for segment, wave in spoken:
                listener.add(segment, wave)
            turns = listener.turns()
        with clock(STAGES[2]):
            passages = list(transcriber.passages(spoken))
        if emotion is not None:
            with clock(STAGES[3]):
                emotion([wave for _, wave in spoken])
    stages = {stage: wall[stage] for stage in STAGES if stage in wall}
    total = sum(stages.values())
    lines = [
        f"# Voice path on {seconds / 60:.1f} minutes of sound, {threads} threads",
        "",
        "| stage | seconds | processor seconds | real-time factor | share |",
        "|---|---|---|---|---|",
        *(
            f"| {stage} | {value:.1f} | {processor[stage]:.1f} | {value / seconds:.4f} | {value / total:.0%} |"
            for stage, value in stages.items()
        ),
        f"| all | {total:.1f} | {sum(processor[s] for s in stages):.1f} | {total / seconds:.4f} | 100% |",
        "",
        f"{len(spoken)} segments, {len(turns)} turns, {sum(len(p.words) for p in passages)} words. "
        f"Loading the models took {wall['loading']:.1f} s. Share of the machine that other work took is in the load.",
        "The stage `emotion` was not measured: its weights are not there." if emotion is None else "",
    ]
    result = {
        "sound-seconds": seconds,
        "threads-asked": threads,
        "seconds": stages,
        "processor-seconds": {stage: processor[stage] for stage in stages},
        "real-time-factor": total / seconds,
        "loading-seconds": wall["loading"],
        "peak-megabytes": psutil.Process().memory_info().rss / 1e6,
    }
    return result, lines


def _load(threads: int) -> tuple[Any, Any, Any, Callable[[list[Any]], Any] | None]:
    import torch

    from affectus.frontends import speech

    torch.set_num_threads(threads)
    parts = speech.SpeechDetector(), speech.Speakers(), speech.Transcriber(threads=threads)
    return (*parts, _emotion())


def _emotion() -> Callable[[list[Any]], Any] | None:
    import affectus
    from affectus.errors import AffectusError
    from affectus.sample import Media, Sample

    try:
        reader: Any = affectus.load("affectus/voice-embedded")
    except AffectusError:
        return None

    def read(waves: list[Any]) -> Any:
        return reader.read(
            [Sample(id=str(i), media=Media("audio", array=wave, rate=16_000)) for i, wave in enumerate(waves)]
        )

    return read


def _write(folder: str, waves: list[Any], rate: int) -> tuple[str, float]:
    import wave

    import numpy as np

    sound = np.concatenate(waves)
    path = f"{folder}/mix.wav"
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path, sound.size / rate


if __name__ == "__main__":
    main()
