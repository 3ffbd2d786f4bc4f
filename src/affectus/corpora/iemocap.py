"""IEMOCAP: ten actors in scripted and improvised dialogues, rated by emotion and dimension (Busso et al. 2008)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from affectus.corpora.base import Corpus, Loaded, one_hot, read_lines, with_gold
from affectus.corpora.recordings import people, sound
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target

FOUR, SIX, SCALE = "iemocap-4", "iemocap-6", "arousal-dominance-valence"
_FOUR = {"ang": "angry", "hap": "happy", "exc": "happy", "sad": "sad", "neu": "neutral"}
_SIX = {"hap": "happy", "sad": "sad", "neu": "neutral", "ang": "angry", "exc": "excited", "fru": "frustrated"}
_CODES = (*_SIX, "fea", "sur", "dis", "oth", "xxx")

CORPUS = Corpus(
    name="iemocap",
    title="about twelve hours of dialogues by ten actors, rated by emotion, valence, arousal and dominance",
    modality="voice",
    targets=(Target(FOUR, "perceived"), Target(SIX, "perceived"), Target(SCALE, "perceived")),
    language="en",
    licence="research, on request at the University of Southern California",
    ship=False,
    consent="acted: actors who were recorded for research",
    citation="Busso et al. 2008, IEMOCAP: interactive emotional dyadic motion capture database, LREV 42",
    perspective_source="annotators watched the dialogues and judged each turn; the label is their majority",
    group="session (two people who speak to each other) or speaker (track); turns also share a dialogue",
    files=("Session1/dialog/EmoEvaluation/*.txt",),
    folders=("IEMOCAP", "IEMOCAP_full_release"),
    obtain="SAIL, University of Southern California, release form",
)

_LINE = re.compile(
    r"\[(?P<start>[\d.]+) - (?P<end>[\d.]+)\]\t(?P<name>\S+)\t(?P<emotion>\w+)\t\[(?P<vad>[\d., -]+)\]\s*"
)
_NAME = re.compile(r"Ses(?P<session>0[1-5])[FM]_\w+_(?P<speaker>[FM])\d+(?:_\d+)?")
_SPOKEN = re.compile(r"(?P<name>Ses0\S+) \[[\d. -]+\]: ?(?P<text>.*)")


class _Turn(NamedTuple):
    sample: Sample
    emotion: str
    adv: tuple[float, float, float]


def load(folder: Path) -> Loaded:
    """Read `Session{1..5}/dialog/EmoEvaluation/*.txt` with transcripts and `sentences/wav`; one split.

    Sessions and speakers are the folds. A turn's speaker is the letter in the last part of its name, within the
    session: `Ses01F_impro01_M011` is spoken by the man, the first letter tells who wore the markers. The brackets hold
    valence, activation and dominance; the scale has arousal, dominance and valence, each (y − 1) / 4. Excited counts as
    happy among four classes. Times are those of the dialogue.

    Raises:
        FileError: If a session has no such files, or a line can't be understood.
    """
    turns, beyond, mute = [], 0, 0
    for path in _dialogues(folder):
        session = path.parents[2]
        words = _words(session / "dialog" / "transcriptions" / path.name)
        for number, line in enumerate(read_lines(path, "latin-1"), start=1):
            if not line.startswith("["):
                continue  # single raters' answers and the head of the file
            turn, outside = _turn(path, number, line, session, words)
            turns.append(turn)
            beyond += outside
            mute += turn.sample.media is None
    turns.sort(key=lambda turn: (turn.sample.source, turn.sample.start))
    six, four = (
        one_hot([[table[turn.emotion]] if turn.emotion in table else [] for turn in turns], name, without=np.nan)
        for table, name in ((_SIX, SIX), (_FOUR, FOUR))
    )
    gold = with_gold(
        [turn.sample for turn in turns],
        {FOUR: four, SIX: six, SCALE: np.array([turn.adv for turn in turns], np.float32)},
        perspective="perceived",
        by="iemocap raters",
        modality="voice",
    )
    remarks = {
        f"outside the classes of {FOUR}": int(np.isnan(four).any(1).sum()),
        "rated outside 1 to 5, taken as the nearer end": beyond,
        "without a sound file": mute,
    }
    speakers = {s.groups["speaker"]: "female" if s.groups["speaker"].endswith("F") else "male" for s in gold}
    return Loaded(CORPUS, {"all": gold}, remarks=remarks, speakers=people(speakers))


def _dialogues(folder: Path) -> Iterator[Path]:
    for session in range(1, 6):
        place = folder / f"Session{session}" / "dialog" / "EmoEvaluation"
        found = sorted(path for path in place.glob("Ses*.txt") if path.is_file())
        if not found:
            raise FileError(
                f"{str(folder)!r} is no whole copy of IEMOCAP: {str(place.relative_to(folder))!r} has no Ses*.txt",
                allowed="Session1 to Session5",
                remedy="get that session",
            )
        yield from found


def _turn(path: Path, number: int, line: str, session: Path, words: dict[str, str]) -> tuple[_Turn, bool]:
    found = _LINE.fullmatch(line)
    values = [float(cell) for cell in found["vad"].split(",")] if found else []
    name = _NAME.fullmatch(found["name"]) if found else None
    if found is None or name is None or len(values) != 3 or found["emotion"] not in _CODES:
        raise FileError(
            f"line {number} of {path.name!r} is {line[:80]!r}",
            allowed="[start - end]<tab>turn<tab>emotion<tab>[valence, activation, dominance]",
            remedy="get the file again",
        )
    valence, arousal, dominance = ((min(max(y, 1), 5) - 1) / 4 for y in values)
    speaker = f"{name['session']}-{name['speaker']}"
    sample = Sample(
        id=found["name"],
        source=f"iemocap/{path.stem}",
        text=words.get(found["name"]),
        media=sound(session / "sentences" / "wav" / path.stem / f"{found['name']}.wav"),
        track=speaker,
        start=float(found["start"]),
        end=float(found["end"]),
        language="en",
        groups={"speaker": speaker, "session": name["session"], "dialogue": path.stem},
    )
    return _Turn(sample, found["emotion"], (arousal, dominance, valence)), not 1 <= min(values) <= max(values) <= 5


def _words(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    found = (_SPOKEN.fullmatch(line) for line in read_lines(path, "latin-1"))
    return {line["name"]: line["text"] for line in found if line}
