"""WRIME: Japanese posts with eight emotions as their writer and three readers rate them (Kajiwara et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Judgement, Loaded, Split, find_file, with_judgements
from affectus.corpora.delimited import check_columns, label, read_rows, value
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "wrime-8"
SENTIMENT = "wrime-sentiment"
JUDGES = {
    "writer": "Writer",
    "average of readers": "Avg. Readers",
    "reader 1": "Reader1",
    "reader 2": "Reader2",
    "reader 3": "Reader3",
}
"""Who judged, as in the column `by` of the gold, and how their columns begin. The average is rounded."""

VERSIONS = {
    "wrime-ver1.tsv": {"train": Split(40_000), "dev": Split(1_200), "test": Split(2_000)},
    "wrime-ver2.tsv": {"train": Split(30_000), "dev": Split(2_500), "test": Split(2_500)},
}
_SPLITS = ("train", "dev", "test")
_PLAIN = ("Sentence", "UserID", "Train/Dev/Test")

CORPUS = Corpus(
    name="wrime",
    title="Japanese posts (43,200 in version 1, 35,000 in version 2) rated by their writer and three readers",
    modality="text",
    targets=(Target(SCALE, "felt"), Target(SCALE, "perceived")),
    language="ja",
    licence="CC BY-NC-ND 4.0, no redistribution",
    ship=False,
    consent="questionnaire study: paid crowd workers gave and rated their own posts, under numbers",
    citation="Kajiwara et al. 2021, WRIME, NAACL; version 2: Suzuki et al. 2022, LREC",
    perspective_source="writers rated their own feeling; readers what they think that the writer feels (README of the"
    " corpus)",
    group="author: the writer (UserID)",
    files=("wrime-ver1.tsv", "wrime-ver2.tsv"),
    folders=("wrime-ver1", "wrime-ver2"),
    obtain="ids-cv/wrime on GitHub",
)


def load(folder: Path) -> Loaded:
    r"""Read `wrime-ver1.tsv`, or `wrime-ver2.tsv` where that is not there.

    Every post has five rows of gold: its writer (felt), then the rounded average of the readers and each of the three
    (perceived); `by` tells them apart. Version 2 also has the sentiment. Old copies write "Saddness". Literal `\n` in
    a post becomes a line break.
    """
    path = find_file(folder, *CORPUS.files)
    rows, lines, _ = read_rows(path, _PLAIN, delimiter="\t")
    if rows and "Writer_Saddness" in rows[0]:
        rows = [{name.replace("Saddness", "Sadness"): cell for name, cell in row.items()} for row in rows]
    columns = {
        judge: [f"{start}_{name.capitalize()}" for name in scale(SCALE).labels] for judge, start in JUDGES.items()
    }
    if rows:
        check_columns(path, list(rows[0]), [name for names in columns.values() for name in names])
    splits: dict[str, list[int]] = {split: [] for split in _SPLITS}
    samples = []
    for i, (row, line) in enumerate(zip(rows, lines, strict=True)):
        splits[label(path, line, "Train/Dev/Test", row["Train/Dev/Test"].lower(), _SPLITS)].append(i)
        samples.append(
            Sample(
                id=f"{path.stem}-{i}",
                source="wrime",
                item=i,
                text=row["Sentence"].replace("\\n", "\n"),
                track=row["UserID"],
                language="ja",
                groups={"author": row["UserID"]},
            )
        )
    judgements = [
        Judgement(
            _scores(path, rows, lines, names, JUDGES[judge]),
            "felt" if judge == "writer" else "perceived",
            f"wrime {judge}",
        )
        for judge, names in columns.items()
    ]
    rated = with_judgements(samples, judgements, modality="text")
    return Loaded(
        replace(CORPUS, splits=VERSIONS.get(path.name, {})),
        {split: [rated[i] for i in which] for split, which in splits.items()},
    )


def _scores(
    path: Path, rows: Sequence[Mapping[str, str]], lines: Sequence[int], names: Sequence[str], judge: str
) -> dict[str, np.ndarray]:
    def numbers(columns: Sequence[str], of: str) -> np.ndarray:
        low, high = scale(of).low, scale(of).high
        cells = [
            [value(path, line, name, row[name], low, high) for name in columns]
            for row, line in zip(rows, lines, strict=True)
        ]
        return np.array(cells, np.float32).reshape(-1, len(columns))

    scores = {SCALE: numbers(names, SCALE)}
    if rows and f"{judge}_Sentiment" in rows[0]:
        scores[SENTIMENT] = numbers([f"{judge}_Sentiment"], SENTIMENT)
    return scores
