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

from affectus.atomic import writing

README = Path(__file__).resolve().parents[2] / "README.md"
SPEED: dict[str, tuple[str, ...]] = {}
"""Name of a benchmark → the columns of its table that the README shows."""


def readers() -> str:
    """A row for each shipped reader, with the figures that its card calls its headline."""
    lines = ["| reader | reads | measured | on | licence of weights |", "|---|---|---|---|---|"]
    for card in shipped():
        known = [f for f in card.figures if f.headline]
        measured = "<br>".join(f"{f.metric} {figure(f)}" for f in known)
        where = "<br>".join(f"{f.data}, {f.split}, n = {f.n:,}" + (f"; {f.note}" if f.note else "") for f in known)
        reads = f"{card.modality}, {card.perspective.split(':')[0]}"
        lines.append(f"| `{card.name}` | {reads} | {measured} | {where} | {card.licence} |")
    return "\n".join(lines) if len(lines) > 2 else "This copy carries no trained readers."


def speed() -> str:
    """The chosen benchmark tables, each with machine and date."""
    parts = []
    for name, columns in SPEED.items():
        path = newest(name)
        if path is None:
            continue
        row = json.loads(path.read_text(encoding="utf-8"))
        lines = [f"**{row['title']}** ({_machine(row)})", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        lines += [f"| {' | '.join(_cell(line.get(c, '')) for c in columns)} |" for line in row["rows"]]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) or "No speed has been measured in this copy."


def newest(name: str) -> Path | None:
    """The latest result of a benchmark."""
    found = sorted(
        p for p in RESULTS.glob(f"*-{name}.json") if re.fullmatch(r"\d{4}-\d\d-\d\d-" + re.escape(name), p.stem)
    )
    return found[-1] if found else None


def _machine(row: dict[str, Any]) -> str:
    machine = row["machine"]
    return f"{row['date']}, {machine['processor']}, {machine['cores']} cores, load {machine['load'][0]}"


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "\\|")


TABLES: dict[str, Callable[[], str]] = {"readers": readers, "speed": speed}


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
