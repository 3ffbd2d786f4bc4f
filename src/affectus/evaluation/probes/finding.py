"""What a probe found, as a page for people and a JSON file for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from affectus.atomic import make_folder, writing
from affectus.page import render
from affectus.provenance import environment

TEMPLATES = resources.files("affectus.evaluation") / "templates"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under column names; numbers stand right.

    Args:
        columns: Names.
        rows: Cells: text, or numbers, of which NaN is left empty.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    @property
    def cells(self) -> list[list[tuple[str, bool]]]:
        """Text of each cell, and whether it is a number."""
        return [[(_text(cell), isinstance(cell, int | float)) for cell in row] for row in self.rows]

    @property
    def numbers(self) -> list[bool]:
        """Whether each column holds numbers."""
        return [any(isinstance(row[i], int | float) for row in self.rows) for i in range(len(self.columns))]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the page.

    Args:
        title: Heading.
        told: What is seen, in sentences.
        picture: Drawing.
        key: What its signs mean, sign → meaning.
        tables: Below it.
    """

    title: str
    told: str
    picture: Markup | None = None
    key: Mapping[Markup, str] = field(default_factory=dict)
    tables: Sequence[Table] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a probe found.

    Args:
        probe: Its name.
        title: Heading.
        reader: Name of the reader.
        data: What was read.
        totals: Name → text, at the top.
        told: What the figures depend on, name → text.
        sections: Parts of the page.
        remarks: What must be said about the figures.
        values: The figures as plain values.
    """

    probe: str
    title: str
    reader: str
    data: str
    totals: Mapping[str, str]
    told: Mapping[str, str]
    sections: Sequence[Section]
    remarks: Sequence[str]
    values: Mapping[str, Any]


def write(finding: Finding, folder: str | Path) -> tuple[Path, Path]:
    """Write `PROBE.html` and `PROBE.json` into a folder, which is made if it is not there.

    Returns:
        Both paths.

    Raises:
        OutputError: If they can't be written.
    """
    folder = Path(folder)
    make_folder(folder)
    page, values = folder / f"{finding.probe}.html", folder / f"{finding.probe}.json"
    day = datetime.now(UTC).date().isoformat()
    told = {**finding.told, "versions": ", ".join(f"{name} {version}" for name, version in environment().items())}
    text = render(
        TEMPLATES / "probe.html",
        style="".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("evaluation.css", "probe.css")),
        finding=finding,
        told=told,
        written=day,
    )
    with writing(page) as file:
        file.write(text)
    row = {
        "probe": finding.probe,
        "reader": finding.reader,
        "data": finding.data,
        "date": day,
        "protocol": told,
        "remarks": list(finding.remarks),
        **finding.values,
    }
    with writing(values) as file:
        json.dump(_plain(row), file, indent=1, ensure_ascii=False, allow_nan=False)
    return page, values


def signed(value: float, low: float, high: float) -> str:
    """A difference with its interval."""
    text = f"{value:+.3f}" + ("" if math.isnan(low) else f" ({low:+.3f} to {high:+.3f})")
    return text.replace("-", "−")


def ranged(value: float, low: float, high: float) -> str:
    """A figure with its interval."""
    return f"{value:.3f}" + ("" if math.isnan(low) else f" ({low:.3f} to {high:.3f})")


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.3f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _plain(value: Any) -> Any:
    """Values that JSON has: what is undefined is null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
