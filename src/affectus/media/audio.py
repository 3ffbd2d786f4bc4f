"""Sound of any file as mono float32 at the rate that is asked for, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from affectus.errors import FileError, InputError
from affectus.media.container import audio_stream, decoded, frame_time, limit_threads, opened, origin
from affectus.media.faults import Fault, FaultSpans
from affectus.media.integrity import declared_duration, truncation
from affectus.media.pcm import SignalCheck, downmix_weights, planar, to_float
from affectus.media.resampling import HIGHEST, LOWEST, Grid, check_rate

_PREROLL = Fraction(
    1
)  # seconds decoded before the range: codecs need up to 0.1 s to settle, the resampler's grid up to 1 s
_JITTER = 0.1  # seconds that time stamps may wander before the sound is moved
_BATCH = 0.5  # seconds of stored sound that are converted at once
_LONGEST_GAP = 600.0  # seconds; a larger jump in a file of unknown length is a broken time stamp


def read_wave(
    path: Path | str,
    rate: int = 16_000,
    start: float = 0.0,
    end: float | None = None,
    faults: list[Fault] | None = None,
) -> np.ndarray:
    """A stretch of sound.

    Args:
        path: Sound or video file.
        rate: Sampling rate of the result, Hz.
        start: First second, counted from the file's start.
        end: Last second, half-open; None is the file's end, and so is any later time.
        faults: Receives what is wrong with the sound (`Fault`).

    Returns:
        (round(end · rate) − round(start · rate),) float32 in [-1, 1], mono; shorter where the file ends.

    Raises:
        FileError: If there is no sound or none of it can be decoded.
        InputError: If the range is impossible or begins behind the end.
    """
    pieces = [wave for _, wave in blocks(path, rate, start=start, end=end, faults=faults)]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def blocks(
    path: Path | str,
    rate: int = 16_000,
    seconds: float = 30.0,
    start: float = 0.0,
    end: float | None = None,
    faults: list[Fault] | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """Sound in blocks, for files of any length.

    Several channels become one by `pcm.downmix_weights`. Where packets can't be decoded or nothing was recorded, zeros
    stand, so that times stay right, and a fault says so.

    Args:
        path: Sound or video file.
        rate: Sampling rate of the result, Hz.
        seconds: Length of a block; the last is shorter.
        start: First second, counted from the file's start.
        end: Last second, half-open.
        faults: Receives what is wrong with the sound; complete when the iterator ends.

    Yields:
        Time of the first sample in seconds, and (samples,) float32 in [-1, 1]. Concatenated they equal `read_wave`.

    Raises:
        FileError: If there is no sound or none of it can be decoded.
        InputError: If the range is impossible or begins behind the end.
    """
    check_rate(rate)
    check_range(start, end)
    if not seconds > 0 or round(seconds * rate) < 1:
        raise InputError(f"blocks of {seconds!r} s", allowed="at least one sample", remedy="pass seconds=30")
    return _blocks(Path(path), rate, round(seconds * rate), start, end, faults)


def check_range(start: float, end: float | None) -> None:
    """Raise `InputError` unless 0 ≤ start < end (seconds, finite)."""
    if not (math.isfinite(start) and start >= 0 and (end is None or (end > start and not math.isnan(end)))):
        raise InputError(
            f"the range {start!r}–{end!r} s", allowed="0 ≤ start < end", remedy="give seconds from the file's start"
        )


def _blocks(
    path: Path, rate: int, size: int, start: float, end: float | None, faults: list[Fault] | None
) -> Iterator[tuple[float, np.ndarray]]:
    end = None if end is None or math.isinf(end) else end
    done = round(start * rate)
    for block in _rebatch(_Reading(path, rate, start, end, faults).pieces(), size):
        yield done / rate, block
        done += block.size


def _rebatch(pieces: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    held: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        while count + piece.size >= size:
            cut = size - count
            yield np.concatenate([*held, piece[:cut]])
            piece, held, count = piece[cut:], [], 0
        if piece.size:
            held.append(piece)
            count += piece.size
    if held:
        yield np.concatenate(held)


def _packet_raster(container: Any, stream: Any) -> tuple[int, int] | None:
    """Where packets begin when time stamps are coarser than samples (Matroska counts milliseconds).

    Returns:
        A packet's first index modulo the samples of a packet, and these samples; None if the stamps are exact.
    """
    zero = origin(container)
    rate = stream.codec_context.sample_rate
    if stream.time_base * rate <= 1 or stream.codec_context.name == "vorbis":  # Vorbis packets differ in length
        return None
    first, second = islice(chain(decoded(container, stream, zero, FaultSpans("", "")), (None, None)), 2)
    if first is None or second is None or not second.samples or first.sample_rate != rate:
        return None
    begin = round((frame_time(first, zero) or Fraction(0)) * rate)
    return (begin + first.samples) % second.samples, second.samples


class _SeekTooFar(Exception):
    """The container's seek landed behind the wanted place."""


