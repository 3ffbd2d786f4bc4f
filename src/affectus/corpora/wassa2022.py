"""WASSA 2022: essays on news articles with empathy, distress and an emotion (Barriere et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Judgement, Loaded, Split, find_file, one_hot, with_judgements
from affectus.corpora.delimited import decode, read_rows, value
from affectus.corpora.wassa_gold import ENCODINGS, ESSAY_COLUMNS, emotions, read_gold
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "empathy-distress"
EMOTION = "ekman-6+neutral"
_FEATURES = ("message_id", "response_id", "article_id", "essay")
_DEV = "messages_dev_features_ready_for_WS_2022.tsv"
_TEST = "messages_test_features_ready_for_WS_2022.tsv"

CORPUS = Corpus(
    name="wassa2022",
    title="2,655 essays on news articles; empathy and distress of their writers, and an emotion",
    modality="text",
    targets=(Target(SCALE, "felt"), Target(EMOTION, "perceived")),
    language="en",
    licence="shared-task data: research only",
    ship=False,
    consent="questionnaire study: paid crowd workers, anonymous; the essays are about distress and never quoted",
    citation="Barriere et al. 2022, WASSA 2022 Shared Task: Predicting Empathy, Emotion and Personality, WASSA at ACL",
    perspective_source="empathy and distress are the writers' own ratings; the emotion was given by others who read the"
    " essay (Tafreshi et al. 2021, WASSA 2021 shared task)",
    group="author (response_id) and article",
    splits={"train": Split(1860), "dev": Split(270), "test": Split(525)},
    files=("messages_train_ready_for_WS.tsv",),
    folders=("wassa2022-essays", "WASSA2022"),
    obtain="organisers of the WASSA 2022 shared task",
)


def load(folder: Path) -> Loaded:
    """Read `messages_train_ready_for_WS.tsv`, and the features of dev and test where they are.

    The gold of dev stands in `goldstandard_dev_2022.tsv`, without header, row by row. Test has no gold. The emotion is
    that of readers, so samples have two rows of gold: the writer's first. Demographic columns, personality and
    reactivity are not read.
    """
    train = find_file(folder, *CORPUS.files)
    remarks: dict[str, int] = {}
    splits = {"train": _read(train, "train", None, remarks)}
    if (train.parent / _DEV).is_file():
        gold = find_file(train.parent, "goldstandard_dev_2022.tsv")
        splits["dev"] = _read(train.parent / _DEV, "dev", gold, remarks)
    if (train.parent / _TEST).is_file():
        splits["test"] = _read(train.parent / _TEST, "test", None, remarks)
    return Loaded(CORPUS, splits, remarks=remarks)


def _read(path: Path, split: str, gold: Path | None, remarks: dict[str, int]) -> list[Sample]:
    text, encoding = decode(path, *ENCODINGS)
    needed = (*_FEATURES, "empathy", "distress", "emotion") if split == "train" else _FEATURES
    rows, lines, _ = read_rows(path, needed, delimiter="\t", text=text)
    if encoding != "utf-8":
        remarks[f"read as {encoding}"] = remarks.get(f"read as {encoding}", 0) + len(rows)
    samples = [
        Sample(
            id=row["message_id"],
            source=f"wassa2022/{split}",
            item=i,
            text=row["essay"],
            track=row["response_id"],
            language="en",
            groups={"author": row["response_id"], "article": row["article_id"]},
        )
        for i, row in enumerate(rows)
    ]
    if split == "test":
        return samples
    if gold is None:
        return _rated(samples, path, rows, lines)
    names = ("empathy", "distress", "emotion")
    cells = read_gold(gold, ESSAY_COLUMNS, len(rows))
    return _rated(samples, gold, [dict(zip(names, row, strict=False)) for row in cells], range(1, len(cells) + 1))


def _rated(
    samples: Sequence[Sample], path: Path, rows: Sequence[Mapping[str, str]], lines: Sequence[int]
) -> list[Sample]:
    of, labels = scale(SCALE), scale(EMOTION).labels
    where = list(zip(rows, lines, strict=True))
    own = [[value(path, line, name, row[name], of.low, of.high) for name in of.labels] for row, line in where]
    seen = [emotions(path, line, row["emotion"], labels) for row, line in where]
    return with_judgements(
        samples,
        [
            Judgement({SCALE: np.array(own, np.float32).reshape(-1, len(of))}, "felt", "wassa2022 writers"),
            Judgement({EMOTION: one_hot(seen, EMOTION)}, "perceived", "wassa2022 raters"),
        ],
        modality="text",
    )
