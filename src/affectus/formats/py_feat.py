"""Tables of faces as py-feat writes them (Cheong et al. 2023, arXiv:2104.03509): a row a face and frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectus.errors import FileError
from affectus.formats.text import read_text
from affectus.taxonomy import scale

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
_SCORE, _FRAME = "FaceScore", "frame"


@dataclass(frozen=True, eq=False)
class FaceTable:
    """The surest face of each frame that shows one.

    Args:
        frames: (t,) numbers of the frames, rising.
        units: (t, 20) on `facs-au`, NaN where the table has none.
        expressions: (t, 7) in the order of `EXPRESSIONS`, likewise.
    """

    frames: np.ndarray
    units: np.ndarray
    expressions: np.ndarray


def read_py_feat(path: Path | str) -> FaceTable:
    """Read the CSV file of one video.

    Of several faces in a frame the one with the highest `FaceScore` is taken; frames without a face have no row.

    Raises:
        FileError: If a column is missing or a cell that should be a number is none, with its line.
    """
    place = Path(path)
    rows = csv.DictReader(io.StringIO(read_text(place), newline=""))
    units = scale("facs-au").labels
    missing = {_FRAME, _SCORE, *units, *EXPRESSIONS} - set(rows.fieldnames or ())
    if missing:
        raise FileError(f"{place.name!r} lacks the columns {sorted(missing)}", allowed="a table of py-feat's Detector")
    best: dict[int, tuple[float, np.ndarray]] = {}
    for row in rows:
        frame, score, *values = _numbers(row, (_FRAME, _SCORE, *units, *EXPRESSIONS), place, rows.line_num)
        if np.isnan(score) or (int(frame) in best and best[int(frame)][0] >= score):
            continue
        best[int(frame)] = score, np.array(values, np.float32)
    order = sorted(best)
    table = np.array([best[frame][1] for frame in order], np.float32).reshape(-1, len(units) + len(EXPRESSIONS))
    return FaceTable(np.array(order, np.int64), table[:, : len(units)], table[:, len(units) :])


def _numbers(row: dict[str, str], columns: Sequence[str], place: Path, line: int) -> list[float]:
    try:
        return [float(row[name]) if row[name] else np.nan for name in columns]
    except (ValueError, TypeError) as error:
        raise FileError(f"line {line} of {place.name!r}: {error}", allowed="numbers") from error
