"""MELD: utterances of a television series with one of seven emotions, in dialogues (Poria et al. 2019); text only."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, find_file, one_hot, with_gold
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "meld-7"
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "StartTime", "EndTime")

CORPUS = Corpus(
    name="meld",
    title="13k utterances of 1,432 multi-party dialogues from a television series, seven emotions",
    modality="text",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="repository GPL-3.0; transcripts of a commercial programme, research",
    ship=False,
    consent="acted: lines of professional actors",
    citation="Poria et al. 2019, MELD, ACL, arXiv:1810.02508",
    perspective_source="three raters watched each clip and judged the emotion of the speaker",
    group="dialogue; a speaker (track) is in many",
    splits={
        "train": Split(9989, "672e8a2a54dc2d40"),
        "dev": Split(1109, "3ea5922fe8797462"),
        "test": Split(2610, "8ed966980c89dc54"),
    },
    files=("MELD/train_sent_emo.csv", "train_sent_emo.csv"),
    obtain="declare-lab/MELD on GitHub, folder data/MELD",
)


def load(folder: Path) -> Loaded:
    """Read `{train,dev,test}_sent_emo.csv` in `folder` or its `MELD`; a sample's source is its dialogue, in order."""
    place = find_file(folder, *CORPUS.files).parent
    splits: dict[str, Sequence[Sample]] = {}
    strange = 0
    for split in ("train", "dev", "test"):
        splits[split], count = _read(find_file(place, f"{split}_sent_emo.csv"), split)
        strange += count
    return Loaded(CORPUS, splits, remarks={"with times that run backwards, left untimed": strange})


def _read(path: Path, split: str) -> tuple[list[Sample], int]:
    rows = list(csv.DictReader(io.StringIO(_decode(path), newline="")))
    missing = set(_COLUMNS) - set(rows[0] if rows else ())
    if missing:
        raise FileError(f"{path.name!r} lacks the columns {sorted(missing)}", allowed=", ".join(_COLUMNS))
    samples, labels, strange = [], [], 0
    for number, row in enumerate(rows):
        if row["Emotion"] not in scale(SCALE).labels:
            raise FileError(f"row {number + 2} of {path.name!r} has the emotion {row['Emotion']!r}")
        dialogue, turn = row["Dialogue_ID"], row["Utterance_ID"]
        start, end = _seconds(row["StartTime"]), _seconds(row["EndTime"])
        backwards = end < start
        strange += backwards
        samples.append(
            Sample(
                id=f"{split}-dia{dialogue}-utt{turn}",
                source=f"meld/{split}/dia{dialogue}",
                item=int(turn),
                text=row["Utterance"],
                track=row["Speaker"],
                start=None if backwards else start,
                end=None if backwards else end,
                language="en",
                groups={"dialogue": f"{split}-dia{dialogue}"},
            )
        )
        labels.append([row["Emotion"]])
    gold = {SCALE: one_hot(labels, SCALE)}
    return with_gold(samples, gold, perspective="perceived", by="meld raters", modality="text"), strange


def _decode(path: Path) -> str:
    """UTF-8; copies in which typographic apostrophes are single bytes of Windows-1252 are read as such."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    return text.replace("\x92", "’")


def _seconds(clock: str) -> float:
    """`00:14:38,127` in seconds."""
    hours, minutes, seconds = clock.replace(",", ".").split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
