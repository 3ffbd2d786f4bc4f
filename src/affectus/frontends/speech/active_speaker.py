"""Which face speaks: the mouth that moves with the sound.

A face scores high in a turn when its mouth opens as the voice gets louder, and when it moves more than it usually does.
Scores are summed over the whole recording, so that one doubtful turn does not decide; a speaker whose best face is not
clearly better than the next gets none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from affectus.errors import InputError
from affectus.frontends.speech.speakers import Turn

FPS = 25
"""Steps a second at which mouths and voices are compared."""
_SMOOTH = 3  # steps of the moving average, 0.12 s: a syllable lasts about 0.2 s
_LAG = 5  # steps by which the sound may lead or follow the picture (±0.2 s)
_AROUND = 0.4  # seconds before and after a turn: how a mouth starts and stops tells most
_SHORTEST = 0.5  # seconds of visible mouth below which nothing can be said
_FLOOR = 1e-5  # power below which sound counts as silent (−50 dB)


@dataclass(frozen=True)
class Mouth:
    """How far a mouth is open over time.

    Args:
        times: (n,) seconds, ascending.
        opening: (n,) any unit, the wider the larger (`jawOpen`, or the distance of the lips by the size of the face);
            NaN where the mouth was not seen.

    Raises:
        InputError: If the shapes differ or times do not ascend.
    """

    times: np.ndarray
    opening: np.ndarray

    def __post_init__(self) -> None:
        times, opening = np.asarray(self.times, float), np.asarray(self.opening, float)
        if times.ndim != 1 or times.shape != opening.shape:
            raise InputError(
                f"mouth times {times.shape} and openings {opening.shape}", allowed="two vectors of one length"
            )
        if (np.diff(times) <= 0).any():
            raise InputError("the times of a mouth do not ascend", remedy="sort them and drop repetitions")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "opening", opening)


@dataclass(frozen=True)
class Loudness:
    """Power of the sound in steps of 40 ms.

    Args:
        start: Seconds of the first step's beginning.
        power: (steps,) mean square.
    """

    start: float
    power: np.ndarray

    @classmethod
    def of(cls, blocks: Iterable[tuple[float, np.ndarray]], rate: int = 16_000) -> Loudness:
        """Measure blocks of sound that follow each other; 100 bytes are kept for each second."""
        step = rate // FPS
        start: float | None = None
        rest = np.zeros(0, np.float32)
        out: list[np.ndarray] = []
        for time, wave in blocks:
            start = time if start is None else start
            wave = np.concatenate([rest, np.nan_to_num(np.asarray(wave, np.float32))])
            whole = wave.size // step * step
            out.append(np.square(wave[:whole], dtype=np.float64).reshape(-1, step).mean(axis=1).astype(np.float32))
            rest = wave[whole:]
        return cls(start or 0.0, np.concatenate([np.zeros(0, np.float32), *out]))


@dataclass(frozen=True)
class Match:
    """A speaker and a face that belong to one person.

    Args:
        speaker: Track of the turns.
        face: Name of the mouth.
        score: Mean over the seconds in which the face was seen while the speaker spoke, in [-1, 1].
        margin: By how much the score is above that of the speaker's next best face; infinite when there is no other.
        reason: The rule that joined them: `mouth-moves-with-voice` or `only-face-and-only-speaker`.
    """

    speaker: str
    face: str
    score: float
    margin: float
    reason: str


@dataclass(frozen=True)
class ActiveSpeaker:
    """Who of the faces speaks.

    Args:
        faces: Names, the columns of `scores`.
        scores: (turns, faces) in [-1, 1]; NaN where the mouth was hardly seen.
        matches: Speakers for whom a face was found.
    """

    faces: tuple[str, ...]
    scores: np.ndarray
    matches: tuple[Match, ...]

    def face_of(self, speaker: str) -> str | None:
        """The face that belongs to a speaker, if one was found."""
        return next((match.face for match in self.matches if match.speaker == speaker), None)


def active_speaker(
    turns: Sequence[Turn], mouths: Mapping[str, Mouth], loudness: Loudness, *, margin: float = 0.1, least: float = 0.1
) -> ActiveSpeaker:
    """Score every face in every turn and join speakers with faces over the whole recording.

    One speaker and one face are taken for one person, unless the score says that the mouth rests while the voice is
    heard (below −`least`).

    Args:
        turns: Who speaks when.
        mouths: Mouth of each face in the picture.
        loudness: Of the sound.
        margin: How much better a speaker's face must be than his next best.
        least: Score that a face must have.
    """
    names = tuple(mouths)
    level = 10 * np.log10(np.maximum(loudness.power, _FLOOR))
    tracks = [_Track(mouth, loudness.start, len(level)) for mouth in mouths.values()]
    rows = [[_score(turn, track, level, loudness.start) for track in tracks] for turn in turns]
    scores = np.array(rows, float).reshape(len(turns), len(names))
    return ActiveSpeaker(names, scores, tuple(_matches(turns, names, scores, margin, least)))


class _Track:
    """A mouth on the steps of the sound."""

    def __init__(self, mouth: Mouth, start: float, steps: int) -> None:
        grid = start + (np.arange(steps) + 0.5) / FPS
        seen = np.isfinite(mouth.opening)
        self.opening = np.full(steps, np.nan)
        if seen.sum() >= 2:
            times, opening = mouth.times[seen], mouth.opening[seen]
            inside = np.interp(grid, times, opening, left=np.nan, right=np.nan)
            # Between two sightings further apart than 0.2 s nothing is known.
            after = np.clip(np.searchsorted(times, grid), 1, len(times) - 1)
            inside[times[after] - times[after - 1] > 0.2] = np.nan
            self.opening = inside
        self.motion = np.abs(np.gradient(self.opening)) if steps > 1 else np.full(steps, np.nan)
        known = self.motion[np.isfinite(self.motion)]
        self.usual = float(known.mean()) if known.size else 0.0
        self.spread = float(known.std()) if known.size else 0.0


def _score(turn: Turn, track: _Track, level: np.ndarray, start: float) -> float:
    """Mean of the best correlation of opening and loudness within ±0.2 s, and of the squashed excess of motion."""
    low, high = round((turn.start - start) * FPS), round((turn.end - start) * FPS)
    around = round(_AROUND * FPS)
    first, last = max(0, low - around), min(len(level), high + around)
    motion = track.motion[max(0, low) : min(len(level), high)]
    seen = np.isfinite(motion)
    if seen.sum() < max(_SHORTEST * FPS, 0.5 * (high - low)):
        return float("nan")
    opening = _smooth(track.opening[first:last])
    correlation = max(
        _correlation(opening, _smooth(_shifted(level, first + lag, last + lag))) for lag in range(-_LAG, _LAG + 1)
    )
    excess = (float(motion[seen].mean()) - track.usual) / track.spread if track.spread > 1e-9 else -1.0
    return (correlation + float(np.tanh(excess))) / 2


def _shifted(level: np.ndarray, first: int, last: int) -> np.ndarray:
    return level[np.clip(np.arange(first, last), 0, len(level) - 1)]


def _smooth(values: np.ndarray) -> np.ndarray:
    if values.size < _SMOOTH:
        return values
    padded = np.pad(values, _SMOOTH // 2, mode="edge")
    return np.convolve(padded, np.full(_SMOOTH, 1 / _SMOOTH), mode="valid")


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < _SHORTEST * FPS:
        return 0.0
    a, b = a[known] - a[known].mean(), b[known] - b[known].mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 1e-9 else 0.0


def _matches(
    turns: Sequence[Turn], faces: tuple[str, ...], scores: np.ndarray, margin: float, least: float
) -> Iterable[Match]:
    speakers = list(dict.fromkeys(turn.track for turn in turns))
    if not speakers or not faces:
        return
    seconds = np.array([[turn.seconds] for turn in turns]) * np.isfinite(scores)
    own = np.array([[turn.track == speaker for turn in turns] for speaker in speakers], float)
    time = own @ seconds
    total = own @ (np.nan_to_num(scores) * seconds)
    mean = np.where(time > 0, total / np.maximum(time, 1e-9), -1.0)
    if len(speakers) == len(faces) == 1:
        if time[0, 0] > 0 and mean[0, 0] > -least:
            yield Match(speakers[0], faces[0], float(mean[0, 0]), float("inf"), "only-face-and-only-speaker")
        return
    for row, column in zip(*linear_sum_assignment(-total), strict=True):
        others = np.delete(mean[row], column)
        lead = float(mean[row, column] - others.max()) if others.size else float("inf")
        if time[row, column] > 0 and mean[row, column] >= least and lead >= margin:
            yield Match(speakers[row], faces[column], float(mean[row, column]), lead, "mouth-moves-with-voice")
