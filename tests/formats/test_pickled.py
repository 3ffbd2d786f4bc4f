"""Pickled data: plain data comes back, anything else is refused before it is used."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import FileError
from affectus.formats.pickled import read_pickle

DATA: dict[str, Any] = {
    "text": "é",
    "bytes": b"\x00\xff",
    "numbers": [1, 2.5, None, True, 10**30],
    "sets": ({"a"}, frozenset({1})),
    "ordered": collections.OrderedDict(a=1),
    "float": np.arange(6, dtype=np.float32).reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "big": np.arange(3, dtype=">f8"),
    "words": np.array(["so", "what"]),
    "mixed": np.array([[1, "a"], [None, (2,)]], dtype=object),
    "scalar": np.float64(0.5),
    "empty": np.zeros((0, 4)),
    "alone": np.array(3),
}


def stored(path: Path, value: Any, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and (a == b).all()
    return type(b) is (dict if isinstance(a, dict) else type(a)) and a == b


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_plain_data_come_back(tmp_path: Path, protocol: int) -> None:
    found = read_pickle(stored(tmp_path / "a.pkl", DATA, protocol))
    for name, value in DATA.items():
        assert equal(value, found[name]), (name, found[name])


def test_files_of_python_2_are_read(tmp_path: Path) -> None:
    # protocol 2 as Python 2 and NumPy 1 wrote it: str is bytes, the module has its old name
    raw = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87Rq\x00(K\x01K\x02\x85"
        b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"U\x08\x00\x00\x80?\x00\x00\x00@tb."
    )
    (tmp_path / "a.pkl").write_bytes(raw)
    assert read_pickle(tmp_path / "a.pkl").tolist() == [1.0, 2.0]


class Runs:
    def __init__(self, call: Any, *args: Any) -> None:
        self.what = (call, args)

    def __reduce__(self) -> Any:
        return self.what


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Runs(os.system, "touch HERE"), "posix.system|nt.system"),
        (Runs(eval, "1"), "builtins.eval|__builtin__.eval"),
        (Runs(getattr, "a", "upper"), "getattr"),
        (Runs(np.load, "x", None, True), "numpy.load"),
        (Runs(open, "HERE", "w"), "io.open"),
        ([{"deep": (Runs(bytearray, 10**12),)}], "bytearray"),
        (Path("a"), "Path"),
        (collections.defaultdict(list), "defaultdict"),
        (np.random.default_rng(0), "numpy.random"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_whatever_runs_is_refused(tmp_path: Path, monkeypatch: Any, value: Any, name: str, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    path = stored(tmp_path / "a.pkl", value, protocol)
    with pytest.raises(FileError, match=rf"wants to use '.*({name}).* while it is read"):
        read_pickle(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pkl"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not a pickle",
        pickle.dumps(DATA, 2)[:-20],
        b"cnumpy\nndarray\n.",  # the name alone is no data
        b"cnumpy\nndarray\n(K\x05tR.",  # nothing can be made with it
        b"cnumpy\ndtype\n.",
        b"cbuiltins\nset\n}X\x01\x00\x00\x00aK\x01sb.",  # BUILD on a class
        b"(lp0\nh\x00a.",
        b"]q\x00h\x00a.",  # a list in itself
        b"\x80\x02Pname\n.",
    ],
)
def test_damaged_and_forged_files_are_named_errors(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(raw)
    if raw == b"cnumpy\nndarray\n.":
        assert read_pickle(tmp_path / "a.pkl") == "numpy.ndarray"  # a text, and nothing else
        return
    with pytest.raises(FileError):
        read_pickle(tmp_path / "a.pkl")


def array(code: bytes, state: bytes, raw: bytes) -> bytes:
    """An array with a type of one's choice."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01\x85"
        b"cnumpy\ndtype\nU" + bytes([len(code)]) + code + b"K\x00K\x01\x87R" + state + b"\x89" + raw + b"tb."
    )


@pytest.mark.parametrize(
    ("code", "state", "raw"),
    [
        (b"O8", b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb", b"U\x08AAAAAAAA"),  # addresses as bytes
        (b"V8", b"(K\x03U\x01|NNNK\x08K\x01K\x00tb", b"U\x08AAAAAAAA"),
        (b"f4", b"(K\x03U\x01<NU\x01aNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb", b"U\x04AAAA"),  # fields
        (b"f4", b"", b"U\x03AAA"),  # too few bytes
    ],
)
def test_forged_array_types_are_refused(tmp_path: Path, code: bytes, state: bytes, raw: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(array(code, state, raw))
    with pytest.raises(FileError):
        read_pickle(tmp_path / "a.pkl")


def test_texts_that_stand_in_for_much_are_not_multiplied(tmp_path: Path) -> None:
    bomb: list[Any] = ["ha"] * 10
    for _ in range(40):
        bomb = [bomb] * 10
    found = read_pickle(stored(tmp_path / "a.pkl", bomb))
    assert found[0] is found[9]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_damage_is_anything_but_a_named_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(pickle.dumps(DATA, data.draw(st.sampled_from([0, 2, 4]))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.pkl"
    path.write_bytes(bytes(raw))
    try:
        read_pickle(path)
    except FileError:
        return
