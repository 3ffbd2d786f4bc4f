"""Pictures of a video with their presentation times, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from affectus.errors import FileError, InputError
from affectus.media.audio import check_range
from affectus.media.container import decoded, frame_time, limit_threads, opened, origin, video_stream
from affectus.media.faults import Fault, FaultSpans
from affectus.media.integrity import declared_duration, truncation

MAX_PIXELS = 2**26
"""Largest picture of a video that is decoded: 8192 × 8192."""

_DEFAULT_INTERVAL = Fraction(1, 25)  # seconds between frames when the file does not tell
_LONGEST_GAP = 600  # seconds; a larger jump in a file of unknown length is a broken time stamp


def frames(
    path: Path | str,
    fps: float | None = None,
    start: float = 0.0,
    end: float | None = None,
    size: tuple[int, int] | None = None,
    faults: list[Fault] | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """Pictures of a video, upright and with square pixels.

    Times are seconds from the file's start, the same zero as `read_wave`. With `fps`, the grid k / fps (k whole,
    whatever `start` is) is walked and each point gets the frame that is shown nearest to it, also when the frame rate
    varies; without, every frame comes with its own time. Undecodable frames are left out, and so are grid points that
    only they would have served.

    Args:
        path: Video file.
        fps: Pictures a second that are wanted; None takes all that are stored.
        start: First second.
        end: Last second, half-open; None is the end.
        size: (width, height) to scale to; None keeps the shown size.
        faults: Receives what is wrong (`broken-frames`, `timestamps`, `truncated`); complete when the iterator ends.

    Yields:
        Time in seconds and (h, w, 3) uint8 RGB.

    Raises:
        FileError: If there is no video or none of it can be decoded.
        InputError: If the range, the rate or the size is impossible, or the range begins behind the end.
    """
    check_range(start, end)
    if fps is not None and not (math.isfinite(fps) and 0 < fps <= 1000):
        raise InputError(f"fps is {fps!r}", allowed="above 0, up to 1000, or None for all frames")
    if size is not None and (len(size) != 2 or min(size) < 1 or size[0] * size[1] > MAX_PIXELS):
        raise InputError(f"size is {size!r}", allowed="(width, height), each at least 1")
    return _Reading(Path(path), fps, start, end, size, faults if faults is not None else []).run()


def shown_size(stream: Any, rotation: int) -> tuple[int, int]:
    """(width, height) of a stream's pictures after rotation (degrees) and with square pixels."""
    width, height = stream.codec_context.width, stream.codec_context.height
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if Fraction(1, 4) <= aspect <= 4:
        width = max(1, round(width * aspect))
    return (height, width) if rotation % 180 == 90 else (width, height)


_Pass: TypeAlias = Generator[tuple[float, np.ndarray], None, Fraction]
"""Pictures, and at the end the time of the last one."""


class _SeekTooFar(Exception):
    """The container's seek landed behind the wanted place."""


class _Picture:
    """A decoded frame that becomes an array when it is asked for."""

    def __init__(self, frame: Any, time: Fraction, size: tuple[int, int] | None, stream: Any) -> None:
        self.frame, self.time = frame, time
        self._size, self._stream = size, stream

    def array(self) -> np.ndarray:
        rotation = self.frame.rotation % 360
        width, height = self._size or shown_size(self._stream, rotation)
        if rotation % 180 == 90:
            width, height = height, width
        options = {} if (width, height) == (self.frame.width, self.frame.height) else {"interpolation": "AREA"}
        stored = self.frame.to_ndarray(format="rgb24", width=width, height=height, **options)
        return np.ascontiguousarray(np.rot90(stored, round(rotation / 90) % 4))


