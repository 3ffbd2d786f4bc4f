"""RAVDESS speech: actors say two English sentences in eight acted emotions (Livingstone & Russo 2018)."""

from __future__ import annotations

import re
from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, one_hot, with_gold
from affectus.corpora.recordings import people, recordings
from affectus.errors import FileError
from affectus.sample import Media, Sample
from affectus.taxonomy import Target

SCALE = "ravdess-8"

CORPUS = Corpus(
    name="ravdess",
    title="two English sentences by professional actors in eight emotions, speech only",
    modality="voice",
    targets=(Target(SCALE, "intended"),),
    language="en",
    licence="CC BY-NC-SA 4.0",
    ship=False,
    consent="acted: professional actors who were recorded for research",
    citation="Livingstone & Russo 2018, RAVDESS, PLoS ONE 13(5) e0196391",
    perspective_source="the label is the emotion that the actor was asked to express, not what listeners chose",
    group="actor (track): odd numbers are male, even female; all actors say the same two sentences",
    files=("Actor_*/03-*.*", "03-01-*.wav", "03-01-*.flac"),
    folders=("ravdess-speech",),
    obtain="Zenodo record 1188976",
)

_CODES = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")  # 01 to 08
_SAID = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_NAME = re.compile(r"(\d\d)-(\d\d)-(?P<emotion>0[1-8])-(\d\d)-(?P<said>0[12])-(\d\d)-(?P<actor>\d\d)")
_SPEECH = "01"  # vocal channel


def load(folder: Path) -> Loaded:
    """Read `Actor_NN/MM-VC-EE-II-SS-RR-AA.wav` (or `.flac`) anywhere below `folder`; one split, actors are the folds.

    A sample has one of two sentences as its text, which says nothing about the emotion.

    Raises:
        FileError: If there is no such file.
    """
    samples, labels, left_out = [], [], 0
    for path in recordings(folder, "**/*"):
        name = _NAME.fullmatch(path.stem)
        if name is None or name[2] != _SPEECH:
            left_out += 1
            continue
        media = Media("audio", path=path)
        samples.append(
            Sample(
                id=path.stem,
                source=f"ravdess/{path.name}",
                text=_SAID[name["said"]],
                media=media,
                track=name["actor"],
                language="en",
                groups={"speaker": name["actor"], "sentence": name["said"]},
            )
        )
        labels.append([_CODES[int(name["emotion"]) - 1]])
    if not samples:
        raise FileError(f"{str(folder)!r} holds no speech of RAVDESS", allowed="names like 03-01-05-01-02-01-12.wav")
    gold = with_gold(
        samples, {SCALE: one_hot(labels, SCALE)}, perspective="intended", by="ravdess actors", modality="voice"
    )
    sexes = {s.groups["speaker"]: "male" if int(s.groups["speaker"]) % 2 else "female" for s in gold}
    return Loaded(CORPUS, {"all": gold}, {"song or other names": left_out}, speakers=people(sexes))
