"""The page of benchmarks, made from the dated results in `benchmarks/results/`."""

from __future__ import annotations

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
        body = path.read_text(encoding="utf-8").strip().split("\n")
        if not body[0].startswith("#"):
            lines += [f"## {path.stem}", ""]
        fenced = False
        for line in body:
            fenced ^= line.startswith("```")
            lines.append(f"#{line}" if line.startswith("#") and not fenced else line)
        lines.append("")
    return "\n".join(lines) + "\n"
