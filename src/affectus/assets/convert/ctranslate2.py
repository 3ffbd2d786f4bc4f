"""Reading the weight file of CTranslate2 (binary version 6), without that library.

Layout, little endian: version u32, specification (string), revision u32, number of variables u32; each variable is name
(string), rank u8, dimensions u32 each, type u8, length in bytes u32, data; then the number of aliases u32 and pairs of
strings. A string is its length u16 and that many bytes with a zero at the end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectus.errors import AssetError

VERSIONS = (5, 6)
_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}


@dataclass(frozen=True)
class Model:
    """The content of a `model.bin`.

    Args:
        spec: Name of the network, for example `WhisperSpec`.
        revision: Revision of that specification.
        variables: Arrays by name; they share the memory of the file's content.
        aliases: Names that stand for another variable.
    """

    spec: str
    revision: int
    variables: dict[str, np.ndarray]
    aliases: dict[str, str]


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, code: str) -> int:
        value = struct.unpack_from("<" + code, self.data, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return int(value)

    def text(self) -> str:
        length = self.number("H")
        value = self.data[self.at : self.at + length]
        if len(value) < length:
            raise ValueError("it ends inside a name")
        self.at += length
        return value.rstrip(b"\0").decode()

    def array(self) -> np.ndarray:
        shape = [self.number("I") for _ in range(self.number("B"))]
        dtype = np.dtype(_TYPES[self.number("B")])
        length = self.number("I")
        value: np.ndarray[Any, Any] = np.frombuffer(self.data, dtype, length // dtype.itemsize, self.at).reshape(shape)
        self.at += length
        return value


def read(path: Path) -> Model:
    """Read a CTranslate2 weight file.

    Raises:
        AssetError: If the file has another version, or ends early.
    """
    cursor = _Cursor(path.read_bytes())
    try:
        version = cursor.number("I")
        if version not in VERSIONS:
            raise AssetError(
                f"{path.name} has CTranslate2 binary version {version}", allowed=", ".join(map(str, VERSIONS))
            )
        spec, revision = cursor.text(), cursor.number("I")
        variables = {cursor.text(): cursor.array() for _ in range(cursor.number("I"))}
        aliases = {cursor.text(): cursor.text() for _ in range(cursor.number("I"))}
    except (struct.error, KeyError, ValueError, UnicodeDecodeError) as error:
        raise AssetError(f"{path.name} is not a whole CTranslate2 weight file: {error}") from error
    return Model(spec, revision, variables, aliases)
