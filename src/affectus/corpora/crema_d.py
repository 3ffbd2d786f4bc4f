"""CREMA-D: actors say twelve sentences in six emotions; votes of who heard, saw, or heard and saw (Cao et al. 2014)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from affectus.corpora.base import Corpus, Judgement, Loaded, Split, one_hot, with_judgements
from affectus.corpora.delimited import read_rows, value
from affectus.corpora.recordings import recordings, sound
from affectus.errors import FileError
from affectus.sample import Persona, Sample
from affectus.taxonomy import Target, scale

SCALE = "crema-d-6"
JUDGES = {"voice": "crema-d voice raters", "face": "crema-d face raters", "both": "crema-d raters of both"}
"""What raters were given → the name under which their votes stand."""

ACTORS = "crema-d actors"

CORPUS = Corpus(
    name="crema-d",
    title="7,442 clips by 91 actors in six emotions, with the votes of about ten raters for voice, face and both",
    modality="voice",
    targets=(Target(SCALE, "perceived"), Target(SCALE, "intended")),
    language="en",
    licence="Open Database License 1.0, contents DbCL",
    ship=True,
    consent="acted: actors who were recorded for research",
    citation="Cao et al. 2014, CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE TAC 5(4)",
    perspective_source="votes of crowd workers are what they perceived (voice alone, face alone, both); the emotion in"
    " the file's name is what the actor was asked to show",
    group="actor (track); no official split, so folds are made of actors; all actors say the same sentences",
    splits={"all": Split(7442, "34217c960d0bbba4")},
    files=("processedResults/tabulatedVotes.csv", "processedResults/summaryTable.csv", "AudioWAV/1*_*_*_*.wav"),
    folders=("crema-d-votes", "CREMA-D", "CREMAD"),
    obtain="CheyneyComputerScience/CREMA-D on GitHub",
)

_LETTERS = "ADFHNS"  # in the order of the scale
_CODES = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
_NAME = re.compile(rf"(?P<actor>1\d\d\d)_(?P<sentence>[A-Z]{{3}})_(?P<emotion>{'|'.join(_CODES)})_(?:LO|MD|HI|XX|X)")
_SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_DAMAGED = ("1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_NEU_XX", "1076_MTI_SAD_XX")  # by the authors' README


_MOST_FREQUENT = Split(7442, "c21da58ed6cdc2de")  # the corpus as the summary has it
_SUMMARISED = "whose gold is the most frequent vote alone: tabulatedVotes.csv with all votes is not there"


class _Votes(NamedTuple):
    clips: Sequence[str]
    counts: np.ndarray  # (clips, judges, 6)
    complete: bool


def load(folder: Path) -> Loaded:
    """Read the votes, and `AudioWAV` where it is; one split.

    `processedResults/tabulatedVotes.csv` has every vote. Where only `summaryTable.csv` is there, gold is the emotion
    with the most votes, in equal parts where several have (`A:D`); a remark says so. A sample's gold is, in this order:
    the shares of votes of those who heard, of those who saw, of those who heard and saw, and what was intended. Vote
    counts stand in `features["votes"]`, (3, 6).

    Raises:
        FileError: If there are neither votes nor sound, or a row can't be understood (with its line).
    """
    votes = _votes(folder)
    clips = votes.clips if votes is not None else [path.stem for path in recordings(folder / "AudioWAV")]
    names = {clip: _NAME.fullmatch(clip) for clip in clips}
    kept = [row for row, clip in enumerate(clips) if names[clip] is not None]
    if not kept:
        raise FileError(f"{str(folder)!r} holds no clip of CREMA-D", allowed="names like 1001_DFA_ANG_XX.wav")
    samples = [_sample(folder, clips[row], votes.counts[row] if votes is not None else None) for row in kept]
    judgements, remarks = [], Counter({"without their sound": sum(s.media is None for s in samples)})
    if votes is not None:
        remarks[_SUMMARISED] = 0 if votes.complete else len(kept)
        for counts, (what, by) in zip(votes.counts[kept].transpose(1, 0, 2), JUDGES.items(), strict=True):
            best = counts == counts.max(1, keepdims=True)
            remarks[f"with a tie in the votes for {what}"] = int((best.sum(1) > 1).sum())
            shares = counts / counts.sum(1, keepdims=True)
            judgements.append(Judgement({SCALE: shares.astype(np.float32)}, "perceived", by))
    intended = [[scale(SCALE).labels[_CODES.index(names[clips[row]]["emotion"])]] for row in kept]  # type: ignore[index]
    judgements.append(Judgement({SCALE: one_hot(intended, SCALE)}, "intended", ACTORS))
    remarks["whose sound is damaged by the authors' list"] = sum(s.id in _DAMAGED for s in samples)
    gold = with_judgements(samples, judgements, modality="voice")
    official = (
        CORPUS.splits["all"] if votes is not None and votes.complete else _MOST_FREQUENT if votes else Split(7442)
    )
    described = replace(CORPUS, splits={"all": official})
    return Loaded(described, {"all": gold}, {"other names": len(clips) - len(kept)}, remarks, speakers=_people(folder))


def _sample(folder: Path, clip: str, counts: np.ndarray | None) -> Sample:
    actor, sentence = clip.split("_")[:2]
    return Sample(
        id=clip,
        source=f"crema-d/{clip}",
        text=_SENTENCES.get(sentence),
        media=sound(folder / "AudioWAV" / f"{clip}.wav", folder / "AudioWAV" / f"{clip}.flac"),
        features={} if counts is None else {"votes": counts.astype(np.float32)},
        track=actor,
        language="en",
        groups={"speaker": actor},
    )


def _votes(folder: Path) -> _Votes | None:
    tabulated = folder / "processedResults" / "tabulatedVotes.csv"
    summary = folder / "processedResults" / "summaryTable.csv"
    if tabulated.is_file():
        return _tabulated(tabulated)
    return _summary(summary) if summary.is_file() else None


def _tabulated(path: Path) -> _Votes:
    """A row for each clip and each of voice (1), face (2) and both (3), which its number begins with."""
    found = read_rows(path, ("", *_LETTERS, "fileName"))
    clips = list(dict.fromkeys(row["fileName"] for row in found.rows))
    at = {clip: row for row, clip in enumerate(clips)}
    counts = np.full((len(clips), len(JUDGES), len(_LETTERS)), np.nan)
    for row, line in zip(found.rows, found.lines, strict=True):
        judges = "123".find(row[""][:1])
        if judges < 0 or not row[""]:
            raise FileError(f"line {line} of {path.name!r} is numbered {row['']!r}", allowed="1…, 2… or 3…")
        counts[at[row["fileName"]], judges] = [value(path, line, e, row[e], 0, 1000) for e in _LETTERS]
    unseen = next((clip for clip, votes in zip(clips, counts, strict=True) if not (votes.sum(1) > 0).all()), None)
    if unseen is not None:
        raise FileError(f"{path.name!r} lacks votes for {unseen!r}", allowed="voice, face and both of each clip")
    return _Votes(clips, counts, complete=True)


def _summary(path: Path) -> _Votes:
    """A row for each clip with its most frequent vote, or several joined by a colon."""
    columns = ("VoiceVote", "FaceVote", "MultiModalVote")
    found = read_rows(path, ("FileName", *columns))
    counts = np.zeros((len(found.rows), len(JUDGES), len(_LETTERS)))
    for i, (row, line) in enumerate(zip(found.rows, found.lines, strict=True)):
        for judges, column in enumerate(columns):
            for letter in row[column].split(":"):
                if letter not in _LETTERS or not letter:
                    raise FileError(
                        f"line {line} of {path.name!r} has {row[column]!r} in {column!r}", allowed="A, or A:D"
                    )
                counts[i, judges, _LETTERS.index(letter)] = 1
    return _Votes([row["FileName"] for row in found.rows], counts, complete=False)


def _people(folder: Path) -> dict[str, Persona]:
    """Sex and age of the actors by `VideoDemographics.csv`."""
    path = folder / "VideoDemographics.csv"
    if not path.is_file():
        return {}
    found = read_rows(path, ("ActorID", "Age", "Sex"))
    return {
        row["ActorID"]: Persona(row["ActorID"], attributes={"sex": row["Sex"].lower(), "age": int(row["Age"])})
        for row in found.rows
    }
