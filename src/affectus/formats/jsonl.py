"""Timelines as JSON lines: one reading a line, and what a reader did not give is absent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectus.affect import Affect
from affectus.atomic import writing
from affectus.timeline import Timeline

# Some readers take these for line ends, though JSON does not.
_BREAKS = {"\u2028": "\\u2028", "\u2029": "\\u2029", "\x85": "\\u0085"}


def write_jsonl(timeline: Timeline, path: Path) -> Path:
    """Write one JSON object a reading, UTF-8."""
    with writing(path, newline="\n") as file:
        for affect in timeline:
            line = json.dumps(as_json(affect), ensure_ascii=False, allow_nan=False)
            for character, escaped in _BREAKS.items():
                line = line.replace(character, escaped)
            file.write(line + "\n")
    return path


def as_json(affect: Affect) -> dict[str, Any]:
    """A reading as plain values; keys without a value are absent."""
    row: dict[str, Any] = {
        "source": affect.source,
        "track": affect.track,
        "modality": affect.modality,
        "by": affect.by,
        "perspective": affect.perspective,
        "target": affect.target,
        "item": affect.item,
        "start": _number(affect.start),
        "end": _number(affect.end),
        "text": affect.text,
        "scores": _scores(affect.scores),
        "labels": {name: list(labels) for name, labels in affect.decided.items()},
        "sets": {name: list(labels) for name, labels in affect.sets.items()},
        "sd": _scores(affect.sd),
        "words": list(affect.words),
        "evidence": [_known({**vars(e), "weight": _short(e.weight)}) for e in affect.evidence],
        "flags": list(affect.flags),
    }
    decided = row.pop("labels")
    # An empty decision is information (the reader abstained), so it stays where other empty values go.
    return _known(row) | ({"labels": decided} if decided else {})


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if v is not None and v != [] and v != {}}


def _scores(scales: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float]]:
    out = {name: {k: s for k, v in row.items() if (s := _short(v)) is not None} for name, row in scales.items()}
    return {name: row for name, row in out.items() if row}


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _short(value: float | None) -> float | None:
    """The shortest decimal that gives the same float32 again."""
    import numpy as np

    return None if value is None or not math.isfinite(value) else float(str(np.float32(value)))
