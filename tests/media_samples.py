"""Small media files made on the spot, for tests of every room.

The sound is a rising tone with a little noise, so that a shift by one sample shows; the video turns from black to red,
so that red tells the frame number, and has a white square top left and a green one bottom right.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

_AUDIO = {  # suffix → container, codec
    ".wav": ("wav", "pcm_s16le"),
    ".flac": ("flac", "flac"),
    ".mp3": ("mp3", "libmp3lame"),
    ".ogg": ("ogg", "libopus"),
    ".opus": ("ogg", "libopus"),
    ".m4a": ("ipod", "aac"),
    ".mp4": ("mp4", "aac"),
    ".mov": ("mov", "aac"),
    ".mkv": ("matroska", "aac"),
    ".webm": ("webm", "libopus"),
}
_VIDEO = {".mp4": "libx264", ".mov": "mpeg4", ".mkv": "libx264", ".webm": "libvpx-vp9"}
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def tone(seconds: float, rate: int, amplitude: float = 0.3, seed: int = 0) -> np.ndarray:
    """A tone that rises from 150 Hz by 100 Hz a second, with noise of a tenth of its height. (samples,) float32."""
    t = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(t.size)
    return (amplitude * np.sin(2 * np.pi * (150 + 50 * t) * t) + 0.1 * amplitude * noise).clip(-1, 1).astype(np.float32)


def make_wav(
    path: Path | str, seconds: float = 1.0, rate: int = 16_000, channels: int = 1, **options: Any
) -> np.ndarray:
    """Write a WAV file and return its samples, (channels, samples) float32. Options as `make_audio`."""
    return make_audio(path, seconds, rate, channels, **options)


def make_audio(
    path: Path | str,
    seconds: float = 1.0,
    rate: int = 16_000,
    channels: int = 1,
    wave: np.ndarray | None = None,
    codec: str | None = None,
    suffix: str | None = None,
) -> np.ndarray:
    """Write a sound file whose container and codec follow its suffix.

    Args:
        path: .wav .flac .mp3 .ogg .opus .m4a .mp4 .mov .mkv .webm.
        seconds: Length.
        rate: Hz; Opus knows 8, 12, 16, 24 and 48 kHz alone.
        channels: 1, 2 or 6 (5.1).
        wave: (channels, samples) or (samples,) float32 instead of the tone.
        codec: FFmpeg encoder instead of the usual one, for example "pcm_f32le".
        suffix: Container to write when it is not that of the path (for files with a false name).

    Returns:
        What was encoded, (channels, samples) float32.
    """
    container, usual = _AUDIO[suffix or Path(path).suffix]
    if wave is None:
        wave = np.stack([tone(seconds, rate, seed=c) for c in range(channels)])
    wave = np.atleast_2d(np.asarray(wave, np.float32))
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec or usual, rate=rate, layout=_LAYOUTS[len(wave)])
        _encode_wave(out, stream, wave, rate)
    return wave


def _encode_wave(out: Any, stream: Any, wave: np.ndarray, rate: int, first: int = 0) -> None:
    for i in range(0, wave.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(wave[:, i : i + 1024]), format="fltp", layout=_LAYOUTS[len(wave)]
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, first + i, Fraction(1, rate)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def make_video(
    path: Path | str,
    seconds: float = 1.0,
    fps: int = 25,
    size: tuple[int, int] = (160, 120),
    audio: bool = True,
    times: Iterable[float] | None = None,
    pictures: Iterable[np.ndarray] | None = None,
    codec: str | None = None,
    options: dict[str, str] | None = None,
    keyframes: int = 12,
    sound_from: float = 0.0,
) -> int:
    """Write a video and return the number of its frames.

    Args:
        path: .mp4 .mov .mkv .webm.
        seconds: Length.
        fps: Frames a second.
        size: (width, height), even numbers.
        audio: Whether it has a mono track of 48 kHz.
        times: Seconds of each frame (milliseconds are kept) instead of a constant rate.
        pictures: (h, w, 3) uint8 RGB for each frame instead of the pattern.
        codec: FFmpeg encoder instead of the usual one.
        options: Of the container, for example `{"movflags": "faststart"}`.
        keyframes: Frames from one keyframe to the next.
        sound_from: Second at which the sound begins.
    """
    path = Path(path)
    clock = (
        [round(1000 * t) for t in times]
        if times is not None
        else [round(1000 * i / fps) for i in range(round(seconds * fps))]
    )
    images = iter(pictures) if pictures is not None else (pattern(i, len(clock), size) for i in range(len(clock)))
    with av.open(str(path), "w", options=options or {}) as out:
        video = out.add_stream(codec or _VIDEO[path.suffix], rate=fps)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        video.codec_context.gop_size = keyframes
        sound = (
            out.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48_000, layout="mono")
            if audio
            else None
        )
        for time, image in zip(clock, images, strict=False):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            _encode_wave(out, sound, tone(seconds - sound_from, 48_000)[None], 48_000, round(sound_from * 48_000))
    return len(clock)


def pattern(index: int, count: int, size: tuple[int, int]) -> np.ndarray:
    """Frame `index` of the test video, (h, w, 3) uint8 RGB; red is 255 · index / count."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 0] = round(255 * index / count)
    image[: height // 4, : width // 4] = 255
    image[-height // 4 :, -width // 4 :] = (0, 255, 0)
    return image


def make_image(path: Path | str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: Any) -> np.ndarray:
    """Write a picture (format by suffix) with a gradient and return it as Pillow holds it before encoding.

    Args:
        path: .jpg .png .webp.
        size: (width, height).
        mode: Pillow's mode: RGB, RGBA, L, LA, P, CMYK, 1, I;16.
        options: Passed on to `Image.save`, for example `exif` or `quality`.
    """
    width, height = size
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([255 * x // max(1, width - 1), 255 * y // max(1, height - 1), np.full_like(x, 90)], axis=2).astype(
        np.uint8
    )
    if mode == "I;16":
        image = Image.fromarray(257 * rgb[:, :, 0].astype(np.uint16))
    elif mode in ("RGBA", "LA"):
        image = Image.fromarray(rgb).convert(mode)
        image.putalpha(Image.fromarray((255 * (x >= width // 2)).astype(np.uint8)))
    else:
        image = Image.fromarray(rgb).convert(mode)
    image.save(path, **options)
    return np.asarray(image)
