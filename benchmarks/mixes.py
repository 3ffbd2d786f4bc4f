"""Conversations of known truth, put together from utterances of EMO-DB and RAVDESS (`../shared/data`, optional)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectus.media import read_wave

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RATE = 16_000
SPEAKERS = {
    "emodb": {"development": ("03", "08", "09", "10", "11"), "test": ("12", "13", "14", "15", "16")},
    "ravdess": {"development": ("01", "02", "03", "04"), "test": ("05", "06", "07", "08")},
}
_FLOOR = 10 ** (-65 / 20)  # noise between utterances: recordings have a room
_SPOKEN = -35.0  # dB below the loudest 25 ms of an utterance
_JOIN = 0.3  # seconds; shorter pauses inside an utterance belong to it


@dataclass(frozen=True)
class Turn:
    """One speaker holds the floor: utterances with short pauses, seconds, half-open."""

    speaker: str
    spoken: tuple[tuple[float, float], ...]

    @property
    def start(self) -> float:
        return self.spoken[0][0]

    @property
    def end(self) -> float:
        return self.spoken[-1][1]


@dataclass(frozen=True)
class Mix:
    name: str
    wave: np.ndarray
    turns: tuple[Turn, ...]

    @property
    def truth(self) -> list[tuple[float, float, str]]:
        """(start, end, speaker) of everything that is spoken."""
        return [(a, b, turn.speaker) for turn in self.turns for a, b in turn.spoken]


def utterances(corpus: str, speaker: str) -> list[Path]:
    """The files of a speaker, sorted."""
    if corpus == "emodb":
        return sorted((DATA / "emodb" / "wav").glob(f"{speaker}*.flac"))
    return sorted((DATA / "ravdess-speech" / f"Actor_{speaker}").glob("*.flac"))


def spoken(wave: np.ndarray) -> list[tuple[int, int]]:
    """Stretches within 35 dB of the loudest 25 ms, pauses below 0.3 s closed: by level alone, not by what is tested."""
    hop, width = 160, 400
    power = np.concatenate([[0.0], np.cumsum(wave.astype(np.float64) ** 2)])
    starts = np.arange(0, max(1, wave.size - width), hop)
    level = (power[np.minimum(starts + width, wave.size)] - power[starts]) / width
    loud = np.flatnonzero(level >= level.max() * 10 ** (_SPOKEN / 10))
    out: list[list[int]] = []
    for start in starts[loud]:
        if out and start - out[-1][1] <= _JOIN * RATE:
            out[-1][1] = int(start) + width
        else:
            out.append([int(start), int(start) + width])
    return [(a, min(b, wave.size)) for a, b in out]


def mix(corpus: str, half: str, speakers: int, seed: int, seconds: float = 150.0) -> Mix:
    """Turns of one to three utterances of random emotion, nobody twice in a row.

    Pauses of 0.1–0.6 s inside a turn, 0–1 s between turns: about a third of the changes have no pause that a voice
    activity detector could hear.
    """
    rng = np.random.default_rng([seed, speakers, len(corpus), len(half)])
    cast = list(rng.permutation(SPEAKERS[corpus][half])[:speakers])
    left = {name: list(rng.permutation([str(p) for p in utterances(corpus, name)])) for name in cast}
    parts: list[np.ndarray] = [np.zeros(RATE // 2, np.float32)]
    at = parts[0].size
    turns: list[Turn] = []
    last = ""
    while at < seconds * RATE:
        choices = [name for name in cast if name != last] if speakers > 1 else cast
        last = str(rng.choice(choices))
        stretches = []
        for number in range(int(rng.integers(1, 4))):
            if not left[last]:
                left[last] = list(rng.permutation([str(p) for p in utterances(corpus, last)]))
            wave = read_wave(left[last].pop(), RATE)
            inside = spoken(wave)
            begin, end = inside[0][0], inside[-1][1]
            if number:
                parts.append(np.zeros(int(rng.uniform(0.1, 0.6) * RATE), np.float32))
                at += parts[-1].size
            stretches += [((at + a - begin) / RATE, (at + b - begin) / RATE) for a, b in inside]
            parts.append(wave[begin:end])
            at += end - begin
        turns.append(Turn(f"{corpus}-{last}", tuple(stretches)))
        parts.append(np.zeros(int(rng.uniform(0.0, 1.0) * RATE), np.float32))
        at += parts[-1].size
    wave = np.concatenate(parts)
    wave = wave + (_FLOOR * rng.standard_normal(wave.size)).astype(np.float32)
    return Mix(f"{corpus}-{half}-{speakers}-{seed}", np.clip(wave, -1, 1), tuple(turns))
