"""What is in a media file, without decoding all of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from affectus.errors import FileError
from affectus.media.container import audio_stream, decoded, opened, origin, video_stream
from affectus.media.faults import FaultSpans
from affectus.media.integrity import declared_duration


@dataclass(frozen=True)
class AudioInfo:
    """A track of sound: sampling rate (Hz), channels, length (seconds, None if the file does not say), codec."""

    rate: int
    channels: int
    duration: float | None
    codec: str


@dataclass(frozen=True)
class VideoInfo:
    """A track of pictures, as shown: after rotation and with square pixels.

    Args:
        width: Pixels.
        height: Pixels.
        fps: Average frames a second, None if unknown.
        frames: Number of frames, None if the file does not say.
        duration: Seconds, None if the file does not say.
        rotation: Degrees counter-clockwise by which the stored picture is turned for showing (0, 90, 180, 270).
        codec: FFmpeg's name.
    """

    width: int
    height: int
    fps: float | None
    frames: int | None
    duration: float | None
    rotation: int
    codec: str


@dataclass(frozen=True)
class MediaInfo:
    """Tracks of a file; a track that is not there is None."""

    audio: AudioInfo | None
    video: VideoInfo | None

    @property
    def duration(self) -> float | None:
        """Seconds of the longer track, None if unknown."""
        known = [t.duration for t in (self.audio, self.video) if t is not None and t.duration is not None]
        return max(known, default=None)


def probe(path: Path | str) -> MediaInfo:
    """Tracks of a sound or video file.

    Raises:
        FileError: If it can't be opened or has neither sound nor pictures.
    """
    with opened(path) as container:
        audio, video = audio_stream(container), video_stream(container)
        if audio is None and video is None:
            raise FileError(f"{str(path)!r} holds neither sound nor pictures", remedy="record or export the file again")
        return MediaInfo(
            _audio_info(container, audio) if audio is not None else None,
            _video_info(container, video) if video is not None else None,
        )


def _audio_info(container: Any, stream: Any) -> AudioInfo:
    context = stream.codec_context
    return AudioInfo(context.sample_rate, context.channels, declared_duration(container, stream), context.name)


def _video_info(container: Any, stream: Any) -> VideoInfo:
    from affectus.media.video import shown_size

    first = next(decoded(container, stream, origin(container), FaultSpans("broken-frames", "")), None)
    rotation = first.rotation % 360 if first is not None else 0
    width, height = shown_size(stream, rotation)
    rate: Fraction | None = stream.average_rate or stream.guessed_rate
    return VideoInfo(
        width,
        height,
        float(rate) if rate else None,
        stream.frames or None,
        declared_duration(container, stream),
        rotation,
        stream.codec_context.name,
    )
