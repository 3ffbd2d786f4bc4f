"""EmoryNLP: utterances of a television series with one of seven emotions, in scenes (Zahiri & Choi 2018)."""

from __future__ import annotations

import ast
from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, find_file, one_hot, with_gold
from affectus.corpora.delimited import label, read_rows
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "emorynlp-7"
_COLUMNS = (
    "Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode", "Start_Time", "End_Time",
)  # fmt: skip

CORPUS = Corpus(
    name="emorynlp",
    title="9,489 utterances of 827 scenes from a television series, seven emotions of a wheel",
    modality="text",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="Apache-2.0 repository; transcripts of a commercial programme, research",
    ship=False,
    consent="acted: lines of professional actors",
    citation="Zahiri & Choi 2018, Emotion Detection on TV Show Transcripts, AAAI workshops, arXiv:1708.04299",
    perspective_source="four crowd workers read the scene and judged the emotion of the speaker",
    group="scene (dialogue); a speaker (track) is in many",
    splits={"train": Split(7551), "dev": Split(954), "test": Split(984)},
    files=("emorynlp_train_final.csv",),
    folders=("EmoryNLP",),
    obtain="declare-lab/conv-emotion on GitHub, or emorynlp/emotion-detection",
)


def load(folder: Path) -> Loaded:
    """Read `emorynlp_{train,dev,test}_final.csv`; a sample's source is its scene, in order.

    Several people who speak at once are one track, joined by `and`.

    Raises:
        FileError: If a row can't be understood.
    """
    splits = {}
    backwards = 0
    for split in ("train", "dev", "test"):
        path = find_file(folder, f"emorynlp_{split}_final.csv")
        rows, lines, _ = read_rows(path, _COLUMNS)
        samples, labels = [], []
        for row, line in zip(rows, lines, strict=True):
            scene = f"s{row['Season']}e{row['Episode']}c{row['Scene_ID']}"
            start, end = (_seconds(path, line, row[column]) for column in ("Start_Time", "End_Time"))
            strange = start is not None and end is not None and end < start
            backwards += strange
            samples.append(
                Sample(
                    id=f"{split}-{scene}-{row['Utterance_ID']}",
                    source=f"emorynlp/{split}/{scene}",
                    item=_number(path, line, row["Utterance_ID"]),
                    text=row["Utterance"],
                    track=_speaker(path, line, row["Speaker"]),
                    start=None if strange else start,
                    end=None if strange else end,
                    language="en",
                    groups={"dialogue": scene},
                )
            )
            labels.append([label(path, line, "Emotion", row["Emotion"].lower(), scale(SCALE).labels)])
        gold = {SCALE: one_hot(labels, SCALE)}
        splits[split] = with_gold(samples, gold, perspective="perceived", by="emorynlp raters", modality="text")
    return Loaded(CORPUS, splits, remarks={"with times that run backwards, left untimed": backwards})


def _speaker(path: Path, line: int, cell: str) -> str:
    """`['Monica Geller']` as a name."""
    try:
        names = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise FileError(f"line {line} of {path.name!r} has the speaker {cell[:60]!r}", allowed="a list of names")
    return " and ".join(names)


def _number(path: Path, line: int, cell: str) -> int:
    if not cell.isdigit():
        raise FileError(f"line {line} of {path.name!r} has the utterance {cell!r}", allowed="a whole number")
    return int(cell)


def _seconds(path: Path, line: int, cell: str) -> float | None:
    """`00:14:38.127` in seconds; None where there is none."""
    if not cell.strip():
        return None
    try:
        hours, minutes, seconds = cell.replace(",", ".").split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        raise FileError(f"line {line} of {path.name!r} has the time {cell!r}", allowed="hh:mm:ss.mmm") from None
