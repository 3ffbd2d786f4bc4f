"""Refresh the tables of measured figures in README.md, from the cards and the benchmark results.

    python docs/scripts/readme_table.py

What stands between `<!-- NAME -->` and `<!-- /NAME -->` is replaced. A test fails when README and figures differ.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from benchmark_results import RESULTS
from catalogue import figure, shipped

from affectus import registry
from affectus.atomic import writing

README = Path(__file__).resolve().parents[2] / "README.md"
SPEED: dict[str, tuple[str, ...]] = {
    "text-speed": ("how", "threads", "pipeline, ms a text", "ours, ms a text", "ratio", "bar"),
    "voice-path": ("stage", "seconds", "real-time factor", "share"),
    "face-speed": ("video", "threads", "frames a second", "processor ms a frame"),
    "long-file-audio": ("kind", "minutes", "real-time factor", "peak GiB"),
    "long-file-video": ("kind", "minutes", "real-time factor", "peak GiB"),
    "training-speed": ("how", "texts a second", "seconds", "processor seconds"),
    "evaluation-speed": ("run", "seconds", "processor seconds", "texts"),
    "startup": ("start", "warm s", "cold s"),
}
"""Name of a benchmark → the columns of its first table that the README shows."""
VOICES: dict[str, tuple[str, ...]] = {
    "anonymisation": ("data", "voice", "EER ignorant", "EER lazy-informed", "UAR moments", "UAR functionals", "WER"),
}
"""The same for changed voices."""


def readers() -> str:
    """A row for each shipped reader, with the figures that its card calls its headline."""
    lines = ["| reader | reads | measured | by protocol | licence of weights |", "|---|---|---|---|---|"]
    for card in shipped():
        if "reader" not in registry.entry(card.system).card.roles:
            continue
        known = [f for f in card.figures if f.headline]
        measured = "<br>".join(f"{f.metric} {figure(f)}" for f in known)
        told = [f"`{f.protocol}`: {f.split}, n = {f.n:,}" + (f"; {f.note}" if f.note else "") for f in known]
        where = "<br>".join(told)
        reads = f"{card.modality}, {card.perspective.split(':')[0]}"
        lines.append(f"| `{card.name}` | {reads} | {measured} | {where} | {card.licence} |")
    return "\n".join(lines) if len(lines) > 2 else "This copy carries no trained readers."


def speed() -> str:
    """The chosen benchmark tables of speed, each with machine and date."""
    return _tables(SPEED) or "No speed has been measured in this copy."


def voices() -> str:
    """What changed voices hide and keep."""
    return _tables(VOICES) or "Changed voices have not been measured in this copy."


def _tables(chosen: dict[str, tuple[str, ...]]) -> str:
    parts = []
    for name, columns in chosen.items():
        page = newest(name)
        if page is None:
            continue
        title, header, rows = first_table(page.read_text(encoding="utf-8"))
        places = [header.index(column) for column in columns]
        lines = [f"**{title}** ({_machine(page)})", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        lines += [f"| {' | '.join(row[place] for place in places)} |" for row in rows]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def newest(name: str) -> Path | None:
    """The latest page of a benchmark."""
    dated = re.compile(r"\d{4}-\d\d-\d\d-" + re.escape(name))
    found = sorted(path for path in RESULTS.glob("*.md") if dated.fullmatch(path.stem))
    return found[-1] if found else None


def first_table(page: str) -> tuple[str, list[str], list[list[str]]]:
    """Heading of a page, and header and rows of its first table."""
    lines = page.splitlines()
    title = next(line.lstrip("# ") for line in lines if line.startswith("#"))
    table = "\n".join(lines).partition("\n|")[2].partition("\n\n")[0].splitlines()
    header, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table]
    return title, header, rows


def _machine(page: Path) -> str:
    """Date, processor, cores and load, as far as the result tells."""
    row: dict[str, Any] = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    found = row["machine"] if isinstance(row.get("machine"), dict) else row
    load = found.get("load")
    parts = [row["date"], found.get("processor"), f"{found['cores']} cores" if "cores" in found else None]
    return ", ".join(str(p) for p in [*parts, f"load {load[0]:.0f}" if load else None] if p)


TABLES: dict[str, Callable[[], str]] = {"readers": readers, "speed": speed, "voices": voices}


def refreshed(text: str) -> str:
    """The README with its tables made anew."""
    for name, render in TABLES.items():
        first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(first)
        _, _, after = rest.partition(last)
        text = f"{before}{first}\n{render()}\n\n{last}{after}"
    return text


if __name__ == "__main__":
    page = refreshed(README.read_text(encoding="utf-8"))
    with writing(README, newline="\n") as file:
        file.write(page)
