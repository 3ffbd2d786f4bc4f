"""ESD: ten English and ten Chinese speakers say the same sentences in five emotions (Zhou et al. 2022)."""

from __future__ import annotations

import re
from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, one_hot, with_gold
from affectus.corpora.delimited import decode
from affectus.corpora.recordings import recordings
from affectus.errors import FileError
from affectus.sample import Media, Sample
from affectus.taxonomy import Target, scale

SCALE = "esd-5"
_PER_EMOTION = 350  # sentences, the same for every emotion of a speaker

CORPUS = Corpus(
    name="esd",
    title="35,000 utterances: 350 sentences by each of twenty speakers in five emotions, English and Chinese",
    modality="voice",
    targets=(Target(SCALE, "intended"),),
    language="en, zh",
    licence="research, on request",
    ship=False,
    consent="acted: speakers who were recorded for research",
    citation="Zhou et al. 2022, Emotional voice conversion: Theory, databases and ESD, Speech Communication 137",
    perspective_source="the label is the emotion that the speaker was asked to show",
    group="speaker (track): 0001 to 0010 speak Chinese, 0011 to 0020 English; sentences repeat in every emotion and"
    " speaker of a language, so a split of sentences leaks speakers and one of speakers leaks sentences",
    splits={"all": Split(35_000)},
    files=("00[0-2][0-9]/Angry/**/*.wav",),
    folders=("ESD", "Emotion Speech Dataset", "Emotional Speech Dataset (ESD)"),
    obtain="HLTSingapore/Emotional-Speech-Data on GitHub, on request",
)

_NAME = re.compile(r"(?P<speaker>00[0-2]\d)_(?P<number>\d{6})")


def load(folder: Path) -> Loaded:
    """Read `{speaker}/{emotion}/[train|evaluation|test/]{speaker}_{number}.wav` and `{speaker}/{speaker}.txt`.

    The folders train, evaluation and test of some releases part sentences, not speakers; they are passed through and
    all is one split. The label is the folder's name.

    Raises:
        FileError: If there is no such file.
    """
    samples, labels, left_out, silent = [], [], 0, 0
    words: dict[str, dict[str, str]] = {}
    for path in recordings(folder, "**/*"):
        name, inside = _NAME.fullmatch(path.stem), path.relative_to(folder).parts[:-1]
        emotion = next((part for part in inside if part.lower() in scale(SCALE).labels), None)
        if name is None or emotion is None:
            left_out += 1
            continue
        speaker, language = name["speaker"], "zh" if int(name["speaker"]) <= 10 else "en"
        if speaker not in words:
            words[speaker] = _words(folder / speaker / f"{speaker}.txt")
        text = words[speaker].get(path.stem)
        silent += text is None
        sentence = (int(name["number"]) - 1) % _PER_EMOTION + 1
        samples.append(
            Sample(
                id=path.stem,
                source=f"esd/{path.name}",
                text=text,
                media=Media("audio", path=path),
                track=speaker,
                language=language,
                groups={"speaker": speaker, "sentence": f"{language}-{sentence:03}"},
            )
        )
        labels.append([emotion.lower()])
    if not samples:
        raise FileError(f"{str(folder)!r} holds no file of ESD", allowed="names like 0011/Angry/0011_000351.wav")
    gold = with_gold(
        samples, {SCALE: one_hot(labels, SCALE)}, perspective="intended", by="esd speakers", modality="voice"
    )
    return Loaded(CORPUS, {"all": gold}, {"other names": left_out}, {"without words in the transcript": silent})


def _words(path: Path) -> dict[str, str]:
    """Name → words; cells are parted by tabs, in some files by blanks, and the last one repeats the emotion."""
    if not path.is_file():
        return {}
    raw = path.read_bytes()[:2]
    text = decode(path, "utf-16" if raw in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "gb18030")[0]
    rows = (line.split() for line in text.splitlines())
    return {cells[0]: " ".join(cells[1:-1]) for cells in rows if len(cells) > 2}
