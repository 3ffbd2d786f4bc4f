"""OpenFace's tables of landmarks."""

from pathlib import Path

import numpy as np
import pytest

from affectus.errors import FileError
from affectus.frontends.openface import read_openface


def table(path: Path, names: list[str], rows: list[list[object]]) -> Path:
    path.write_text(", ".join(names) + "\n" + "".join(", ".join(map(str, row)) + "\n" for row in rows), "utf-8")
    return path


NAMES = ["frame", "success", "X_0", *(f"{axis}_{i}" for axis in "yx" for i in range(68))]


def test_landmarks_are_found_by_name(tmp_path: Path) -> None:
    rows = [[f, f % 2, -1, *(100 * f + np.arange(68)), *(0.5 * np.arange(68))] for f in range(3)]
    found = read_openface(table(tmp_path / "a.csv", NAMES, rows))
    assert found.points.shape == (3, 68, 2)
    np.testing.assert_allclose(found.points[2, 5], [2.5, 205])
    assert found.found.tolist() == [False, True, False]


def test_other_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="lacks 136 columns of landmarks, first 'x_0'"):
        read_openface(table(tmp_path / "a.csv", ["frame"], [[1]]))
    with pytest.raises(FileError, match="something else than numbers"):
        read_openface(table(tmp_path / "b.csv", NAMES, [[1, 1, 0, *["x"] * 136]]))
    with pytest.raises(FileError, match="no frames"):
        read_openface(table(tmp_path / "c.csv", NAMES, []))
    with pytest.raises(FileError, match="can't be read"):
        read_openface(tmp_path / "absent.csv")
