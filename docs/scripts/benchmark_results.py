"""The page of benchmarks, made from the dated results in `benchmarks/results/`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def results() -> list[Path]:
    """Readable results, newest first."""
    return sorted(RESULTS.glob("*.md"), key=lambda path: (path.stem[:10], path.stem), reverse=True)


def render() -> str:
    """The whole page as Markdown."""
    lines = [
        "# Benchmarks",
        "",
        "Each result below was written by a script of `benchmarks/` on the day in its name, with the machine, the",
        "threads and the share of CPU that it had. Ratios against other libraries come from one run on one machine.",
        "Figures beside it in `benchmarks/results/*.json` can be read by programs.",
        "",
    ]
    found = results()
    if not found:
        lines.append("No result has been recorded in this copy.")
    for path in found:
        body = path.read_text(encoding="utf-8").strip()
        lines += [] if body.startswith("#") else [f"## {path.stem}", ""]
        lines += [*under_a_page(body), ""]
    return "\n".join(lines) + "\n"


def under_a_page(body: str) -> Iterator[str]:
    """The lines of a result with its headings from level two downwards; code is left as it is."""
    first = re.match(r"#+", body)
    more = max(0, 2 - len(first[0])) if first else 1
    fenced = False
    for line in body.split("\n"):
        fenced ^= line.startswith("```")
        yield "#" * more + line if line.startswith("#") and not fenced else line
