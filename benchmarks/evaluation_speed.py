"""How long the evaluation of the shipped text reader takes: the whole command, start and 10,000 resamples included.

python benchmarks/evaluation_speed.py DATA [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from record import Record

BAR = 60.0  # seconds on two cores
NAME, CORPUS = "affectus/text-goemotions", "goemotions"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    command = [sys.executable, "-m", "affectus.cli", "evaluate", NAME, "--on", CORPUS, "--data", str(options.data)]
    rows = []
    for number in range(options.runs):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([*command, "--json", "--quiet"], capture_output=True, text=True, check=True)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found = json.loads(done.stdout)
        rows.append({
            "run": number + 1, "seconds": wall, "of these reading": found["seconds"], "processor seconds": cpu,
            "share of processors": cpu / wall, "texts": found["metrics"]["macro_f1"]["n"],
        })  # fmt: skip
    middle = statistics.median(row["seconds"] for row in rows)
    page = Record(
        name="evaluation-speed",
        title=f"Evaluating {NAME} on {CORPUS}",
        method=f"`affectus evaluate`, a new process each time, {os.cpu_count()} cores, 10,000 resamples.",
        rows=rows,
        notes=[f"Median {middle:.1f} s; the bar is {BAR:g} s."],
        extra={"median": middle, "bar": BAR},
    ).write()
    print(page.read_text())


if __name__ == "__main__":
    main()
