"""Mono sound into files, alone or in place of the sound of a film. No tags are written: they may hold names."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from affectus.errors import FileError, InputError
from affectus.media.container import opened, origin

_SOUND = {
    ".wav": ("wav", "pcm_s16le"),
    ".flac": ("flac", "flac"),
    ".mp3": ("mp3", "libmp3lame"),
    ".ogg": ("ogg", "libopus"),
    ".opus": ("ogg", "libopus"),
    ".m4a": ("ipod", "aac"),
}
_FILM = {
    ".mp4": ("mp4", "aac"),
    ".mov": ("mov", "aac"),
    ".mkv": ("matroska", "aac"),
    ".webm": ("webm", "libopus"),
}


def check_target(path: Path, film: bool) -> None:
    """Raise `InputError` unless sound (or a film) can be written under this suffix."""
    known = _FILM if film else _SOUND
    if path.suffix.lower() not in known:
        what = "a film" if film else "sound"
        raise InputError(f"{what} can't be written to {path.name!r}", allowed=f"a name that ends in {' '.join(known)}")


def write_sound(file: IO[bytes], suffix: str, chunks: Iterable[np.ndarray], rate: int) -> None:
    """Write a file of sound.

    Args:
        file: Binary, open for writing, seekable.
        suffix: Which decides on the format: .wav .flac .mp3 .ogg .opus .m4a.
        chunks: (samples,) int16 each.
        rate: Hz.
    """
    form, codec = _SOUND[suffix.lower()]
    if form == "wav":
        with wave.open(file, "wb") as sink:
            sink.setnchannels(1)
            sink.setsampwidth(2)
            sink.setframerate(rate)
            for chunk in chunks:
                sink.writeframesraw(chunk.astype("<i2").tobytes())
        return
    import av

    with av.open(file, "w", format=form) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        for packet in encoded(stream, chunks, rate):
            out.mux(packet)


def replace_sound(source: Path, file: IO[bytes], suffix: str, chunks: Iterable[np.ndarray], rate: int) -> None:
    """Write a film with the picture of another, packet by packet as it is, and other sound; nothing else is kept.

    Args:
        source: Film whose picture is taken.
        file: Binary, open for writing, seekable.
        suffix: .mp4 .mov .mkv .webm.
        chunks: (samples,) int16 each, from the film's first second on.
        rate: Hz.

    Raises:
        FileError: If the picture does not go into such a file.
    """
    import av

    form, codec = _FILM[suffix.lower()]
    with opened(source) as film:
        picture = film.streams.video[0]
        shift = int(origin(film) / picture.time_base)
        with av.open(file, "w", format=form) as out:
            try:
                kept = out.add_stream_from_template(picture)
            except (ValueError, av.FFmpegError) as error:
                raise FileError(
                    f"the picture of {str(source)!r} does not go into a {suffix} file ({error})",
                    remedy=f"name the copy with the suffix of the film, {source.suffix}",
                ) from error
            kept.metadata.clear()
            sound = out.add_stream(codec, rate=rate, layout="mono")
            heard = encoded(sound, chunks, rate)
            ahead = next(heard, None)
            for packet in film.demux(picture):
                if packet.dts is None:
                    continue
                while ahead is not None and _seconds(ahead) <= _seconds(packet) - shift * picture.time_base:
                    out.mux(ahead)
                    ahead = next(heard, None)
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts -= shift
                packet.stream = kept
                out.mux(packet)
            while ahead is not None:
                out.mux(ahead)
                ahead = next(heard, None)


def _seconds(packet: Any) -> Any:
    return (packet.dts if packet.dts is not None else packet.pts or 0) * packet.time_base


def encoded(stream: Any, chunks: Iterable[np.ndarray], rate: int) -> Iterator[Any]:
    """Packets of an open stream from chunks (samples,) int16 at `rate` Hz, the codec's last ones included."""
    import av

    resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=stream.codec_context.rate)
    at = 0
    for chunk in chunks:
        frame = av.AudioFrame.from_ndarray(chunk[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, at
        at += len(chunk)
        for part in resampler.resample(frame):
            yield from stream.encode(part)
    for part in resampler.resample(None):
        yield from stream.encode(part)
    yield from stream.encode(None)