class _Reading:
    """One pass over the sound of a file."""

    def __init__(self, path: Path, rate: int, start: float, end: float | None, faults: list[Fault] | None) -> None:
        self.path, self.rate, self.start, self.end = path, rate, start, end
        self.faults = faults if faults is not None else []

    def pieces(self) -> Iterator[np.ndarray]:
        """Output samples of the range in pieces of any length."""
        try:
            yield from self._pass(seek=self.start > _PREROLL)
        except _SeekTooFar:
            yield from self._pass(seek=False)

    def _pass(self, seek: bool) -> Iterator[np.ndarray]:
        with opened(self.path) as container:
            stream = audio_stream(container)
            if stream is None:
                raise FileError(f"{str(self.path)!r} holds no sound", remedy="give a file with an audio track")
            limit_threads(stream)
            broken = FaultSpans("broken-audio", "packets could not be decoded")
            raster = _packet_raster(container, stream) if seek else None
            frames = self._frames(container, stream, broken, seek)
            first = next(frames, None)
            if first is None:
                raise self._nothing(container, stream, broken)
            stored = first.sample_rate
            if not LOWEST <= stored <= HIGHEST:
                raise FileError(
                    f"{str(self.path)!r} says its sampling rate is {stored} Hz", allowed=f"{LOWEST}–{HIGHEST} Hz"
                )
            grid = Grid(stored, self.rate, self.start, self.end)
            source = _Track(
                first, frames, grid, origin(container), broken, declared_duration(container, stream), seek, raster
            )
            given = 0
            for piece in grid.run(source.chunks()):
                given += piece.size
                yield piece
            self._conclude(container, stream, source, broken, given)

    def _frames(self, container: Any, stream: Any, broken: FaultSpans, seek: bool) -> Iterator[Any]:
        zero, skip = origin(container), None
        if seek:
            target = Fraction(self.start) - _PREROLL
            if container.format.name == "mp3":
                skip = target  # FFmpeg's seek in MP3 is a guess; walking over the packets is exact and quick
            else:
                container.seek(int((target + zero) / stream.time_base), stream=stream, backward=True)
        return decoded(container, stream, zero, broken, skip)

    def _nothing(self, container: Any, stream: Any, broken: FaultSpans) -> Exception:
        known = declared_duration(container, stream)
        if not broken and self.start > 0 and (known is None or self.start >= known - 1):
            return self._behind_end(known)
        why = "no packet of its sound can be decoded" if broken else "it holds no audio samples (zero length)"
        return FileError(f"can't read {str(self.path)!r}: {why}", remedy="record or export the file again")

    def _behind_end(self, length: float | None) -> InputError:
        last = f"0–{length:.3f} s" if length else "times within the file"
        return InputError(f"the range from {self.start:g} s lies behind the end of {str(self.path)!r}", allowed=last)

    def _conclude(self, container: Any, stream: Any, source: _Track, broken: FaultSpans, given: int) -> None:
        if not given:
            raise self._behind_end(source.length)
        self.faults += source.check.faults() + source.gaps.faults() + source.jumps.faults() + broken.faults()
        self.faults += truncation(self.path, container, stream, source.length, self.end)


