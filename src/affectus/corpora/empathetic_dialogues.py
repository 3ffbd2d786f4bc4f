"""EmpatheticDialogues: conversations about a situation in which the speaker felt one of 32 emotions (Rashkin 2019)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from affectus.affect import Evidence
from affectus.corpora.base import Corpus, Judgement, Loaded, Split, find_file, one_hot, with_judgements
from affectus.corpora.delimited import check_columns, decode, label
from affectus.errors import FileError
from affectus.sample import Dialogue, Sample
from affectus.taxonomy import Target, scale

SCALE = "empathetic-dialogues-32"
TURNS = "\n"
"""Between the turns in the text of a sample; speaker and listener take turns, the speaker begins and ends."""
REPLY = "reply"
"""Kind of evidence in the gold whose text is what the listener then said, where the files tell."""

_HEADER = ("conv_id", "utterance_idx", "context", "prompt", "speaker_idx", "utterance", "selfeval", "tags")
_CSV = {"train": "train.csv", "dev": "valid.csv", "test": "test.csv"}
_LINES = {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"}
_OF_LINES = {"dev": Split(5734, "95dfebb69b38e0f9"), "test": Split(5255, "88048694950bba7d")}  # as MoEL prepared them

CORPUS = Corpus(
    name="empathetic-dialogues",
    title="25k conversations about situations with one of 32 emotions, as contexts before each listener's turn",
    modality="text",
    targets=(Target(SCALE, "felt"),),
    language="en",
    licence="CC BY-NC 4.0 (Meta)",
    ship=False,
    consent="questionnaire study: paid crowd workers, under numbers",
    citation="Rashkin et al. 2019, Towards Empathetic Open-domain Conversation Models, ACL, arXiv:1811.00207",
    perspective_source="the speaker was given the emotion and tells of a situation in which they felt it (section 3)",
    group="dialogue: one conversation gives a context for each turn of the listener",
    files=("train.csv", "valid.csv", "test.jsonl", "dev.jsonl"),
    folders=("empatheticdialogues", "empathetic_dialogues"),
    obtain="facebookresearch/EmpatheticDialogues on GitHub",
)


class _Point(NamedTuple):
    id: str
    dialogue: str
    emotion: str
    turns: list[str]
    reply: str | None


def load(folder: Path) -> Loaded:
    """Read `{train,valid,test}.csv` of the release, or `{train,dev,test}.jsonl`; splits that are not there are absent.

    A sample is all that was said before a turn of the listener, one turn a line (`turns` takes it apart). The CSV files
    know no quoting: cells end at commas, and commas of the text are `_comma_`; cells after the eighth are ignored. JSON
    lines hold `id`, `emotion`, `context` and maybe `reference`, the listener's answer; conversations are told apart
    there by contexts that grow. What the listener answered is evidence of kind `reply` in the gold: the next turn, else
    the reference; JSON lines without it don't tell the last answer of a conversation.
    """
    if any((folder / name).is_file() for name in _CSV.values()):
        paths, read, described = _CSV, _from_csv, CORPUS
    else:
        find_file(folder, *CORPUS.files[2:], *CORPUS.files[:2])
        paths, read, described = _LINES, _from_lines, replace(CORPUS, splits=_OF_LINES)
    remarks = {"cells after the eighth, ignored": 0}
    splits = {
        split: _samples(list(read(folder / name, split, remarks)), split)
        for split, name in paths.items()
        if (folder / name).is_file()
    }
    return Loaded(described, splits, remarks=remarks)


def turns(sample: Sample) -> Dialogue:
    """The turns of a sample as a dialogue of `speaker` and `listener`."""
    said = (sample.text or "").split(TURNS)
    return Dialogue(
        tuple(
            Sample(
                id=f"{sample.id}-{i}",
                source=sample.id,
                item=i,
                text=text,
                track=("speaker", "listener")[i % 2],
                language="en",
                gold=sample.gold if i == len(said) - 1 else None,
                groups=sample.groups,
            )
            for i, text in enumerate(said)
        ),
        id=sample.id,
    )


def _samples(points: Sequence[_Point], split: str) -> list[Sample]:
    samples = [
        Sample(
            id=point.id,
            source=f"empathetic-dialogues/{split}",
            item=i,
            text=TURNS.join(" ".join(turn.split()) for turn in point.turns),
            language="en",
            groups={"dialogue": point.dialogue},
        )
        for i, point in enumerate(points)
    ]
    gold = {SCALE: one_hot([[point.emotion] for point in points], SCALE)}
    replies = [[Evidence(REPLY, text=point.reply)] if point.reply else [] for point in points]
    return with_judgements(
        samples, [Judgement(gold, "felt", "empathetic-dialogues speakers", replies)], modality="text"
    )


def _from_csv(path: Path, split: str, remarks: dict[str, int]) -> Iterator[_Point]:
    lines = decode(path)[0].split("\n")
    check_columns(path, [cell.strip() for cell in lines[0].split(",")], _HEADER)
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        cells = line.rstrip("\r").split(",")
        if len(cells) < len(_HEADER):
            raise FileError(
                f"line {number} of {path.name!r} has {len(cells)} cells",
                allowed=f"{len(_HEADER)}, with _comma_ for commas of the text",
                remedy="get the file of the release again; a spreadsheet may have changed it",
            )
        remarks["cells after the eighth, ignored"] += len(cells) > len(_HEADER)
        rows.append((number, cells))
    for name, turns_of in groupby(rows, key=lambda row: row[1][0]):
        said: list[str] = []
        for number, cells in turns_of:
            emotion = label(path, number, "context", cells[2], scale(SCALE).labels)
            turn = cells[5].replace("_comma_", ",")
            if said and len(said) % 2:  # this one is the listener's
                yield _Point(f"{name}-{len(said)}", name, emotion, list(said), turn)
            said.append(turn)


def _from_lines(path: Path, split: str, remarks: dict[str, int]) -> Iterator[_Point]:
    before = _Point("", "", "", [], None)
    for number, line in enumerate(decode(path)[0].split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            emotion, context = str(row["emotion"]), [str(turn) for turn in row["context"]]
            told = None if row.get("reference") is None else str(row["reference"])
        except (ValueError, KeyError, TypeError) as error:
            raise FileError(
                f"line {number} of {path.name!r} is no response point ({error})",
                allowed="an object with id, emotion and context",
            ) from error
        label(path, number, "emotion", emotion, scale(SCALE).labels)
        grows = bool(before.turns) and context[: len(before.turns)] == before.turns
        name = before.dialogue if grows else f"{split}-{number}"
        point = _Point(f"{split}-{row.get('id', number - 1)}", name, emotion, context, told)
        if before.turns:
            # Its next turn, as it was written; a reference may be tokenised.
            answered = grows and len(context) > len(before.turns)
            yield before._replace(reply=context[len(before.turns)]) if answered else before
        before = point
    if before.turns:
        yield before
