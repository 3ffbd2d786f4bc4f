"""LibriSpeech: English audiobooks with their words and speakers, without emotion (Panayotov et al. 2015)."""

from __future__ import annotations

import re
from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, read_lines
from affectus.corpora.recordings import people, sound
from affectus.errors import FileError
from affectus.sample import Sample

CORPUS = Corpus(
    name="librispeech",
    title="1,000 hours of English audiobooks with their words; no emotion is labelled",
    modality="voice",
    targets=(),
    language="en",
    licence="CC BY 4.0",
    ship=True,
    consent="public: volunteers read for LibriVox and gave their recordings to the public domain",
    citation="Panayotov et al. 2015, Librispeech: an ASR corpus based on public domain audio books, ICASSP",
    perspective_source="none: words and speakers alone, for anonymisation and recognition of speakers",
    group="speaker (track); no speaker is in two subsets but for other and clean of train",
    files=("*-*/[0-9]*/[0-9]*/*.trans.txt", "LibriSpeech/*-*/[0-9]*/[0-9]*/*.trans.txt"),
    folders=("LibriSpeech",),
    obtain="OpenSLR 12",
)

_LINE = re.compile(r"(?P<name>(?P<speaker>\d+)-(?P<chapter>\d+)-\d+) (?P<text>.+)")


def load(folder: Path) -> Loaded:
    """Read `{subset}/{speaker}/{chapter}/{speaker}-{chapter}.trans.txt` and the FLAC files beside; a split a subset.

    Raises:
        FileError: If there is no transcript, or a line in one can't be understood.
    """
    top = folder / "LibriSpeech" if (folder / "LibriSpeech").is_dir() else folder
    splits: dict[str, list[Sample]] = {}
    missing = 0
    for path in sorted(top.glob("*/*/*/*.trans.txt")):
        for number, line in enumerate(read_lines(path), start=1):
            found = _LINE.fullmatch(line)
            if found is None:
                raise FileError(f"line {number} of {path.name!r} is {line[:60]!r}", allowed="1272-128104-0000 WORDS")
            media = sound(path.parent / f"{found['name']}.flac", path.parent / f"{found['name']}.wav")
            if media is None:
                missing += 1
                continue
            splits.setdefault(path.parents[2].name, []).append(
                Sample(
                    id=found["name"],
                    source=f"librispeech/{found['name']}",
                    text=found["text"],
                    media=media,
                    track=found["speaker"],
                    language="en",
                    groups={"speaker": found["speaker"], "chapter": found["chapter"]},
                )
            )
    if not splits and not missing:
        raise FileError(
            f"{str(folder)!r} holds no transcripts of LibriSpeech", allowed="dev-clean/84/121123/*.trans.txt"
        )
    left_out = {"sound is not there": missing}
    return Loaded(CORPUS, splits or {"all": []}, left_out, speakers=people(_sexes(top / "SPEAKERS.TXT")))


def _sexes(path: Path) -> dict[str, str]:
    """Speaker → sex by `SPEAKERS.TXT`: `id | M or F | subset | minutes | name`; nothing else is kept of them."""
    if not path.is_file():
        return {}
    rows = [[cell.strip() for cell in line.split("|")] for line in read_lines(path) if not line.startswith(";")]
    return {row[0]: "female" if row[1] == "F" else "male" for row in rows if len(row) > 1 and row[1] in ("F", "M")}
