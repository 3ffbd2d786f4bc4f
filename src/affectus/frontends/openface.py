"""OpenFace's tables: 68 landmarks of a face in each frame of a video (Baltrušaitis et al. 2018)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from affectus.errors import FileError

POINTS = 68


class Landmarks(NamedTuple):
    """The faces of a video.

    Args:
        points: (frames, 68, 2) float32, pixels.
        found: (frames,) bool, whether OpenFace says that it saw the face; True where the table does not say.
    """

    points: np.ndarray
    found: np.ndarray


def read_openface(path: Path) -> Landmarks:
    """Read a table that FeatureExtraction wrote, by the names `x_0` to `y_67`: their places differ between versions.

    Raises:
        FileError: If it can't be read, lacks these columns, or holds something else than numbers.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, skipinitialspace=True)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise FileError(f"{str(path)!r} can't be read as a table ({error})", remedy="run OpenFace again") from None
    names = [f"{axis}_{point}" for axis in "xy" for point in range(POINTS)]
    if missing := [name for name in names if name not in table.columns]:
        raise FileError(
            f"{str(path)!r} lacks {len(missing)} columns of landmarks, first {missing[0]!r}",
            allowed="x_0 to x_67 and y_0 to y_67",
            remedy="run FeatureExtraction with -2Dfp",
        )
    try:
        values = table[names].to_numpy(np.float32)
        found = table["success"].to_numpy(float) > 0 if "success" in table.columns else np.ones(len(table), bool)
    except ValueError as error:
        raise FileError(f"{str(path)!r} holds something else than numbers ({error})") from None
    if not len(values) or not np.isfinite(values).all():
        raise FileError(f"{str(path)!r} has no frames, or frames without numbers", remedy="run OpenFace again")
    return Landmarks(values.reshape(-1, 2, POINTS).transpose(0, 2, 1), found)
