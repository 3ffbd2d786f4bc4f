"""A media file as a clip that can be told: face, voice and words by the readers of this library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from affectus.analysis.read import reader
from affectus.frontends.textualise import EXPRESSIONS, UNITS, Clip
from affectus.media import blocks, frames, probe
from affectus.sample import Sample
from affectus.taxonomy import map_scores

FPS = 10.0  # pictures a second that are looked at
FACES = "affectus/face-embedded"


def told(path: Path | str, *, fps: float = FPS, words: bool = True, faces: str = FACES) -> Clip:
    """A file as a clip of `affectus.frontends.textualise`: `told(path).whole()` is what `textualized-cer` reads.

    Action units come from the geometric coefficients of the face mesh by the map from `arkit-52` to `facs-au`: nine of
    the twenty (1, 2, 4, 10, 12, 15, 20, 24, 26), the others are NaN and never told. Of several faces in a picture the
    one that is surest counts. Qualities of the voice are those of `voice_qualities`. Arousal, dominance and valence are
    not told: no reader that is shipped gives them; set the feature `affect` where one of yours does.

    Args:
        path: Video or sound file.
        fps: Pictures a second.
        words: Whether speech is transcribed (English).
        faces: Reader of expressions.

    Raises:
        FileError: If the file is neither a video nor sound.
        AssetError: If a net is not on this machine.
    """
    place = Path(path)
    info = probe(place)
    qualities, text = _heard(place, words) if info.audio else (None, None)
    times, units, looks = _seen(place, fps, reader(faces)) if info.video else (np.zeros(0), None, None)
    return Clip(Sample(id=place.name, source=place.name, text=text), times, units, looks, qualities)


def _heard(place: Path, words: bool) -> tuple[Any, str | None]:
    from affectus.frontends.speech.transcript import Transcriber, sentences
    from affectus.frontends.speech.vad import SpeechDetector
    from affectus.frontends.voice_qualities import qualities_of

    spoken = list(SpeechDetector().spoken(blocks(place)))
    text = None
    if words:
        said = sentences(list(Transcriber().passages(iter(spoken)))) if spoken else []
        text = " ".join(sentence.text for sentence in said if sentence.readable)
    return qualities_of(spoken), text


def _seen(place: Path, fps: float, expressions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, action units and expressions of all frames; a frame without a face has zeros."""
    from affectus.frontends.faces import coefficients, track_faces

    times: list[float] = []
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    for frame in track_faces(frames(place, fps)):
        times.append(frame.time)
        if not frame.faces:
            rows.append((np.zeros(len(UNITS), np.float32), np.zeros(len(EXPRESSIONS), np.float32)))
            continue
        face = max(frame.faces, key=lambda face: face.score)
        moving = map_scores(coefficients(face.mesh), "arkit-52", "facs-au")[0]
        rows.append((moving, _looks(expressions, face.crop)))
    units = np.array([a for a, _ in rows], np.float32).reshape(-1, len(UNITS))
    return np.array(times), units, np.array([b for _, b in rows], np.float32).reshape(-1, len(EXPRESSIONS))


def _looks(expressions: Any, crop: np.ndarray) -> np.ndarray:
    """Expressions of a cut face in the order of `EXPRESSIONS`."""
    reading = expressions.read([Sample(id="face", source="face", features={"face": crop})])
    own = expressions.readouts[0].scale
    scores = map_scores(reading.scores(own), own, "ekman-6+neutral")[0]
    return np.nan_to_num(scores)  # anger, disgust, fear, joy, sadness, surprise, neutral: the same order
