from pathlib import Path

import numpy as np
import pytest

from affectus.errors import FileError
from affectus.formats.py_feat import EXPRESSIONS, read_py_feat
from affectus.frontends import textualise
from affectus.taxonomy import scale

UNITS = scale("facs-au").labels


def sheet(path: Path, *rows: tuple[object, ...], columns: tuple[str, ...] = ()) -> Path:
    header = columns or ("frame", "FaceScore", *UNITS, *EXPRESSIONS, "input")
    path.write_text("\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n", encoding="utf-8")
    return path


def row(frame: object, score: object, value: float) -> tuple[object, ...]:
    return (frame, score, *([value] * 20), *([value / 2] * 7), "film.mp4")


def test_the_surest_face_of_each_frame_counts(tmp_path: Path) -> None:
    table = read_py_feat(
        sheet(tmp_path / "a.csv", row(3, 0.9, 0.1), row(0, 0.5, 0.2), row(3, 0.99, 0.3), row(5, "", 0))
    )
    assert table.frames.tolist() == [0, 3]
    np.testing.assert_allclose(table.units, np.repeat([[0.2], [0.3]], 20, 1))
    np.testing.assert_allclose(table.expressions, np.repeat([[0.1], [0.15]], 7, 1))


def test_the_order_is_that_of_the_textualiser_and_not_of_the_file(tmp_path: Path) -> None:
    assert EXPRESSIONS == textualise.EXPRESSIONS
    columns = ("FaceScore", *reversed(EXPRESSIONS), *reversed(UNITS), "frame")
    values = (1.0, *(i / 10 for i in range(7)), *(i / 20 for i in range(20)), 0)
    table = read_py_feat(sheet(tmp_path / "a.csv", values, columns=columns))
    np.testing.assert_allclose(table.expressions[0], np.arange(7)[::-1] / 10, atol=1e-6)
    np.testing.assert_allclose(table.units[0], np.arange(20)[::-1] / 20, atol=1e-6)


def test_a_table_without_faces_is_empty_and_damages_are_named(tmp_path: Path) -> None:
    assert read_py_feat(sheet(tmp_path / "a.csv")).units.shape == (0, 20)
    with pytest.raises(FileError, match=r"lacks the columns \['AU01'"):
        read_py_feat(sheet(tmp_path / "b.csv", columns=("frame", "FaceScore")))
    with pytest.raises(FileError, match=r"line 2 of 'c\.csv'.*high"):
        read_py_feat(sheet(tmp_path / "c.csv", (0, "high", *([0] * 28))))
