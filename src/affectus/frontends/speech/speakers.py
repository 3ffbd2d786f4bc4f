"""Who speaks when: voice prints of short windows, clustered over the whole recording.

1. Inside a segment, a possible change of speaker is where the windows on either side differ most.
2. The pieces between are clustered bottom-up. How many speakers there are is read from the plain prints (average
   linkage with a threshold); who is who from prints without their mean over the recording (Ward), which takes out
   what the room, the microphone and the common mood add.
3. Every window is then given to a speaker by Viterbi decoding with a cost for each change, so that borders fall where
   the voice changes and not where a pause happens to be.

Thresholds were chosen on mixes of the development speakers (benchmarks/who_speaks.py). Voices in strong emotion differ
from themselves as much as from others: expect errors there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from affectus.errors import InputError
from affectus.frontends.speech.vad import Segment
from affectus.frontends.speech.voiceprint import Voice, VoiceEncoder, centroid

_MOST_PIECES = 2000  # clustered at once; the distance matrix takes 16 MB then


@dataclass(frozen=True)
class Turn:
    """A stretch in which one speaker is heard.

    Args:
        start: Seconds.
        end: Seconds, half-open.
        track: `speaker-1`, `speaker-2` … in order of appearance.
        probability: That it is speech at all, of the segment it lies in.
        margin: How much nearer its voice is to its own speaker than to the next (difference of cosines, 0–2); 1 when
            there is only one speaker.
    """

    start: float
    end: float
    track: str
    probability: float
    margin: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.end - self.start


@dataclass(frozen=True)
class Clustering:
    """How voice prints become speakers.

    Args:
        hop: Seconds between windows.
        change: Distance (1 − cosine, prints without their mean) from which neighbouring windows may be two people.
        apart: Distance (1 − cosine, plain prints, average linkage) from which two groups of pieces are two people.
        least: Seconds that a speaker must have in all to be counted, or a quarter of a short recording.
        solid: Seconds from which a piece has a say in the clustering; shorter ones are only assigned.
        switch: Cost of a change of speaker, in cosine times seconds.
    """

    hop: float = 0.4
    change: float = 0.8
    apart: float = 0.4
    least: float = 6.0
    solid: float = 1.6
    switch: float = 0.1


@dataclass(frozen=True)
class _Piece:
    seconds: float
    plain: np.ndarray
    centred: np.ndarray


class Speakers:
    """Collects segments of a recording and says at its end who spoke. Keeps about 3 kB for each second of speech.

    Args:
        rule: Thresholds.
        encoder: Gives voice prints; by default the fetched asset `ge2e`.

    Raises:
        AssetError: If the asset has not been fetched.
    """

    def __init__(self, rule: Clustering | None = None, encoder: VoiceEncoder | None = None) -> None:
        self.rule = rule or Clustering()
        self._encoder = encoder or VoiceEncoder()
        self._heard: list[tuple[Segment, Voice]] = []

    def add(self, segment: Segment, wave: np.ndarray) -> None:
        """Hear a segment; segments come in order, with their 16 kHz sound."""
        self._heard.append((segment, self._encoder.voice(wave, self.rule.hop)))

    def turns(self, speakers: int | None = None) -> list[Turn]:
        """Who spoke when, as far as it was heard.

        Args:
            speakers: How many there are, when that is known.

        Returns:
            In order of time, without overlaps; segments stay apart, and one with several speakers is divided.

        Raises:
            InputError: If `speakers` is not a positive whole number.
        """
        if speakers is not None and (not isinstance(speakers, int) or isinstance(speakers, bool) or speakers < 1):
            raise InputError(f"speakers={speakers!r}", allowed="a whole number from 1 on, or None to find it out")
        heard = [voice for _, voice in self._heard if len(voice.prints)]
        if not heard:
            return [Turn(s.start, s.end, "speaker-1", s.probability, 1.0) for s, _ in self._heard]
        mean = np.mean(np.concatenate([voice.prints for voice in heard]), axis=0)
        centres = self._centres(heard, mean, speakers)
        return _named([turn for each in self._heard for turn in self._divide(*each, mean, centres)])

    def _centres(self, heard: list[Voice], mean: np.ndarray, speakers: int | None) -> np.ndarray:
        """(speakers, 256) directions of the speakers' prints without the recording's mean."""
        pieces = [piece for voice in heard for piece in self._pieces(voice, mean)]
        solid = [piece for piece in pieces if piece.seconds >= self.rule.solid] or pieces
        if len(solid) > _MOST_PIECES:
            solid = sorted(solid, key=lambda piece: -piece.seconds)[:_MOST_PIECES]
        seconds = np.array([piece.seconds for piece in solid])
        plain = np.stack([piece.plain for piece in solid])
        centred = np.stack([piece.centred for piece in solid])
        count = min(speakers or self._count(plain, seconds), len(solid))
        labels = _grouped(centred, "ward", "euclidean", count, "maxclust")
        return np.stack([centroid(centred[labels == k], seconds[labels == k]) for k in np.unique(labels)])

    def _count(self, plain: np.ndarray, seconds: np.ndarray) -> int:
        labels = _grouped(plain, "average", "cosine", self.rule.apart, "distance")
        total = np.bincount(labels, weights=seconds)
        least = min(self.rule.least, 0.25 * float(seconds.sum()))
        return max(1, int((total >= least).sum()))

    def _pieces(self, voice: Voice, mean: np.ndarray) -> list[_Piece]:
        """The windows between two possible changes of speaker, averaged."""
        centred = _unit(voice.prints - mean)
        half = voice.width / 2
        begin, end = voice.centres[0] - half, voice.centres[-1] + half
        cuts = [begin, *self._changes(voice, centred), end]
        out = []
        for low, high in pairwise(cuts):
            inside = (voice.centres - half >= low - 0.05) & (voice.centres + half <= high + 0.05)
            if not inside.any():
                inside = np.arange(len(voice.centres)) == np.argmin(np.abs(voice.centres - (low + high) / 2))
            out.append(_Piece(high - low, centroid(voice.prints[inside]), centroid(centred[inside])))
        return out

    def _changes(self, voice: Voice, centred: np.ndarray) -> list[float]:
        """Times at which the window before and the window after differ most, at least half a window apart."""
        step = max(1, round(voice.width / self.rule.hop))
        if len(centred) <= step:
            return []
        distance = 1 - (centred[:-step] * centred[step:]).sum(axis=1)
        times = (voice.centres[:-step] + voice.centres[step:]) / 2
        cuts: list[float] = []
        for i in np.argsort(-distance, kind="stable"):
            if distance[i] < self.rule.change:
                break
            if all(abs(times[i] - cut) > voice.width / 2 for cut in cuts):
                cuts.append(float(times[i]))
        return sorted(cuts)

    def _divide(self, segment: Segment, voice: Voice, mean: np.ndarray, centres: np.ndarray) -> list[tuple[Turn, int]]:
        """The turns of one segment with the index of the speaker; −1 where the segment is too short to tell."""
        if not len(voice.prints):
            return [(Turn(segment.start, segment.end, "", segment.probability, 0.0), -1)]
        scores = _unit(voice.prints - mean) @ centres.T
        path = _viterbi(scores * self.rule.hop, self.rule.switch)
        changes = np.flatnonzero(np.diff(path)) + 1
        borders = segment.start + (voice.centres[changes - 1] + voice.centres[changes]) / 2
        out = []
        for windows, start, end in zip(
            np.split(np.arange(len(path)), changes), [segment.start, *borders], [*borders, segment.end], strict=True
        ):
            own = int(path[windows[0]])
            mine = float(scores[windows, own].mean())
            rest = np.delete(scores[windows].mean(axis=0), own)
            margin = max(0.0, mine - float(rest.max())) if rest.size else 1.0
            out.append((Turn(float(start), float(end), "", segment.probability, margin), own))
        return out


def assign(spoken: Iterable[tuple[Segment, np.ndarray]], speakers: int | None = None) -> list[Turn]:
    """Who spoke when in the segments of `SpeechDetector.spoken`; see `Speakers.turns`."""
    listener = Speakers()
    for segment, wave in spoken:
        listener.add(segment, wave)
    return listener.turns(speakers)


def _named(turns: list[tuple[Turn, int]]) -> list[Turn]:
    """Name speakers in order of appearance; what was too short to tell goes to the nearest turn in time."""
    known = [(turn, who) for turn, who in turns if who >= 0]
    names: dict[int, str] = {}
    for _, who in known:
        names.setdefault(who, f"speaker-{len(names) + 1}")
    out = []
    for turn, who in turns:
        if who < 0:
            who = min(known, key=lambda other: max(turn.start - other[0].end, other[0].start - turn.end))[1]
        out.append(Turn(turn.start, turn.end, names[who], turn.probability, turn.margin))
    return out


def _unit(prints: np.ndarray) -> np.ndarray:
    return prints / np.maximum(np.linalg.norm(prints, axis=1, keepdims=True), 1e-9)


def _grouped(prints: np.ndarray, linkage: str, metric: str, limit: float, criterion: str) -> np.ndarray:
    """Labels 0 … of agglomerative clustering."""
    if len(prints) == 1:
        return np.zeros(1, int)
    from scipy.cluster import hierarchy

    tree = hierarchy.linkage(prints, linkage, metric)
    return hierarchy.fcluster(tree, limit, criterion).astype(int) - 1


def _viterbi(scores: np.ndarray, switch: float) -> np.ndarray:
    """The path of highest total score through (steps, states), each change of state costing `switch`."""
    best = scores[0].copy()
    came = np.zeros(scores.shape, int)
    for i in range(1, len(scores)):
        leader = int(best.argmax())
        stay = best >= best[leader] - switch
        came[i] = np.where(stay, np.arange(len(best)), leader)
        best = np.where(stay, best, best[leader] - switch) + scores[i]
    path = [int(best.argmax())]
    for row in came[:0:-1]:
        path.append(int(row[path[-1]]))
    return np.array(path[::-1])
