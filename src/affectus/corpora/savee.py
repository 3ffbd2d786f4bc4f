"""SAVEE: four Englishmen say sentences in seven acted emotions (Haq & Jackson 2010)."""

from __future__ import annotations

import re
from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, one_hot, with_gold
from affectus.corpora.recordings import people, recordings
from affectus.errors import FileError
from affectus.sample import Media, Sample
from affectus.taxonomy import Target

SCALE = "savee-7"

CORPUS = Corpus(
    name="savee",
    title="480 English sentences by four men in seven emotions",
    modality="voice",
    targets=(Target(SCALE, "intended"),),
    language="en",
    licence="research, on request",
    ship=False,
    consent="acted: members of a university who were recorded for research",
    citation="Haq & Jackson 2010, Multimodal Emotion Recognition, in Machine Audition, IGI Global",
    perspective_source="the label is the emotion that the actor was asked to show",
    group="speaker (track): DC JE JK KL, all male",
    splits={"all": Split(480)},
    files=("DC/a01.wav", "DC_a01.wav", "AudioData/DC/a01.wav", "ALL/DC_a01.wav"),
    folders=("SAVEE", "AudioData"),
    obtain="page of SAVEE at the University of Surrey, on request",
)

_CODES = {
    "a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "n": "neutral", "sa": "sadness", "su": "surprise",
}  # fmt: skip
_NAME = re.compile(r"(?:(?P<speaker>DC|JE|JK|KL)_)?(?P<emotion>sa|su|[adfhn])(?P<sentence>\d\d)")


def load(folder: Path) -> Loaded:
    """Read `DC/a01.wav`, or `DC_a01.wav`, anywhere below `folder`; one split, since speakers are the folds.

    Raises:
        FileError: If there is no such file.
    """
    samples, labels, left_out = [], [], 0
    for path in recordings(folder, "**/*"):
        name = _NAME.fullmatch(path.stem)
        speaker = name and (name["speaker"] or path.parent.name)
        if name is None or speaker not in ("DC", "JE", "JK", "KL"):
            left_out += 1
            continue
        samples.append(
            Sample(
                id=f"{speaker}_{name['emotion']}{name['sentence']}",
                source=f"savee/{speaker}_{name['emotion']}{name['sentence']}{path.suffix}",
                media=Media("audio", path=path),
                track=speaker,
                language="en",
                groups={"speaker": speaker},
            )
        )
        labels.append([_CODES[name["emotion"]]])
    if not samples:
        raise FileError(f"{str(folder)!r} holds no file of SAVEE", allowed="names like DC/a01.wav or DC_a01.wav")
    gold = with_gold(
        samples, {SCALE: one_hot(labels, SCALE)}, perspective="intended", by="savee actors", modality="voice"
    )
    men = people({s.groups["speaker"]: "male" for s in gold})
    return Loaded(CORPUS, {"all": gold}, {"other names": left_out}, speakers=men)
