"""EmpatheticDialogues turn by turn, with what the listener replies (Rashkin et al. 2019)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from affectus.corpora.base import Corpus, Loaded, find_file, one_hot, with_gold
from affectus.corpora.delimited import check_columns, decode, label
from affectus.corpora.empathetic_dialogues import CORPUS as CONTEXTS
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, map_scores, scale

SCALE, GROUPS = "empathetic-dialogues-32", "empathetic-dialogues-8"
HELD = 10
"""Without a training file, one in so many conversations of the development file is kept to watch."""

_HEADER = ("conv_id", "utterance_idx", "context", "prompt", "speaker_idx", "utterance")
_CELLS = 8
_CSV = {"train": "train.csv", "dev": "valid.csv", "test": "test.csv"}
_LINES = {"dev": "dev.jsonl", "test": "test.jsonl"}

CORPUS = Corpus(
    name="empathetic-replies",
    title="25k conversations about situations with one of 32 emotions, turn by turn with the listener's replies",
    modality="text",
    targets=(Target(SCALE, "felt"), Target(GROUPS, "felt")),
    language="en",
    licence=CONTEXTS.licence,
    ship=False,
    consent=CONTEXTS.consent,
    citation=CONTEXTS.citation,
    perspective_source=CONTEXTS.perspective_source,
    group="dialogue: one conversation",
    files=CONTEXTS.files,
    folders=("empathetic-dialogues", *CONTEXTS.folders),
    obtain=CONTEXTS.obtain,
)


class _Talk(NamedTuple):
    id: str
    emotion: str
    prompt: str
    turns: list[str]


def load(folder: Path) -> Loaded:
    """Read `{train,valid,test}.csv` of the release, or `{dev,test}.jsonl`; splits that are not there are absent.

    A sample is a turn, of the track `speaker` or `listener`, and a conversation begins with the speaker; in the CSV
    files its situation stands before it, of the track `situation`. The speaker's turns and the situation have gold on
    the 32 labels and on their eight groups. The JSON lines have neither situations nor training conversations: nine in
    ten of `dev.jsonl` are `train` then, the tenth is `dev`. Their conversations end with the speaker, but in
    `test.jsonl` with the last `reference`, in small letters and with spaces between words and marks.
    """
    remarks: dict[str, int] = {}
    if any((folder / name).is_file() for name in _CSV.values()):
        talks = {split: list(_from_csv(folder / name)) for split, name in _CSV.items() if (folder / name).is_file()}
    else:
        find_file(folder, *CORPUS.files[2:], *CORPUS.files[:2])
        talks = {split: _from_lines(folder / n, split) for split, n in _LINES.items() if (folder / n).is_file()}
        whole = talks.pop("dev", [])
        if whole:
            watched = whole[HELD - 1 :: HELD]
            talks = {"train": [t for i, t in enumerate(whole) if i % HELD != HELD - 1]} | talks
            talks |= {"dev": watched} if watched else {}
            remarks["conversations of the development file taken for training"] = len(talks["train"])
    return Loaded(CORPUS, {split: _samples(found, split) for split, found in talks.items()}, remarks=remarks)


def _samples(talks: Sequence[_Talk], split: str) -> list[Sample]:
    samples, emotions = [], []
    for talk in talks:
        said = [("situation", talk.prompt)] if talk.prompt else []
        said += [(("speaker", "listener")[i % 2], text) for i, text in enumerate(talk.turns)]
        for item, (track, text) in enumerate(said):
            samples.append(
                Sample(
                    id=f"{talk.id}-{item}",
                    source=f"empathetic-replies/{split}/{talk.id}",
                    item=item,
                    text=" ".join(text.split()),
                    track=track,
                    language="en",
                    groups={"dialogue": talk.id},
                )
            )
            emotions.append([talk.emotion] if track != "listener" else [])
    felt = one_hot(emotions, SCALE, without=float("nan"))
    gold = {SCALE: felt, GROUPS: map_scores(felt, SCALE, GROUPS)}
    return with_gold(samples, gold, perspective="felt", by="empathetic-dialogues speakers", modality="text")


def _from_csv(path: Path) -> Iterator[_Talk]:
    lines = decode(path)[0].split("\n")
    check_columns(path, [cell.strip() for cell in lines[0].split(",")], _HEADER)
    rows = [(number, line.rstrip("\r").split(",")) for number, line in enumerate(lines[1:], 2) if line.strip()]
    for number, cells in rows:
        if len(cells) < _CELLS:
            raise FileError(
                f"line {number} of {path.name!r} has {len(cells)} cells",
                allowed=f"{_CELLS}, with _comma_ for commas of the text",
                remedy="get the file of the release again; a spreadsheet may have changed it",
            )
    for name, group in groupby(rows, key=lambda row: row[1][0]):
        found = list(group)
        number, first = found[0]
        emotion = label(path, number, "context", first[2], scale(SCALE).labels)
        texts = [cells[5].replace("_comma_", ",") for _, cells in found]
        yield _Talk(name, emotion, first[3].replace("_comma_", ","), texts)


def _from_lines(path: Path, split: str) -> list[_Talk]:
    """Conversations from points whose contexts grow, each with the reply that the last point has, if any."""
    talks: list[_Talk] = []
    before: list[str] = []
    for number, line in enumerate(decode(path)[0].split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            emotion, turns = str(row["emotion"]), [str(turn) for turn in row["context"]]
            reply = [str(row["reference"])] if "reference" in row else []
        except (ValueError, KeyError, TypeError) as error:
            raise FileError(
                f"line {number} of {path.name!r} is no response point ({error})",
                allowed="an object with id, emotion and context",
            ) from error
        label(path, number, "emotion", emotion, scale(SCALE).labels)
        grows = bool(before) and len(turns) > len(before) and turns[: len(before)] == before
        talk = _Talk(talks[-1].id if grows else f"{split}-{number}", emotion, "", turns + reply)
        if grows:
            talks.pop()
        talks.append(talk)
        before = turns
    return talks
