"""Dated results: what was measured, on which machine, with how many threads and how much of the processor."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass
class Clock:
    """Wall and processor seconds of a block; `share` is processor seconds per wall second."""

    wall: float = 0.0
    cpu: float = 0.0

    @property
    def share(self) -> float:
        return self.cpu / self.wall if self.wall else float("nan")


@contextmanager
def timed() -> Iterator[Clock]:
    """Time a block in this process, threads included."""
    clock, wall, cpu = Clock(), time.perf_counter(), time.process_time()
    try:
        yield clock
    finally:
        clock.wall, clock.cpu = time.perf_counter() - wall, time.process_time() - cpu


def machine() -> dict[str, Any]:
    """Processor, cores, load and versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load": [round(v, 2) for v in os.getloadavg()],
        "python": platform.python_version(),
        "system": platform.system(),
    }


def commit() -> str:
    """Short hash of the checked-out commit, with `+` when the tree has changes."""
    here = Path(__file__).parent
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    dirty = subprocess.run(["git", "diff", "--quiet"], cwd=here, check=False).returncode
    return head.stdout.strip() + ("+" if dirty else "")


@dataclass
class Record:
    """One benchmark run, written as JSON and as a page.

    Args:
        name: File name after the date.
        title: Heading of the page.
        method: How it was measured, in sentences.
        rows: One mapping a line of the table.
        notes: What must be said about the figures.
        extra: Further values for the JSON file.
    """

    name: str
    title: str
    method: str
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    notes: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def write(self) -> Path:
        """Write `results/DATE-NAME.json` and `.md`; the page's path."""
        RESULTS.mkdir(exist_ok=True)
        day = datetime.now(UTC).date().isoformat()
        facts = {"date": day, "commit": commit(), "machine": machine()}
        row = {
            "title": self.title,
            "method": self.method,
            **facts,
            "rows": self.rows,
            "notes": self.notes,
            **self.extra,
        }
        stem = RESULTS / f"{day}-{self.name}"
        stem.with_suffix(".json").write_text(json.dumps(row, indent=1, ensure_ascii=False) + "\n")
        stem.with_suffix(".md").write_text(self._page(facts))
        return stem.with_suffix(".md")

    def _page(self, facts: Mapping[str, Any]) -> str:
        m = facts["machine"]
        lines = [f"# {self.title}", "", self.method, ""]
        lines.append(
            f"{facts['date']}, commit {facts['commit']}, {m['processor']}, {m['cores']} cores, load {m['load'][0]}"
        )
        if self.rows:
            columns = list(dict.fromkeys(k for row in self.rows for k in row))
            lines += ["", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
            lines += ["| " + " | ".join(_cell(row.get(c, "")) for c in columns) + " |" for row in self.rows]
        lines += ["", *[f"- {note}" for note in self.notes]]
        return "\n".join(lines).rstrip() + "\n"


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
