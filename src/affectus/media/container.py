"""One door to FFmpeg: open a container by its known format, pick streams, walk decoded frames past damage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from affectus.errors import AffectusError, FileError
from affectus.media.faults import FaultSpans
from affectus.media.files import check_file
from affectus.media.signature import identify

THREADS = min(4, os.cpu_count() or 1)
"""Decoder threads: frame threading helps video, more than a few only cost memory."""

_DEMUX_RETRIES = 16  # a demuxer can often go on behind a damaged place; not for ever


@contextmanager
def opened(path: Path | str) -> Iterator[Any]:
    """Open a sound or video file as `av.container.InputContainer`.

    The demuxer is chosen by the content, never guessed by FFmpeg, and only local files can be reached: a playlist under
    a false name opens no connection.

    Raises:
        FileError: If the file can't be opened or holds no sound or video; also for errors of FFmpeg inside the block.
    """
    import av
    import av.logging

    path = check_file(path)
    form = identify(path)
    if form.demuxer is None:
        raise FileError(f"{str(path)!r} holds {form.noun}", allowed="sound or video", remedy="give a media file")
    av.logging.set_level(None)  # FFmpeg would write to stderr; what matters comes back as faults
    try:
        with av.open(
            f"file:{path}",
            format=form.demuxer,
            container_options={"protocol_whitelist": "file"},
            metadata_errors="ignore",
        ) as container:
            yield container
    except AffectusError:
        raise
    except decode_errors() as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise FileError(
            f"can't decode {str(path)!r} ({form.noun}): {reason}",
            remedy="the file is damaged or cut off; copy or export it again",
        ) from error


def decode_errors() -> tuple[type[BaseException], ...]:
    """What PyAV raises on damaged data."""
    import av

    return (av.FFmpegError, ValueError, OSError, EOFError, RuntimeError, ArithmeticError, LookupError, MemoryError)


def audio_stream(container: Any) -> Any | None:
    """The sound that a player would choose, or None."""
    return _best([s for s in container.streams.audio if s.codec_context is not None])


def video_stream(container: Any) -> Any | None:
    """The first moving picture, or None; cover art and thumbnails are no video."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails
    return _best([s for s in container.streams.video if s.codec_context is not None and not s.disposition & still])


def _best(streams: list[Any]) -> Any | None:
    from av.stream import Disposition

    return next((s for s in streams if s.disposition & Disposition.default), streams[0] if streams else None)


def origin(container: Any) -> Fraction:
    """Time stamp (seconds) of the file's second zero, common to all streams.

    Players start at the earliest stream. Time stamps below zero belong to codec warm-up and are not played.
    """
    return max(Fraction(container.start_time or 0, 1_000_000), Fraction(0))


def limit_threads(stream: Any) -> None:
    """Bound the decoder's threads."""
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = THREADS


def decoded(
    container: Any, stream: Any, zero: Fraction, broken: FaultSpans, skip_until: Fraction | None = None
) -> Iterator[Any]:
    """Frames of a stream in order; broken packets are passed over and noted.

    Args:
        container: Open container, at the place to read from.
        stream: One of its streams.
        zero: The container's `origin`.
        broken: Receives the times of undecodable packets.
        skip_until: Leave packets that end before this second undecoded (a seek for formats that can't seek exactly).
    """
    errors = decode_errors()
    clock = 0.0
    for _ in range(_DEMUX_RETRIES):
        try:
            for packet in container.demux(stream):
                if packet.pts is not None and packet.time_base:
                    time = packet.pts * packet.time_base - zero
                    if skip_until is not None and time < skip_until:
                        continue
                    clock = max(0.0, float(time))
                try:
                    frames = packet.decode()
                except EOFError:
                    return
                except errors:
                    broken.add(clock, clock + float((packet.duration or 0) * (packet.time_base or 0)))
                    continue
                yield from frames
            return
        except EOFError:
            return
        except errors:
            broken.add(clock, clock)


def frame_time(frame: Any, zero: Fraction) -> Fraction | None:
    """Presentation time of a frame in seconds since the file's start, or None if it has none."""
    if frame.pts is None or not frame.time_base:
        return None
    return frame.pts * frame.time_base - zero
