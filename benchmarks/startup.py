"""Start-up of the command line, cold (page cache dropped, needs root) and warm: median of three whole processes.

python benchmarks/startup.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import Record

RUNS = 3
CACHES = Path("/proc/sys/vm/drop_caches")


def commands(folder: Path) -> dict[str, list[str]]:
    """What is started, by name."""
    text = folder / "one.txt"
    text.write_text("What a wonderful day!")
    cli = [sys.executable, "-m", "affectus.cli"]
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import affectus": [sys.executable, "-c", "import affectus"],
        "affectus --version": [*cli, "--version"],
        "affectus systems": [*cli, "systems"],
        "affectus analyze one.txt": [*cli, "analyze", str(text), "-q"],
        "import torch (for comparison)": [sys.executable, "-c", "import torch"],
        "import transformers pipeline (for comparison)": [sys.executable, "-c", "from transformers import pipeline"],
    }


def once(command: list[str], cold: bool) -> float:
    """Wall seconds of one process."""
    if cold:
        os.sync()
        CACHES.write_text("3")
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    can_drop = os.access(CACHES, os.W_OK)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, command in commands(Path(folder)).items():
            once(command, cold=False)
            warm = [once(command, cold=False) for _ in range(RUNS)]
            cold = [once(command, cold=True) for _ in range(RUNS)] if can_drop else []
            rows.append(
                {
                    "start": name,
                    "warm s": round(statistics.median(warm), 2),
                    "warm range": f"{min(warm):.2f}–{max(warm):.2f}",
                    "cold s": round(statistics.median(cold), 2) if cold else "not measured",
                    "cold range": f"{min(cold):.2f}–{max(cold):.2f}" if cold else "",
                }
            )
            print(rows[-1], flush=True)
    method = f"Whole processes, median of {RUNS} with range; cold after dropping the page cache."
    Record("startup", "Start-up of the command line", method, rows).write()


if __name__ == "__main__":
    main()
