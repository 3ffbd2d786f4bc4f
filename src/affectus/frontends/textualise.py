"""What a clip shows, how it sounds and what is said, as one text that any language model reads.

The rules are those of the text approach of Richet et al. (2024), "Textualized and Feature-based Models for Compound
Multimodal Emotion Recognition in the Wild", ECCV workshops, arXiv:2407.12927: names of the active action units and the
three highest expressions, words of the voice, and its arousal, dominance and valence. The wording of the text is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np

from affectus.errors import InputError
from affectus.sample import Sample
from affectus.taxonomy import scale

Part = Literal["words", "face", "voice"]
Levels = Literal["numbers", "names"]
PARTS: tuple[Part, ...] = get_args(Part)

ACTIVE = 0.5  # an action unit is active above it
HIGH = 0.3  # a quality of the voice is high above it, else low
MIDDLE = 0.5  # a level is high from it upwards, once rounded
TOP = 3  # expressions that are named
SPOKEN = 10  # qualities of the voice that are named
AROUND = 2.0  # seconds before and after a clip in which its voice is looked for
HOP = 10  # frames of a training window, and frames to either side of one that is read

UNITS: Mapping[str, str] = {
    "AU01": "Inner Brow Raiser",
    "AU02": "Outer Brow Raiser",
    "AU04": "Brow Lowerer",
    "AU05": "Upper Lid Raiser",
    "AU06": "Cheek Raiser",
    "AU07": "Lid Tightener",
    "AU09": "Nose Wrinkler",
    "AU10": "Upper Lip Raiser",
    "AU11": "Nasolabial Deepener",
    "AU12": "Lip Corner Puller",
    "AU14": "Dimpler",
    "AU15": "Lip Corner Depressor",
    "AU17": "Chin Raiser",
    "AU20": "Lip Stretcher",
    "AU23": "Lip Tightener",
    "AU24": "Lip Pressor",
    "AU25": "Lip Part",
    "AU26": "Jaw Drop",
    "AU28": "Lip Suck",
    "AU43": "Eyes Closed",
}
"""Labels of the scale `facs-au` → what they are called in texts."""

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""Expressions in the order of py-feat, by which ties are broken."""

LEVELS = scale("arousal-dominance-valence").labels


class Quality(NamedTuple):
    """How a stretch of speech sounds in one respect.

    Args:
        name: For example `pitch`.
        score: In [0, 1].
        start: Seconds.
        end: Seconds.
    """

    name: str
    score: float
    start: float = 0.0
    end: float = 0.0


@dataclass(frozen=True)
class Face:
    """What a text says of a face.

    Args:
        detected: Whether it says anything.
        units: Names of the active action units.
        expressions: Names of the highest expressions, highest first.
    """

    detected: bool
    units: tuple[str, ...]
    expressions: tuple[str, ...]


@dataclass(frozen=True)
class Cues:
    """All that a text is made of; None is a part that is not spoken of.

    Args:
        words: What is said.
        face: What is seen.
        voice: `High pitch`, `Low loudness`, …; empty where nobody speaks.
        affect: Arousal, dominance and valence, rounded to hundredths.
    """

    words: str | None = None
    face: Face | None = None
    voice: tuple[str, ...] | None = None
    affect: Mapping[str, float] | None = None

    def text(self, levels: Levels = "numbers") -> str:
        """One sentence a part, in the order words, face, voice, levels.

        Args:
            levels: Whether arousal, dominance and valence are written as numbers or as High and Low.
        """
        told = []
        if self.words is not None:
            told.append(f"Words: {self.words.strip()}" if self.words.strip() else "No words were understood.")
        if self.face is not None:
            told.append(_told(self.face))
        if self.voice is not None:
            told.append(f"Voice: {', '.join(self.voice)}." if self.voice else "No speech was heard.")
        if self.affect is not None:
            numbers = levels == "numbers"
            given = [f"{name} {value if numbers else level(value)}" for name, value in self.affect.items()]
            told.append(f"Mood: {', '.join(given)}{' on a scale from 0 to 1' if numbers else ''}.")
        return "\n".join(told)


def _told(face: Face) -> str:
    if not face.detected:
        return "No face was detected."
    looks = f" It looks most like {', '.join(face.expressions)}." if face.expressions else ""
    return f"Face: {', '.join(face.units) or 'nothing moves'}.{looks}"


# -- the rules ---------------------------------------------------------------------------------------------------------
def face_cues(units: np.ndarray, expressions: np.ndarray, *, neutral_face: bool = False) -> Face:
    """What is said of a face: the highest value of each column over the frames counts.

    Args:
        units: (t, 20) or (20,) on `facs-au`; NaN is a unit that was not looked for, and never active.
        expressions: (t, 7) or (7,) in the order of `EXPRESSIONS`.
        neutral_face: Whether a face without an active unit is told by its expressions; in the original it counts as no
            face.
    """
    moving = _highest(units, len(UNITS), "action units")
    looks = _highest(expressions, len(EXPRESSIONS), "expressions")
    active = tuple(name for name, value in zip(UNITS.values(), moving, strict=True) if value > ACTIVE)
    if not looks.any() or not (active or neutral_face):
        return Face(bool(active), active, ())
    top = np.argsort(-looks, kind="stable")[:TOP]
    return Face(True, active, tuple(EXPRESSIONS[i] for i in top))


