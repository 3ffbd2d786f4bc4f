"""WASSA 2023: conversations on news articles, and the essays that both speakers wrote before (Barriere et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Judgement, Loaded, Split, find_file, one_hot, with_gold, with_judgements
from affectus.corpora.delimited import decode, read_rows, value
from affectus.corpora.wassa_gold import ENCODINGS, ESSAY_COLUMNS, emotions, read_gold
from affectus.sample import Persona, Sample
from affectus.taxonomy import Target, scale

SCALE = "empathy-distress"
EMOTION = "wassa2023-essay-8"
TURN_SCALES = {
    "wassa-turn-polarity": "EmotionalPolarity",
    "wassa-turn-intensity": "Emotion",
    "wassa-turn-empathy": "Empathy",
}
_ESSAY = ("conversation_id", "article_id", "essay", "speaker_id", "essay_id")
_TURN = ("conversation_id", "turn_id", "text", "speaker_number", "article_id", "speaker_id", "essay_id")
_ESSAYS = {
    "train": "WASSA23_essay_level_with_labels_train.tsv",
    "dev": "WASSA23_essay_level_dev.tsv",
    "test": "WASSA23_essay_level_test.tsv",
}
_CONVERSATIONS = {
    "train": "WASSA23_conv_level_with_labels_train.tsv",
    "dev": "WASSA23_conv_level_dev.tsv",
    "test": "WASSA23_conv_level_test.tsv",
}

CORPUS = Corpus(
    name="wassa2023",
    title="12,601 turns of conversations on news articles, and 1,136 essays of their speakers",
    modality="text",
    targets=(
        *(Target(name, "perceived") for name in TURN_SCALES),
        Target(SCALE, "felt"),
        Target(EMOTION, "perceived"),
    ),
    language="en",
    licence="shared-task data: research only",
    ship=False,
    consent="questionnaire study: paid crowd workers, under numbers; the texts are about distress and never quoted",
    citation="Barriere et al. 2023, Findings of WASSA 2023 Shared Task, WASSA at ACL, from Omitaomu et al. 2022",
    perspective_source="turns and the emotions of essays: third persons; empathy and distress: the writers' own ratings"
    " (abstract of the findings)",
    group="dialogue, article and speaker",
    splits={
        "train": Split(8776),
        "dev": Split(2400),
        "test": Split(1425),
        "essay-train": Split(792),
        "essay-dev": Split(208),
        "essay-test": Split(136),
    },
    files=("WASSA23_conv_level_with_labels_train.tsv", "WASSA23_essay_level_with_labels_train.tsv"),
    folders=("WASSA2023",),
    obtain="organisers of the WASSA 2023 shared task",
)


def load(folder: Path) -> Loaded:
    """Read the essay files and the conversation files that are there; gold of dev and test row by row, without header.

    The gold of turns is the file `goldstandard…` whose name holds "conv" and the split; its columns are taken to be
    polarity, intensity and empathy, the order in which a participant's script wrote its predictions (not verified).

    The splits `train`, `dev` and `test` hold turns, `essay-…` essays. `Loaded.dialogues` gives conversations whose
    personas carry the essay of each speaker in their attributes. An essay may have several emotions, joined by `/`.
    Demographic columns, personality and reactivity are not read.
    """
    place = find_file(folder, *CORPUS.files).parent
    remarks: dict[str, int] = {}
    turns: dict[str, list[Sample]] = {}
    essays: dict[str, list[Sample]] = {}
    personas: dict[str, dict[str, Persona]] = {}
    for split in ("train", "dev", "test"):
        own: list[Sample] = []
        if (path := place / _ESSAYS[split]).is_file():
            gold = next((p for p in (place / f"goldstandard_{split}.tsv",) if p.is_file()), None)
            own = essays[f"essay-{split}"] = _essays(path, split, gold, remarks)
        if (path := place / _CONVERSATIONS[split]).is_file():
            gold = _conversation_gold(place, split)
            turns[split] = _turns(path, split, gold, remarks)
            personas |= _personas(turns[split], own)
    return Loaded(CORPUS, turns | essays, remarks=remarks, personas=personas)


def _conversation_gold(place: Path, split: str) -> Path | None:
    named = [path for path in sorted(place.glob("goldstandard*.tsv")) if "conv" in path.name.lower()]
    return next((path for path in named if split in path.name.lower()), None)


def _rows(path: Path, needed: Sequence[str], remarks: dict[str, int]) -> tuple[list[dict[str, str]], list[int]]:
    text, encoding = decode(path, *ENCODINGS)
    found = read_rows(path, needed, delimiter="\t", text=text)
    if encoding != "utf-8":
        remarks[f"read as {encoding}"] = remarks.get(f"read as {encoding}", 0) + len(found.rows)
    return found.rows, found.lines


def _essays(path: Path, split: str, gold: Path | None, remarks: dict[str, int]) -> list[Sample]:
    rows, lines = _rows(path, _ESSAY, remarks)
    samples = [
        Sample(
            id=f"essay-{split}-{row['essay_id']}",
            source=f"wassa2023/essay-{split}",
            item=i,
            text=row["essay"],
            track=row["speaker_id"],
            language="en",
            groups={"author": row["speaker_id"], "article": row["article_id"]},
        )
        for i, row in enumerate(rows)
    ]
    judged: Sequence[Mapping[str, str]] = rows
    where = path
    if gold is not None:
        names = (*scale(SCALE).labels, "emotion")
        judged = [dict(zip(names, row, strict=False)) for row in read_gold(gold, ESSAY_COLUMNS, len(rows))]
        where, lines = gold, list(range(1, len(rows) + 1))
    elif rows and "empathy" not in rows[0]:
        return samples
    of, labels = scale(SCALE), scale(EMOTION).labels
    places = list(zip(judged, lines, strict=True))
    own = [[value(where, line, name, row[name], of.low, of.high) for name in of.labels] for row, line in places]
    seen = [emotions(where, line, row["emotion"], labels) for row, line in places]
    return with_judgements(
        samples,
        [
            Judgement({SCALE: np.array(own, np.float32).reshape(-1, len(of))}, "felt", "wassa2023 writers"),
            Judgement({EMOTION: one_hot(seen, EMOTION)}, "perceived", "wassa2023 raters"),
        ],
        modality="text",
    )


def _turns(path: Path, split: str, gold: Path | None, remarks: dict[str, int]) -> list[Sample]:
    rows, lines = _rows(path, _TURN, remarks)
    samples = [
        Sample(
            id=f"{split}-{row['conversation_id']}-{row['turn_id']}",
            source=f"wassa2023/{split}-{row['conversation_id']}",
            item=int(value(path, line, "turn_id", row["turn_id"], 0, 10_000)),
            text=row["text"],
            track=f"Person {row['speaker_number']}",
            language="en",
            groups={
                "dialogue": f"{split}-{row['conversation_id']}",
                "article": row["article_id"],
                "speaker": row["speaker_id"],
                "essay": row["essay_id"],
            },
        )
        for row, line in zip(rows, lines, strict=True)
    ]
    judged: Sequence[Mapping[str, str]] = rows
    where = path
    if gold is not None:
        cells = read_gold(gold, len(TURN_SCALES), len(rows))
        judged = [dict(zip(TURN_SCALES.values(), row, strict=True)) for row in cells]
        where, lines = gold, list(range(1, len(rows) + 1))
    elif rows and "Empathy" not in rows[0]:
        return samples
    scores = {
        name: np.array(
            [
                [value(where, line, column, row[column], scale(name).low, scale(name).high)]
                for row, line in zip(judged, lines, strict=True)
            ],
            np.float32,
        ).reshape(-1, 1)
        for name, column in TURN_SCALES.items()
    }
    return with_gold(samples, scores, perspective="perceived", by="wassa2023 raters", modality="text")


def _personas(turns: Sequence[Sample], essays: Sequence[Sample]) -> dict[str, dict[str, Persona]]:
    text = {sample.id.rsplit("-", 1)[1]: sample.text for sample in essays}
    out: dict[str, dict[str, Persona]] = {}
    for turn in turns:
        if turn.track and (essay := text.get(turn.groups["essay"])) is not None:
            out.setdefault(turn.groups["dialogue"], {})[turn.track] = Persona(
                turn.groups["speaker"], attributes={"essay": essay}
            )
    return out
