"""Reading text: which encoding it is in, and that it is text at all."""

from __future__ import annotations

import codecs
import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from affectus.errors import FileError, InputError
from affectus.formats.sentences import sentences
from affectus.media.faults import Fault
from affectus.media.files import reading
from affectus.media.signature import TEXT, identify_bytes, utf16_without_bom

LARGEST = 2**28
"""Bytes of the largest text that is taken into memory at once (256 MiB); tables are read row by row, without limit."""

_CHUNK = 2**20
_BOMS = (  # the longer first: UTF-32-LE begins like UTF-16-LE
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # tab, line ends, form feed and escape occur in text
_CONTROL_SHARE = 0.005


def read_text(path: Path | str, encoding: str | None = None, faults: list[Fault] | None = None) -> str:
    r"""The words of a text file, or of standard input for `"-"`. Line ends become `\n`; a byte-order mark is dropped.

    Args:
        path: File, or `"-"`.
        encoding: Python's name of the encoding; None finds out: by a byte-order mark,
            else UTF-8, else Windows-1252 with a fault.
        faults: Receives `encoding-guessed`.

    Raises:
        FileError: If it can't be read, is binary, too large, or in another encoding.
        InputError: If there is no encoding of that name.
    """
    with open_text(path, encoding, faults, newline=None, largest=LARGEST) as file:
        return file.read()


@contextmanager
def open_text(
    path: Path | str,
    encoding: str | None = None,
    faults: list[Fault] | None = None,
    newline: str | None = "",
    largest: int | None = None,
) -> Iterator[TextIO]:
    """Open a text for reading, its encoding found out beforehand by a look at all of it.

    Args:
        path: File, or `"-"` for standard input.
        encoding: As in `read_text`.
        faults: As in `read_text`.
        newline: As in `open`.
        largest: Refuse more bytes than this.

    Raises:
        FileError: If it can't be read, is binary, too large, or in another encoding.
        InputError: If there is no encoding of that name.
    """
    name = "standard input" if str(path) == "-" else repr(str(path))
    with _binary(path) as file:
        size = file.seek(0, io.SEEK_END)
        if largest is not None and size > largest:
            raise FileError(
                f"{name} has {size / 2**20:.0f} MiB", allowed=f"{largest // 2**20} MiB", remedy="split it up"
            )
        found = _check_encoding(file, name, encoding) if encoding else _find_encoding(file, name, faults)
        file.seek(0)
        yield io.TextIOWrapper(file, encoding=found, newline=newline)


@contextmanager
def _binary(path: Path | str) -> Iterator[BinaryIO]:
    if str(path) != "-":
        with reading(path) as file:
            yield file
        return
    data = sys.stdin.buffer.read()
    if not data:
        raise FileError("standard input is empty", remedy="pipe a text into it")
    yield io.BytesIO(data)


def _find_encoding(file: BinaryIO, name: str, faults: list[Fault] | None) -> str:
    file.seek(0)
    head = file.read(65536)
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return _check_encoding(file, name, encoding)
    form = identify_bytes(head)
    if form is not TEXT:
        raise FileError(f"{name} holds {form.noun}, not text", remedy="give a text file")
    if wide := utf16_without_bom(head):
        _tell(faults, f"no byte-order mark; taken for {wide}")
        return _check_encoding(file, name, wide)
    if _decodes(file, "utf-8"):
        return _check_encoding(file, name, "utf-8")
    _check_encoding(file, name, "cp1252")
    _tell(faults, "not UTF-8; taken for Windows-1252 (Western European)")
    return "cp1252"


def _tell(faults: list[Fault] | None, text: str) -> None:
    if faults is not None:
        faults.append(Fault("encoding-guessed", text=text))


def _decodes(file: BinaryIO, encoding: str) -> bool:
    try:
        for _ in _chunks(file, encoding):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _check_encoding(file: BinaryIO, name: str, encoding: str) -> str:
    """The encoding, if the whole file is text in it."""
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise InputError(
            f"there is no encoding {encoding!r}", allowed="for example utf-8, utf-16, cp1252, shift_jis"
        ) from None
    controls = length = 0
    try:
        for chunk in _chunks(file, encoding):
            if "\x00" in chunk:
                raise FileError(f"{name} holds binary data, not text", remedy="give a text file")
            controls += len(_CONTROL.findall(chunk))
            length += len(chunk)
    except UnicodeError as error:
        where = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        what = f"{name} is not text in the encoding {encoding}{where}"
        raise FileError(what, remedy="save it as UTF-8, or name its encoding") from error
    if controls > _CONTROL_SHARE * length:
        raise FileError(f"{name} holds binary data, not text", remedy="give a text file")
    return encoding


def _chunks(file: BinaryIO, encoding: str) -> Iterator[str]:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    while data := file.read(_CHUNK):
        yield decoder.decode(data)
    yield decoder.decode(b"", final=True)


__all__ = ["LARGEST", "open_text", "read_text", "sentences"]