def _highest(values: np.ndarray, columns: int, what: str) -> np.ndarray:
    table = np.atleast_2d(np.asarray(values, float))
    if table.ndim != 2 or table.shape[1] != columns:
        raise InputError(f"{what} have shape {np.shape(values)}", allowed=f"(frames, {columns}) or ({columns},)")
    return np.where(np.isnan(table), 0.0, table).max(0, initial=0.0)


def loudest(qualities: Sequence[Quality], start: float, end: float) -> list[Quality]:
    """The ten qualities with the highest scores of speech that touches a stretch or the two seconds around it.

    Args:
        qualities: Of all speech of a file.
        start: Seconds.
        end: Seconds.
    """
    near = [q for q in qualities if q.start <= end + AROUND and q.end >= start - AROUND]
    return sorted(near, key=lambda quality: -quality.score)[:SPOKEN]


def voice_words(qualities: Sequence[Quality]) -> tuple[str, ...]:
    """`High name` for a score above 0.3, else `Low name`, in the order given."""
    return tuple(f"{'High' if quality.score > HIGH else 'Low'} {quality.name}" for quality in qualities)


def level(value: float) -> str:
    """`High` or `Low`, of a value that was rounded."""
    return "High" if value >= MIDDLE else "Low"


def affect_levels(values: np.ndarray) -> dict[str, float]:
    """Arousal, dominance and valence by name, rounded to hundredths; what is NaN is left out.

    Args:
        values: (3,) on `arousal-dominance-valence`.
    """
    return {name: round(float(v), 2) for name, v in zip(LEVELS, values, strict=True) if not np.isnan(v)}


# -- samples -----------------------------------------------------------------------------------------------------------
def cues(sample: Sample, parts: Sequence[Part] = PARTS, *, neutral_face: bool = False) -> Cues:
    """The cues of a sample, from its text and these features, each of which may be missing.

    `action_units` (t, 20) and `expressions` (t, 7), see `face_cues`; `voice_names` (m,) strings and `voice_scores`
    (m,), where none at all mean that nobody speaks; `affect` (3,), see `affect_levels`.

    Args:
        sample: The sample.
        parts: What is told; `voice` also takes in `affect`. A part that the sample lacks altogether is not spoken of.
        neutral_face: As in `face_cues`.
    """
    given = sample.features
    face = voice = affect = None
    if "face" in parts and "action_units" in given:
        looks = given.get("expressions", np.zeros(len(EXPRESSIONS)))
        face = face_cues(given["action_units"], looks, neutral_face=neutral_face)
    if "voice" in parts and "voice_names" in given:
        pairs = zip(given["voice_names"], given["voice_scores"], strict=True)
        voice = voice_words([Quality(str(name), float(score)) for name, score in pairs])
    if "voice" in parts and "affect" in given:
        affect = affect_levels(given["affect"]) or None
    return Cues(sample.text if "words" in parts else None, face, voice, affect)


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip with cues in time, from which the samples that are read are cut.

    Args:
        sample: What its samples are made after: text, gold, groups; `affect` may be among its features.
        times: (t,) seconds of the frames within the source.
        units: (t, 20), see `face_cues`; None where nothing was looked at.
        expressions: (t, 7), likewise.
        qualities: Of all speech of the file; None where nothing was listened to.
        end: Second within the source at which the clip ends.
    """

    sample: Sample
    times: np.ndarray
    units: np.ndarray | None
    expressions: np.ndarray | None
    qualities: tuple[Quality, ...] | None = None
    end: float | None = None

    def whole(self) -> Sample:
        """The clip as one sample."""
        return self._cut(slice(None), self.sample.id)

    def blocks(self, hop: int = HOP) -> Iterator[Sample]:
        """A sample for each ten frames one after the other, as in training; the last may hold fewer."""
        for number, first in enumerate(range(0, len(self.times), hop)):
            rows = slice(first, first + hop)
            yield self._cut(rows, f"{self.sample.id}#{number}", number, self._lasts(rows))

    def around(self, hop: int = HOP) -> Iterator[Sample]:
        """A sample for each frame, with ten frames to either side of it as far as there are any, as in evaluation."""
        for frame in range(len(self.times)):
            rows = slice(max(frame - hop, 0), frame + hop + 1)
            yield self._cut(rows, f"{self.sample.id}@{frame}", frame, self._lasts(slice(frame, frame + 1)))

    def _cut(
        self, rows: slice, name: str, number: int | None = None, lasts: tuple[float, float] | None = None
    ) -> Sample:
        """The sample of some frames; its voice is that of the whole clip."""
        features = dict(self.sample.features)
        if self.units is not None and self.expressions is not None:
            features |= {"action_units": self.units[rows], "expressions": self.expressions[rows]}
        start, end = self._lasts(slice(None)) if len(self.times) else (0.0, self.end or 0.0)
        if self.qualities is not None:
            heard = loudest(self.qualities, start, end)
            features["voice_names"] = np.array([quality.name for quality in heard], str)
            features["voice_scores"] = np.array([quality.score for quality in heard], np.float32)
        start, end = lasts or (start, end)
        return replace(self.sample, id=name, item=number, start=start, end=end, features=features)

    def _lasts(self, rows: slice) -> tuple[float, float]:
        """From when to when some frames are shown; each lasts until the next, the last one until the clip ends."""
        step = float(self.times[-1] - self.times[-2]) if len(self.times) > 1 else 0.0
        ends = np.append(self.times[1:], self.times[-1] + step if self.end is None else self.end)
        return float(self.times[rows][0]), float(ends[rows][-1])