class _Reading:
    """One pass over the pictures of a file."""

    def __init__(
        self,
        path: Path,
        fps: float | None,
        start: float,
        end: float | None,
        size: tuple[int, int] | None,
        faults: list[Fault],
    ) -> None:
        self.path, self.size, self.faults = path, size, faults
        self.fps = None if fps is None else Fraction(fps)
        self.start = Fraction(start)
        self.end = None if end is None or math.isinf(end) else Fraction(end)
        self.interval = _DEFAULT_INTERVAL
        self.broken = FaultSpans("broken-frames", "frames could not be decoded")
        self.jumps = FaultSpans("timestamps", "frames with impossible times, left out")

    def run(self) -> Iterator[tuple[float, np.ndarray]]:
        try:
            yield from self._pass(seek=self.start > 0)
        except _SeekTooFar:
            yield from self._pass(seek=False)

    def _pass(self, seek: bool) -> Iterator[tuple[float, np.ndarray]]:
        with opened(self.path) as container:
            stream = video_stream(container)
            if stream is None:
                raise FileError(f"{str(self.path)!r} holds no video", remedy="give a file with pictures")
            context = stream.codec_context
            if context.width * context.height > MAX_PIXELS:
                raise FileError(
                    f"pictures of {str(self.path)!r} measure {context.width}×{context.height}",
                    allowed=f"up to {MAX_PIXELS} pixels",
                )
            limit_threads(stream)
            rate = stream.average_rate or stream.guessed_rate
            if rate and Fraction(1, 10) <= rate <= 1000:
                self.interval = 1 / Fraction(rate)
            zero = origin(container)
            if seek:
                container.seek(math.floor((self.start + zero) / stream.time_base), stream=stream, backward=True)
            known = declared_duration(container, stream)
            pictures = self._pictures(container, stream, zero, known)
            first = next(pictures, None)
            if first is None and seek:
                raise _SeekTooFar
            if first is None:
                raise FileError(
                    f"no picture of {str(self.path)!r} can be decoded", remedy="record or export the file again"
                )
            if seek and first.time > self.start:
                raise _SeekTooFar
            last = (
                yield from self._all(first, pictures) if self.fps is None else self._sampled(first, pictures, self.fps)
            )
            if last + self.interval <= self.start:
                raise InputError(
                    f"the range from {float(self.start):g} s lies behind the end of {str(self.path)!r}",
                    allowed=f"0–{float(last + self.interval):.3f} s",
                )
            self.faults += self.broken.faults() + self.jumps.faults()
            wanted = None if self.end is None else float(self.end)
            if self.end is None or last + self.interval < self.end:
                self.faults += truncation(self.path, container, stream, float(last + self.interval), wanted)

    def _pictures(self, container: Any, stream: Any, zero: Fraction, known: float | None) -> Iterator[_Picture]:
        """Decodable frames with rising times."""
        previous: Fraction | None = None
        for frame in decoded(container, stream, zero, self.broken):
            time = frame_time(frame, zero)
            if time is None:
                time = Fraction(0) if previous is None else previous + self.interval
            if frame.is_corrupt:
                self.broken.add(float(time), float(time + self.interval))
                continue
            limit = known + 10 if known is not None else (previous or Fraction(0)) + _LONGEST_GAP
            if (previous is not None and time < previous) or time > max(limit, self.start + _LONGEST_GAP):
                self.jumps.add(float(previous or 0), float(previous or 0))
                continue
            if time == previous or time < 0:
                continue
            previous = time
            yield _Picture(frame, time, self.size, stream)

    def _behind(self, time: float) -> bool:
        return self.end is not None and time >= float(self.end)

    def _all(self, first: _Picture, rest: Iterator[_Picture]) -> _Pass:
        last = first.time
        for picture in _chain(first, rest):
            time = float(picture.time)
            if self._behind(time):
                break
            last = picture.time
            if time >= float(self.start):
                yield time, picture.array()
        return last

    def _sampled(self, first: _Picture, rest: Iterator[_Picture], fps: Fraction) -> _Pass:
        entry = float(max(self.start, first.time - self.interval))
        k = math.ceil(entry * fps)
        if k > 0 and float((k - 1) / fps) >= entry:
            k -= 1  # 0.1 as a float lies a little above 1/10, and is meant to be it
        held = first
        for picture in rest:
            damaged = self.broken.hit(float(held.time), float(picture.time))
            middle = (held.time + picture.time) / 2
            served: np.ndarray | None = None
            while (point := k / fps) <= middle:
                if self._behind(float(point)):
                    return held.time
                if not damaged or abs(point - held.time) <= self.interval:
                    served = held.array() if served is None else served.copy()
                    yield float(point), served
                k += 1
            if damaged:
                k = max(k, math.ceil((picture.time - self.interval) * fps))
            held = picture
        served = None
        while (point := k / fps) < held.time + self.interval and not self._behind(float(point)):
            served = held.array() if served is None else served.copy()
            yield float(point), served
            k += 1
        return held.time


def _chain(first: _Picture, rest: Iterator[_Picture]) -> Iterator[_Picture]:
    yield first
    yield from rest
