"""Data in pickled files without the danger: containers, numbers, texts and NumPy arrays are made, nothing is run.

A pickle is a program, and what it may call is decided here: a closed list of constructors of plain data. Arrays are not
made by NumPy on the file's say either, since a forged type could make it take bytes for addresses: the file fills
stand-ins, which are checked and turned into arrays at the end.
"""

from __future__ import annotations

import _codecs
import collections
import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from affectus.errors import FileError

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")  # before and since NumPy 2
_BUILTINS = ("builtins", "__builtin__")  # of Python 3 and 2
_ALLOWED = "lists, tuples, dictionaries, sets, texts, bytes, numbers and NumPy arrays of them"
_CODE = re.compile(r"[biufcSU]\d+|O8?")  # kinds of numbers and texts, with their size; O: any of the allowed
_ARRAY = "numpy.ndarray"  # which a file names, but never calls


def read_pickle(path: Path) -> Any:
    """What a pickled file holds, if that is plain data; texts of Python 2 are read as Latin-1.

    Arrays of numbers can't be written to.

    Raises:
        FileError: If it can't be read, is damaged, or wants to make anything but plain data, with what it wanted.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(f"can't read {str(path)!r}: {error.strerror}", remedy="check the path") from error
    try:
        return _plain(_Plain(path, raw).load(), {}, path)
    except FileError:
        raise
    except RecursionError:
        raise FileError(f"{str(path)!r} is nested too deeply to be data", remedy="get the file again") from None
    except Exception as error:  # a damaged pickle fails in any way: every opcode may meet what it does not expect
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise FileError(f"{str(path)!r} is no whole pickled file ({reason})", remedy="get the file again") from None


class _Type:
    """Stands in for `numpy.dtype`."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        _, order, parts, names, fields, *_ = state
        if order not in ("<", ">", "|", "=") or parts is not None or names is not None or fields is not None:
            raise ValueError(f"an array of type {state!r}"[:80])
        self.order = order

    def made(self) -> np.dtype[Any]:
        if not isinstance(self.code, str) or not _CODE.fullmatch(self.code):
            raise ValueError(f"an array of type {self.code!r}"[:80])
        return np.dtype(object if self.code[0] == "O" else self.order + self.code)


class _Array:
    """Stands in for an array; `_reconstruct` makes an empty one, which BUILD fills."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def made(self, inside: Callable[[Any], Any]) -> np.ndarray:
        *_, shape, kind, by_columns, raw = self.state
        dtype = kind.made()
        order: Literal["C", "F"] = "F" if by_columns else "C"
        if not dtype.hasobject:
            return np.frombuffer(_bytes(raw), dtype).reshape(shape, order=order)
        if len(raw) != np.prod(shape, dtype=int):
            raise ValueError(f"{len(raw)} things in an array of shape {shape}")
        flat = np.empty(len(raw), object)
        for i, value in enumerate(raw):
            flat[i] = inside(value)
        return flat.reshape(shape, order=order)


class _Scalar:
    """Stands in for a NumPy number."""

    def __init__(self, kind: _Type, raw: Any = b"") -> None:
        self.kind, self.raw = kind, raw

    def made(self, inside: Callable[[Any], Any]) -> Any:
        dtype = self.kind.made()
        return inside(self.raw) if dtype.hasobject else np.frombuffer(_bytes(self.raw), dtype)[0]


def _bytes(raw: Any) -> bytes:
    return raw.encode("latin1") if isinstance(raw, str) else raw  # Python 2 wrote bytes as text


class _Plain(pickle.Unpickler):
    """An unpickler that knows the constructors of plain data and no other name."""

    def __init__(self, path: Path, raw: bytes) -> None:
        super().__init__(io.BytesIO(raw), encoding="latin1")
        self.path = path

        def reconstruct(kind: Any, shape: Any, code: Any) -> _Array:
            if kind != _ARRAY:
                raise ValueError(f"an array of class {kind!r}"[:80])
            return _Array()

        self.known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("_codecs", "encode"): _codecs.encode,  # how Python 3 writes bytes for Python 2
            ("numpy", "ndarray"): _ARRAY,
            ("numpy", "dtype"): _Type,
        }
        self.known |= {(place, kind.__name__): kind for place in _BUILTINS for kind in (set, frozenset)}
        self.known |= {(place, "bytes"): lambda: b"" for place in _BUILTINS}  # how old protocols write none
        for place in _NUMPY:
            self.known |= {(place, "_reconstruct"): reconstruct, (place, "scalar"): _Scalar}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.known:
            raise FileError(
                f"{str(self.path)!r} wants to use '{module}.{name}' while it is read, which could run any code",
                allowed=_ALLOWED,
                remedy="do not trust this file; get it from its makers",
            )
        return self.known[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise FileError(f"{str(self.path)!r} refers to an object outside the file", allowed=_ALLOWED)


def _plain(value: Any, made: dict[int, tuple[Any, Any]], path: Path) -> Any:
    """The value with arrays in place of their stand-ins; `made` keeps what was seen, with it alive."""
    if value is None or isinstance(value, str | bytes | int | float | complex):
        return value
    if id(value) in made:
        return made[id(value)][1]

    def inside(part: Any) -> Any:
        return _plain(part, made, path)

    new: Any
    if isinstance(value, _Array | _Scalar):
        new = value.made(inside)
    elif isinstance(value, dict):
        new = {inside(k): inside(v) for k, v in value.items()}
    elif isinstance(value, list | tuple | set | frozenset):
        new = type(value)([inside(part) for part in value])
    else:
        raise FileError(f"{str(path)!r} holds a {type(value).__name__}", allowed=_ALLOWED)
    made[id(value)] = (value, new)
    return new
