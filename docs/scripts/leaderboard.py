"""The leaderboard, made from the results in `benchmarks/results/leaderboard/`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affectus.evaluation.figures import figures
from affectus.evaluation.protocols import Protocol, known_protocols
from affectus.evaluation.results import Result, Value, load_results

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "leaderboard"
HEAD = """# Leaderboard

Readers on the text corpora, each table under one protocol. What stands as *verified here* was measured with this code:
`affectus evaluate NAME --on CORPUS --protocol NAME --store FOLDER` gives one row, `benchmarks/leaderboard.py` many.
Intervals are of test sampling alone (percentile bootstrap, 95 %). Rows are sorted by the first figure; where intervals
overlap, `affectus compare` tells whether two readers differ. *Published* figures stand as their papers print them;
nobody here ran those systems. A row `SYSTEM by RECIPE` is of a recipe that was carried out anew for each fold.

Two things move figures without any change of a reader. An int8 reader quantises a batch at a time, so its figures move
with the batches: by about 0.001 where this was tried, while runs of the shipped reader on GoEmotions lay between 0.533
and 0.538, for reasons that were not looked into. And readers that learned from the corpus are not comparable
with those that never saw it: see the column *learned from*.
"""


def published() -> dict[str, list[dict[str, Any]]]:
    """Protocol → figures of papers, each with its source."""
    path = RESULTS / "published.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["figure"] if path.is_file() else []
    return {
        table["protocol"]: [{**row, "source": table["source"], "checked": table["checked"]} for row in table["rows"]]
        for table in tables
    }


def render() -> str:
    """The whole page as Markdown."""
    found: dict[str, list[Result]] = {}
    for result in load_results(RESULTS):
        found.setdefault(result.protocol.title, []).append(result)
    lines, papers, corpus = [HEAD], published(), ""
    for protocol in known_protocols():
        results = found.get(protocol.title, [])
        if not results:
            continue
        if protocol.corpus != corpus:
            corpus = protocol.corpus
            lines += [f"## {corpus}", ""]
        lines += section(protocol, results, papers.get(protocol.title, []))
    return "\n".join(lines) + "\n"


def section(protocol: Protocol, results: Sequence[Result], papers: Sequence[dict[str, Any]]) -> list[str]:
    """One protocol: what it is, and its table."""
    wanted = figures(protocol)
    first = wanted[0]
    side = -1 if first.metric.higher else 1
    ranked = sorted(results, key=lambda r: (side * r.metrics[first.key].value, r.name))
    told = f"{protocol.sentence[0].upper()}{protocol.sentence[1:]}. {protocol.source}. {protocol.note}".strip()
    lines = [f"### {protocol.name}", "", told, ""]
    lines.append("| reader | " + " | ".join(f.title for f in wanted) + " | n | learned from | verified |")
    lines.append("|---" * (len(wanted) + 4) + "|")
    for result in ranked:
        cells = [cell(result.metrics[f.key]) for f in wanted]
        told = [f"{result.metrics[first.key].n:,}"]
        told += [f"{count:,} left out: {why}" for why, count in result.left_out.items()]
        told += [f"{result.no_answer:,} without an answer"] * bool(result.no_answer)
        across = result.protocol.across
        told += [f"{across[0]} readings, {across[1]} gold"] if across else []
        here = f"here, {result.date}, {result.environment.get('commit', '')[:7]}"
        learned = ", ".join(part.split(" (")[0] for part in result.data.split("; ") if " (" in part) or "no data"
        lines.append(f"| `{result.name}` | " + " | ".join(cells) + f" | {'; '.join(told)} | {learned} | {here} |")
    for row in papers:
        cells = [f"{row[f.key]:.3f}" if f.key in row else "" for f in wanted]
        trust = "" if row["checked"] else ", unverified"
        lines.append(f"| {row['reader']} | " + " | ".join(cells) + f" | | | published{trust}: {row['source']} |")
    return [*lines, ""]


def cell(value: Value) -> str:
    """`0.663 (0.633–0.692)`."""
    return f"{value.value:.3f}" + (f" ({value.low:.3f}–{value.high:.3f})" if value.low is not None else "")
