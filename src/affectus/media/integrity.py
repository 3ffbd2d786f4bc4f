"""Whether a media file stops before its own bookkeeping says: the copy was cut off or the recorder was killed."""

from __future__ import annotations

import contextlib
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from affectus.media.container import origin
from affectus.media.faults import Fault
from affectus.media.files import reading
from affectus.media.signature import MATROSKA, MP3, MP4, OGG, WAV, WEBM, Format, identify

_UNKNOWN_RIFF = 0x7FFF0000  # writers into a pipe put the largest number they know
_OGG_TAIL = 2**17  # an Ogg page has at most 65 307 bytes
_SEGMENT = b"\x18\x53\x80\x67"
_SHORT = 0.25  # seconds that a track may lack: codecs round to whole packets
_SLACK = 2048  # bytes: where in its frame the Xing header stands varies


def cut_off(path: Path | str) -> bool:
    """Whether the file is shorter than its container's header declares; False where the header does not tell.

    Raises:
        FileError: If it can't be read.
    """
    check = _CHECKS.get(identify(path))
    if check is None:
        return False
    with reading(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        try:
            return check(file, size)
        except (struct.error, IndexError):
            return True  # not even its header is complete


def truncation(path: Path, container: Any, stream: Any, reached: float, wanted: float | None) -> list[Fault]:
    """A `truncated` fault if a stream ended before its time.

    Args:
        path: The file.
        container: It, open.
        stream: The stream that was read to its end.
        reached: Second where it ended.
        wanted: Second up to which it was to be read, None for the end.
    """
    declared = declared_duration(container, stream)
    begin = 0.0
    if stream.duration:  # a length of its own; Matroska and the container tell the time of the end
        begin = max(0.0, float((stream.start_time or 0) * stream.time_base - origin(container)))
    due = min(wanted or math.inf, begin + declared if declared else math.inf)
    told = container.format.name != "mp3" and math.isfinite(due)  # of MP3, FFmpeg guesses the length from the bit rate
    if told and reached < due - max(_SHORT, 0.005 * due):
        return [Fault("truncated", reached, due, f"ends at {reached:.2f} s of {due:.2f} s")]
    if (wanted is None or reached < wanted - _SHORT) and cut_off(path):
        return [Fault("truncated", reached, None, f"the file is cut off at {reached:.2f} s")]
    return []


def declared_duration(container: Any, stream: Any) -> float | None:
    """Length of a stream in seconds as the file tells it, None if it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if tag := stream.metadata.get("DURATION"):  # Matroska keeps it for each track as h:mm:ss.fraction
        with contextlib.suppress(ValueError):
            hours, minutes, seconds = tag.split(":")
            return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    if container.duration:
        return container.duration / 1_000_000
    return None


def _wav(file: BinaryIO, size: int) -> bool:
    magic, declared = struct.unpack("<4sI", file.read(8))
    return magic == b"RIFF" and 0 < declared < _UNKNOWN_RIFF and declared + 8 > size + 1


def _mp4(file: BinaryIO, size: int) -> bool:
    """Top-level boxes follow one another to the end (ISO 14496-12, 4.2)."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        length, _ = struct.unpack(">I4s", file.read(8))
        if length == 0:  # to the end of the file
            return False
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        if length < 8:
            return False  # damaged rather than cut
        place += length
    return place > size


def _matroska(file: BinaryIO, size: int) -> bool:
    """The segment, second element of the file, has a size (RFC 8794, 4 and 6)."""
    data = file.read(4096)
    place = data.find(_SEGMENT)
    if place < 0:
        return False
    place += len(_SEGMENT)
    width = 9 - data[place].bit_length()
    declared = int.from_bytes(data[place : place + width], "big") & (1 << 7 * width) - 1
    unknown = declared == (1 << 7 * width) - 1
    return not unknown and place + width + declared > size


def _ogg(file: BinaryIO, size: int) -> bool:
    """The last page is complete and says that it is the last (RFC 3533, 6)."""
    file.seek(max(0, size - _OGG_TAIL))
    data = file.read()
    place = data.rfind(b"OggS")
    if place < 0:
        return True
    segments = data[place + 26]
    table = data[place + 27 : place + 27 + segments]
    complete = len(table) == segments and place + 27 + segments + sum(table) <= len(data)
    return not (complete and data[place + 5] & 4)


def _mp3(file: BinaryIO, size: int) -> bool:
    """A Xing/Info header in the first frame counts the bytes of the stream."""
    data = file.read(10)
    tag = 0
    if data[:3] == b"ID3":
        tag = 10 + sum((byte & 127) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    file.seek(tag)
    data = file.read(4096)
    place = max(data.find(b"Xing"), data.find(b"Info"))
    if place < 0:
        return False
    (flags,) = struct.unpack(">I", data[place + 4 : place + 8])
    if not flags & 2:
        return False
    at = place + 8 + (4 if flags & 1 else 0)
    (declared,) = struct.unpack(">I", data[at : at + 4])
    return tag + declared > size + _SLACK


_CHECKS: dict[Format, Callable[[BinaryIO, int], bool]] = {
    WAV: _wav,
    MP4: _mp4,
    MATROSKA: _matroska,
    WEBM: _matroska,
    OGG: _ogg,
    MP3: _mp3,
}
