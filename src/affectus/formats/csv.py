"""Timelines as a wide CSV table that spreadsheets open safely."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from affectus.atomic import writing
from affectus.timeline import Timeline

_CHUNK = 65_536
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(timeline: Timeline, path: Path) -> Path:
    """Write one row a reading, one column `scale/label` a score.

    Null is an empty cell, lists are JSON. Text that a spreadsheet would run as a formula gets a leading apostrophe.
    """
    with writing(path, newline="") as file:
        for at in range(0, max(len(timeline), 1), _CHUNK):
            frame = Timeline(timeline.table.slice(at, _CHUNK)).to_pandas()
            for name in frame.columns:
                if frame[name].dtype == object or frame[name].dtype.name == "category":
                    frame[name] = [_cell(value) for value in frame[name].astype(object)]
            frame.columns = [_cell(name) for name in frame.columns]
            # RFC 4180 line ends; they also make the writer quote a lone carriage return inside a text.
            frame.to_csv(file, index=False, header=at == 0, lineterminator="\r\n")
    return path


def _cell(value: Any) -> str | None:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return None
    return f"'{value}" if value.startswith(_FORMULA) else value
