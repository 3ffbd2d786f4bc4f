"""Kaldi's archives byte by byte, lists, and raw vectors; nothing in a list is ever run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from affectus.errors import FileError, InputError
from affectus.formats.kaldi import (
    read_ark,
    read_list,
    read_scp,
    read_xvector,
    write_ark,
    write_list,
    write_xvector,
)

KEYS = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8)
VECTORS = arrays.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1e6, 1e6, width=32))


def test_an_archive_has_kaldis_bytes(tmp_path):
    write_ark(tmp_path / "a.ark", [("spk1", np.array([1.0, -2.0]))], scp=tmp_path / "a.scp")
    raw = (tmp_path / "a.ark").read_bytes()
    assert raw == b"spk1 \0BFV \4\2\0\0\0" + b"\0\0\x80\x3f" + b"\0\0\0\xc0"
    assert (tmp_path / "a.scp").read_text() == f"spk1 {tmp_path / 'a.ark'}:5\n"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, VECTORS, min_size=1, max_size=5))
def test_archives_come_back(tmp_path, vectors):
    write_ark(tmp_path / "a.ark", vectors.items(), scp=tmp_path / "a.scp")
    back = dict(read_ark(tmp_path / "a.ark"))
    assert list(back) == list(vectors)
    listed = dict(read_scp(tmp_path / "a.scp"))
    assert list(listed) == sorted(vectors, key=str.encode)
    for key, vector in vectors.items():
        np.testing.assert_array_equal(back[key], vector)
        np.testing.assert_array_equal(listed[key], vector)


def test_doubles_and_text_archives(tmp_path):
    doubles = b"a \0BDV \4\1\0\0\0" + np.array([0.1], "<f8").tobytes()
    (tmp_path / "d.ark").write_bytes(doubles)
    ((_, vector),) = read_ark(tmp_path / "d.ark")
    assert vector.dtype == np.float64
    assert vector[0] == 0.1
    (tmp_path / "t.ark").write_bytes(b"a  [ 1 2.5 ]\nb  [ -1e-3 ]\n")
    assert {key: v.tolist() for key, v in read_ark(tmp_path / "t.ark")} == {
        "a": [1.0, 2.5],
        "b": [np.float32(-1e-3)],
    }


def test_a_folder_can_be_moved(tmp_path):
    write_ark(tmp_path / "old" / "a.ark", [("a", np.ones(3))], scp=tmp_path / "old" / "a.scp")
    (tmp_path / "old").rename(tmp_path / "new")
    assert dict(read_scp(tmp_path / "new" / "a.scp"))["a"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("place", ["copy-vector ark:a.ark - |", "a.ark:5[0:3]", "a.ark"])
def test_commands_and_ranges_are_refused(tmp_path, place):
    (tmp_path / "a.scp").write_text(f"a {place}\n")
    with pytest.raises(FileError, match="not carried out"):
        list(read_scp(tmp_path / "a.scp"))


def test_matrices_and_damage_are_named(tmp_path):
    (tmp_path / "m.ark").write_bytes(b"a \0BFM \4\1\0\0\0\4\1\0\0\0\0\0\0\0")
    with pytest.raises(FileError, match="type 'FM'"):
        list(read_ark(tmp_path / "m.ark"))
    write_ark(tmp_path / "a.ark", [("a", np.ones(9))])
    whole = (tmp_path / "a.ark").read_bytes()
    for cut in range(1, len(whole)):
        (tmp_path / "cut.ark").write_bytes(whole[:cut])
        with pytest.raises(FileError):
            list(read_ark(tmp_path / "cut.ark"))
    with pytest.raises(FileError, match="can't read"):
        list(read_ark(tmp_path / "none.ark"))


@pytest.mark.parametrize("bad", [np.zeros((2, 2)), np.array([np.nan]), np.zeros(0)])
def test_only_finite_vectors_are_written_and_nothing_is_left(tmp_path, bad):
    with pytest.raises(InputError, match="finite"):
        write_ark(tmp_path / "a.ark", [("good", np.ones(2)), ("bad", bad)], scp=tmp_path / "a.scp")
    with pytest.raises(InputError, match="finite"):
        write_xvector(tmp_path / "a.xvector", bad)
    assert list(tmp_path.iterdir()) == []


def test_keys_come_once_and_without_blanks(tmp_path):
    with pytest.raises(InputError, match="twice"):
        write_ark(tmp_path / "a.ark", [("a", np.ones(2)), ("a", np.ones(2))])
    with pytest.raises(InputError, match="blanks"):
        write_ark(tmp_path / "a.ark", [("a b", np.ones(2))])
    (tmp_path / "utt2spk").write_text("a x\nb y\na z\n")
    with pytest.raises(FileError, match=r"line 3 .*'a' again"):
        read_list(tmp_path / "utt2spk")


def test_lists_keep_values_whole_and_are_sorted_by_bytes(tmp_path):
    rows = {"b": "two  words", "a": "", "B": "x"}
    write_list(tmp_path / "text", rows)
    assert (tmp_path / "text").read_bytes() == b"B x\na\nb two  words\n"
    assert read_list(tmp_path / "text") == rows
    with pytest.raises(InputError, match="one line"):
        write_list(tmp_path / "text", {"a": "x\ny"})


def test_raw_vectors(tmp_path):
    vector = np.linspace(-1, 1, 192, dtype=np.float32)
    write_xvector(tmp_path / "a.xvector", vector)
    assert (tmp_path / "a.xvector").read_bytes() == vector.astype("<f4").tobytes()
    np.testing.assert_array_equal(read_xvector(tmp_path / "a.xvector"), vector)
    with pytest.raises(FileError, match="768 bytes"):
        read_xvector(tmp_path / "a.xvector", 256)
    (tmp_path / "b.xvector").write_bytes(b"abc")
    with pytest.raises(FileError, match="3 bytes"):
        read_xvector(tmp_path / "b.xvector", None)
