"""EMO-DB: ten German actors say ten neutral sentences in acted emotions (Burkhardt et al. 2005)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, one_hot, with_gold
from affectus.corpora.recordings import people, recordings
from affectus.errors import FileError
from affectus.sample import Media, Sample
from affectus.taxonomy import Target

SCALE = "emodb-4"

CORPUS = Corpus(
    name="emodb",
    title="339 German sentences by ten actors: anger, happiness, neutral, sadness",
    modality="voice",
    targets=(Target(SCALE, "intended"),),
    language="de",
    licence="free to use with citation, as its authors state; one public catalogue says CC0, which is not confirmed",
    ship=False,
    consent="acted: actors who were recorded for research",
    citation="Burkhardt et al. 2005, A Database of German Emotional Speech, Interspeech",
    perspective_source="the label is the emotion that the actor was asked to show; recordings that listeners recognised"
    " poorly were left out by the authors (sections 2 and 4 of the paper)",
    group="speaker (track): 03 10 11 12 15 are male, 08 09 13 14 16 female; each speaker says the same ten sentences",
    splits={"all": Split(339, "8fdcd4e0699ca30d")},
    files=("wav/[01][0-9]a0*.*", "[01][0-9]a0*.wav", "[01][0-9]a0*.flac"),
    obtain="page of the Berlin Database of Emotional Speech",
)

_LETTERS = {"W": "anger", "F": "happiness", "N": "neutral", "T": "sadness"}
ALL_LETTERS = {**_LETTERS, "L": "boredom", "E": "disgust", "A": "fear"}
_MEN = ("03", "10", "11", "12", "15")
_NAME = re.compile(r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<emotion>[A-Z])(?P<version>[a-z])")


def load(folder: Path) -> Loaded:
    """Read `wav/SSttttEv.wav` (or `.flac`, or the files in `folder` itself); one split, since speakers are the folds.

    Raises:
        FileError: If there is no such file.
    """
    return read(folder, CORPUS, SCALE, _LETTERS)


def read(folder: Path, corpus: Corpus, scale_name: str, letters: Mapping[str, str]) -> Loaded:
    """The recordings of some emotions.

    Args:
        folder: Holds the files or their folder `wav`.
        corpus: What they are loaded as.
        scale_name: Scale of the gold.
        letters: Letter in the name → its label.

    Raises:
        FileError: If there is no such file, or one has a letter that no emotion of EMO-DB has.
    """
    place = folder / "wav" if (folder / "wav").is_dir() else folder
    samples, labels, left_out = [], [], 0
    for path in recordings(place):
        name = _NAME.fullmatch(path.stem)
        if name is not None and name["emotion"] not in ALL_LETTERS:
            raise FileError(f"{path.name!r} has emotion letter {name['emotion']!r}", allowed=" ".join(ALL_LETTERS))
        if name is None or name["emotion"] not in letters:
            left_out += 1
            continue
        samples.append(
            Sample(
                id=path.stem,
                source=f"emodb/{path.name}",
                media=Media("audio", path=path),
                track=name["speaker"],
                language="de",
                groups={"speaker": name["speaker"]},
            )
        )
        labels.append([letters[name["emotion"]]])
    if not samples:
        raise FileError(f"{str(place)!r} holds no file of EMO-DB", allowed="names like 03a01Wa.wav")
    gold = with_gold(
        samples, {scale_name: one_hot(labels, scale_name)}, perspective="intended", by="emodb actors", modality="voice"
    )
    sexes = {s.groups["speaker"]: "male" if s.groups["speaker"] in _MEN else "female" for s in gold}
    return Loaded(corpus, {"all": gold}, {"other emotions or other names": left_out}, speakers=people(sexes))