class _Track:
    """Frames with time stamps → an unbroken line of mono samples from `grid.begin` on."""

    def __init__(
        self,
        first: Any,
        frames: Iterator[Any],
        grid: Grid,
        zero: Fraction,
        broken: FaultSpans,
        known: float | None,
        strict: bool,
        raster: tuple[int, int] | None,
    ) -> None:
        self.first, self.frames, self.grid, self.zero = first, frames, grid, zero
        self.broken, self.known, self.strict, self.raster = broken, known, strict, raster
        self.rate = grid.rate
        self.check = SignalCheck(grid.rate)
        self.gaps = FaultSpans("gap", "stretches without sound, filled with zeros")
        self.jumps = FaultSpans("timestamps", "jumps of the time stamps, ignored")
        self.position: int | None = None  # index of the next stored sample
        self._shift = 0  # samples by which later time stamps are moved after a jump that was ignored

    @property
    def length(self) -> float:
        """Seconds up to the end of what was decoded."""
        return (self.position or 0) / self.rate

    def chunks(self) -> Iterator[np.ndarray]:
        """Mono float32 from stored sample `grid.begin` until `grid.stop` or the end."""
        wanted = self.grid.begin
        for position, channels, weights in self._batches():
            if channels is None:  # a gap: `weights` is its length
                for offset in range(0, weights, self.rate):
                    count = min(self.rate, weights - offset)
                    yield from self._part(
                        np.zeros((1, count), np.float32), np.ones(1, np.float32), position + offset, wanted
                    )
            else:
                yield from self._part(to_float(channels), weights, position, wanted)
            if self.grid.stop is not None and self.position is not None and self.position >= self.grid.stop:
                return

    def _part(self, channels: np.ndarray, weights: np.ndarray, position: int, wanted: int) -> Iterator[np.ndarray]:
        stop = channels.shape[1] if self.grid.stop is None else self.grid.stop - position
        low = max(0, wanted - position)
        channels = channels[:, low : max(low, stop)]
        position += low
        if not channels.shape[1]:
            return
        # The filter's margin is decoded and mixed too, but only the range itself is judged.
        a, b = self.grid.stored()
        cuts = sorted({0, channels.shape[1], *(int(min(max(c - position, 0), channels.shape[1])) for c in (a, b))})
        for i, j in pairwise(cuts):
            judge = self.check if a <= position + i < b else SignalCheck(self.rate)
            yield judge.mix(channels[:, i:j], weights, position + i)

    def _batches(self) -> Iterator[tuple[int, np.ndarray | None, Any]]:
        """(position, (channels, samples), weights), or (position, None, samples) for a gap."""
        held: list[np.ndarray] = []
        layout: Any = None
        weights = np.ones(1, np.float32)
        begin = count = 0
        for frame in self._all():
            if frame.sample_rate != self.rate or not frame.samples:
                if frame.samples:
                    at = frame_time(frame, self.zero)
                    self.broken.add(
                        float(at or self.length), float(at or self.length) + frame.samples / frame.sample_rate
                    )
                continue
            drift = self._drift(frame)
            data = planar(frame)
            if drift < 0:
                data = data[:, -drift:]
            form = (frame.layout.name, data.dtype, data.shape[0])
            if held and (drift > 0 or form != layout or count >= _BATCH * self.rate):
                yield begin, np.concatenate(held, axis=1), weights
                held, count = [], 0
            if drift > 0:
                assert self.position is not None
                gap = self.position
                self.position += drift
                yield gap, None, drift
            if not held:
                assert self.position is not None
                begin, layout = self.position, form
                weights = downmix_weights(tuple(c.name for c in frame.layout.channels))
            if data.shape[1]:
                held.append(data)
                count += data.shape[1]
                self.position = (self.position or 0) + data.shape[1]
        if held:
            yield begin, np.concatenate(held, axis=1), weights

    def _all(self) -> Iterator[Any]:
        yield self.first
        yield from self.frames

    def _drift(self, frame: Any) -> int:
        """Samples from the end of the line to where a frame's time stamp puts it: > 0 a gap, < 0 an overlap."""
        time = frame_time(frame, self.zero)
        if self.position is None:
            return self._enter(time)
        if time is None:
            return 0
        drift = round(time * self.rate) + self._shift - self.position
        after_damage = self.broken.hit(self.length - 0.001, float(time) + 0.001)
        if abs(drift) <= (0.001 if after_damage else _JITTER) * self.rate:
            return 0
        seconds = drift / self.rate
        limit = self.known - self.length + 10.0 if self.known else _LONGEST_GAP
        if seconds > limit or seconds < -10.0:
            self.jumps.add(self.length, self.length)
            self._shift -= drift
            return 0
        if drift > 0 and not after_damage:
            self.gaps.add(self.length, self.length + seconds)
        return max(drift, -frame.samples)

    def _enter(self, time: Fraction | None) -> int:
        at = round((time or Fraction(0)) * self.rate)
        if self.raster:
            phase, size = self.raster
            nearest = round((at - phase) / size) * size + phase
            at = nearest if abs(nearest - at) <= 0.0015 * self.rate else at
        if self.strict and (time is None or at > self.grid.begin):
            raise _SeekTooFar
        if at <= self.grid.begin or (self.known and at / self.rate > self.known + 10.0):
            self.position = max(at, 0) if at <= self.grid.begin else 0
            return min(at, 0) if at > -1_000_000 else 0
        self.position = self.grid.begin  # the sound begins later than the file: nothing was recorded before
        if at - self.grid.begin > _JITTER * self.rate:
            self.gaps.add(self.grid.begin / self.rate, at / self.rate)
        return at - self.grid.begin
