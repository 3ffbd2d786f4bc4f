"""Kaldi's files: lists of `key value` lines, archives of float vectors (ark, scp), and raw `.xvector` files.

The layout of archives is that of Kaldi's I/O documentation (kaldi-asr.org, "Kaldi I/O mechanisms"). Lines that name a
command to run (`… |`) are refused: reading a list never starts a program.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from affectus.atomic import writing
from affectus.errors import FileError, InputError

_BINARY = b"\0B"
_TYPES: dict[bytes, np.dtype[Any]] = {b"FV ": np.dtype("<f4"), b"DV ": np.dtype("<f8")}
_LONGEST_KEY = 4096  # bytes; more without a blank is no archive


# -- lists ------------------------------------------------------------------------------------------------------------
def read_list(path: Path | str) -> dict[str, str]:
    """A list such as `utt2spk`, `spk2gender`, `text` or `wav.scp`: key → rest of the line, in the order of the file.

    Raises:
        FileError: If it can't be read, is not UTF-8, or a key stands there twice.
    """
    path = Path(path)
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except OSError as error:
        raise FileError(f"can't read {str(path)!r}: {error.strerror}", remedy="check the path") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{str(path)!r} is not UTF-8 at byte {error.start}", remedy="save it as UTF-8") from error
    out: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        key, value = [*line.split(maxsplit=1), "", ""][:2]
        if not key:
            continue
        if key in out:
            raise FileError(
                f"line {number} of {path.name!r} has the key {key!r} again",
                allowed="each key once",
                remedy="take the repeated line out",
            )
        out[key] = value.strip()
    return out


def write_list(path: Path | str, rows: Mapping[str, str]) -> Path:
    """Write a list, sorted by key as bytes, which is the order that Kaldi's tools ask for.

    Raises:
        InputError: If a key is empty or holds a blank, or a value a line break.
        OutputError: If it can't be written.
    """
    for key, value in rows.items():
        _check_key(key)
        if "\n" in value or "\r" in value:
            raise InputError(f"the value of {key!r} is {value!r}", allowed="one line")
    with writing(path, newline="\n") as file:
        for key in sorted(rows, key=str.encode):
            file.write(f"{key} {rows[key]}".rstrip() + "\n")
    return Path(path)


def _check_key(key: str) -> None:
    if not key or key.split() != [key]:
        raise InputError(f"a key is {key!r}", allowed="at least one character, no blanks")


# -- archives ---------------------------------------------------------------------------------------------------------
def read_ark(path: Path | str) -> Iterator[tuple[str, np.ndarray]]:
    """Vectors of an archive in order, binary or text.

    Yields:
        Key, and (dimension,) float32, or float64 where the archive has doubles.

    Raises:
        FileError: If the file can't be read, ends early, or holds matrices.
    """
    path = Path(path)
    with _open(path) as file:
        while (key := _key(file, path)) is not None:
            yield key, _vector(file, path, key)


def read_scp(path: Path | str) -> Iterator[tuple[str, np.ndarray]]:
    """Vectors that a list of places (`key archive:offset`) names, in the order of the list.

    An archive that is not where the list says is looked for beside the list, so that a folder can be moved.

    Yields:
        Key, and (dimension,) float32 or float64.

    Raises:
        FileError: If a line names a command or a range, an archive is missing, or no vector stands at the place.
    """
    path = Path(path)
    for key, place in read_list(path).items():
        name, _, offset = place.rpartition(":")
        if "|" in place or not name or not offset.isdigit():
            raise FileError(
                f"{path.name!r} has {place!r} for {key!r}",
                allowed="archive:offset; commands and ranges are not carried out",
                remedy="write the vectors to an archive first",
            )
        ark = Path(name) if Path(name).is_file() else path.parent / Path(name).name
        with _open(ark) as file:
            file.seek(int(offset))
            yield key, _vector(file, ark, key)


def write_ark(ark: Path | str, vectors: Iterable[tuple[str, np.ndarray]], *, scp: Path | str | None = None) -> Path:
    """Write float vectors as a binary archive, and the list of their places if it is asked for.

    Args:
        ark: The archive.
        vectors: Key and (dimension,) values, which are stored as float32.
        scp: The list; it names the archive by its absolute path, as Kaldi's tools resolve it.

    Returns:
        The archive's path.

    Raises:
        InputError: If a key is not acceptable or comes twice, or something is no vector of finite numbers.
        OutputError: If it can't be written; nothing is left half-written.
    """
    places: dict[str, str] = {}
    target = Path(ark).absolute()
    with writing(target, "wb") as file:
        for key, vector in vectors:
            _check_key(key)
            if key in places:
                raise InputError(f"the key {key!r} comes twice", allowed="each key once")
            values = _checked(vector, f"the vector of {key!r}")
            file.write(key.encode() + b" ")
            places[key] = f"{target}:{file.tell()}"
            file.write(_BINARY + b"FV " + struct.pack("<bi", 4, len(values)) + values.tobytes())
    if scp is not None:
        write_list(scp, places)
    return Path(ark)


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise FileError(f"can't read {str(path)!r}: {error.strerror}", remedy="check the path") from error


def _key(file: IO[bytes], path: Path) -> str | None:
    """The next key with the blank behind it taken; None at the end."""
    out = b""
    while (byte := file.read(1)) and len(out) < _LONGEST_KEY:
        if byte in b" \t":
            if out:
                break
        elif byte not in b"\r\n":
            out += byte
    if not byte and not out:
        return None
    try:
        if not byte or byte not in b" \t":
            raise UnicodeDecodeError("utf-8", out, 0, 1, "no key")
        return out.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(
            f"{str(path)!r} is no archive: no key before byte {file.tell()}", remedy="give a Kaldi ark of vectors"
        ) from error


def _vector(file: IO[bytes], path: Path, key: str) -> np.ndarray:
    start = file.read(2)
    if start != _BINARY:
        return _text_vector(start + file.readline(), path, key)
    kind = file.read(3)
    if kind not in _TYPES:
        raise FileError(
            f"{key!r} in {str(path)!r} is of type {kind.decode('latin-1').strip()!r}",
            allowed="float vectors (FV, DV)",
            remedy="average matrices over time first",
        )
    size = file.read(5)
    count = struct.unpack("<bi", size)[1] if len(size) == 5 and size[0] == 4 else -1
    data = file.read(count * _TYPES[kind].itemsize) if count >= 0 else b""
    if count < 0 or len(data) != count * _TYPES[kind].itemsize:
        raise FileError(f"{str(path)!r} ends within {key!r}, or is damaged there", remedy="write the archive again")
    return np.frombuffer(data, _TYPES[kind]).copy()


def _text_vector(line: bytes, path: Path, key: str) -> np.ndarray:
    words = line.decode("latin-1").split()
    try:
        if words[:1] != ["["] or words[-1:] != ["]"]:
            raise ValueError(words)
        return np.array([float(word) for word in words[1:-1]], np.float32)
    except ValueError as error:
        raise FileError(
            f"{key!r} in {str(path)!r} is {line[:40].decode('latin-1')!r}", allowed="a vector: [ numbers ]"
        ) from error


# -- raw vectors ------------------------------------------------------------------------------------------------------
def read_xvector(path: Path | str, dimension: int | None = 192) -> np.ndarray:
    """A speaker vector in a file of its own: raw little-endian float32 without a header.

    Args:
        path: The file.
        dimension: Numbers that it must hold; None takes what is there.

    Returns:
        (dimension,) float32.

    Raises:
        FileError: If it can't be read, has another size, or holds a value that is not finite.
    """
    path = Path(path)
    with _open(path) as file:
        data = file.read()
    if not data or len(data) % 4 or (dimension is not None and len(data) != 4 * dimension):
        raise FileError(
            f"{str(path)!r} holds {len(data):,} bytes",
            allowed=f"{4 * dimension:,}, {dimension} float32" if dimension is not None else "whole float32 numbers",
            remedy="give a file of raw float32 numbers",
        )
    vector = np.frombuffer(data, "<f4").astype(np.float32)
    if not np.isfinite(vector).all():
        raise FileError(f"{str(path)!r} holds values that are not finite", allowed="finite float32")
    return vector


def write_xvector(path: Path | str, vector: np.ndarray) -> Path:
    """Write a vector as raw little-endian float32.

    Raises:
        InputError: If it is no vector of finite numbers.
        OutputError: If it can't be written.
    """
    values = _checked(vector, "the vector")
    with writing(path, "wb") as file:
        file.write(values.tobytes())
    return Path(path)


def _checked(vector: np.ndarray, what: str) -> np.ndarray:
    values = np.asarray(vector, "<f4")
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise InputError(f"{what} has shape {values.shape}", allowed="(dimension,) of finite numbers")
    return values
