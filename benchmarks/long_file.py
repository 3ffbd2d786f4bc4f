"""Memory and time of `affectus analyze` over the length of a file: constant and linear are what is claimed.

The files are made by repeating the speech and the clip in `examples/` with changing loudness and noise.

    python benchmarks/long_file.py [--minutes 5 15 60] [--kinds audio video]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

from affectus.media import frames, read_wave
from record import Record

EXAMPLES = Path(__file__).parents[1] / "examples"
RATE = 16_000
FPS = 25
BAR = 1.5  # GiB


def make(path: Path, minutes: float, video: bool) -> None:
    """Write a recording of this length from the shipped examples."""
    speech = read_wave(EXAMPLES / "call.flac", RATE)
    clip = EXAMPLES / "clip.mp4"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac" if video else "libmp3lame", rate=RATE, layout="mono")
        pictures = out.add_stream("mpeg4", rate=FPS) if video else None
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt, pictures.bit_rate = 640, 480, "yuv420p", 1_500_000
        rng, done, count = np.random.default_rng(0), 0, 0
        while done < minutes * 60 * RATE:
            gain = rng.uniform(0.5, 1.0)
            noise = 0.002 * rng.standard_normal(len(speech))
            wave = np.clip(speech * gain + noise, -1, 1).astype(np.float32)
            for at in range(0, len(wave), 1024):
                frame = av.AudioFrame.from_ndarray(wave[None, at : at + 1024], "fltp", "mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, done, Fraction(1, RATE)
                done += frame.samples
                out.mux(sound.encode(frame))
            while pictures is not None and count / FPS < done / RATE:
                for _, rgb in frames(clip, FPS):
                    picture = av.VideoFrame.from_ndarray(rgb, "rgb24")
                    picture.pts, picture.time_base = count, Fraction(1, FPS)
                    count += 1
                    out.mux(pictures.encode(picture))
                    if count / FPS >= done / RATE:
                        break
        for stream in (sound, pictures):
            if stream is not None:
                out.mux(stream.encode(None))


def measure(path: Path, out: Path) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak memory (GiB, children included) of one analysis."""
    command = [sys.executable, "-m", "affectus.cli", "analyze", str(path), "--out", str(out), "--quiet"]
    start, process, peak, cpu = time.perf_counter(), subprocess.Popen(command), 0.0, 0.0
    watched = psutil.Process(process.pid)

    def watch() -> None:
        nonlocal peak, cpu
        while process.poll() is None:
            try:
                family = [watched, *watched.children(recursive=True)]
                peak = max(peak, sum(p.memory_info().rss for p in family) / 2**30)
                cpu = max(cpu, sum(sum(p.cpu_times()[:2]) for p in family))
            except psutil.NoSuchProcess:
                return
            time.sleep(0.2)

    thread = threading.Thread(target=watch)
    thread.start()
    if process.wait() != 0:
        raise SystemExit(f"analysis of {path.name} failed with exit code {process.returncode}")
    thread.join()
    return time.perf_counter() - start, cpu, peak


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, nargs="+", default=[5, 15, 60])
    options.add_argument("--kinds", nargs="+", default=["audio", "video"])
    chosen = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in chosen.kinds:
            for minutes in chosen.minutes:
                path = Path(folder) / f"{kind}-{minutes:g}.{'mp4' if kind == 'video' else 'mp3'}"
                make(path, minutes, kind == "video")
                wall, cpu, peak = measure(path, Path(folder) / "out")
                rows.append(
                    {
                        "kind": kind,
                        "minutes": minutes,
                        "seconds": round(wall, 1),
                        "real-time factor": round(wall / minutes / 60, 3),
                        "processor share": round(cpu / wall, 2),
                        "peak GiB": round(peak, 2),
                    }
                )
                print(rows[-1], flush=True)
                path.unlink()
    notes = [f"Bar: under {BAR} GiB at 60 minutes, time linear in length."]
    draw(rows, "-".join(chosen.kinds))
    Record(
        f"long-file-{'-'.join(chosen.kinds)}",
        f"Memory and time over length: {' and '.join(chosen.kinds)}",
        __doc__.split("\n\n")[1].replace("\n", " "),
        rows,
        notes,
    ).write()


def draw(rows: list[dict[str, float]], name: str) -> None:
    """The curve as a picture beside the result."""
    import matplotlib

    matplotlib.use("Agg")
    from datetime import UTC, datetime

    from matplotlib import pyplot

    from record import RESULTS

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for kind in dict.fromkeys(r["kind"] for r in rows):
        mine = [r for r in rows if r["kind"] == kind]
        left.plot([r["minutes"] for r in mine], [r["seconds"] / 60 for r in mine], "o-", label=kind)
        right.plot([r["minutes"] for r in mine], [r["peak GiB"] for r in mine], "o-", label=kind)
    left.set(xlabel="minutes of media", ylabel="minutes of work")
    right.set(xlabel="minutes of media", ylabel="peak memory, GiB", ylim=(0, 2))
    right.axhline(BAR, color="grey", linestyle=":")
    left.legend(frameon=False)
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / f"{datetime.now(UTC).date().isoformat()}-long-file-{name}.png", dpi=110)


if __name__ == "__main__":
    main()
