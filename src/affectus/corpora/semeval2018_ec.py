"""SemEval-2018 task 1, E-c: English tweets with any of eleven emotions (Mohammad et al. 2018)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, find_file, with_gold
from affectus.corpora.delimited import label, read_rows
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "semeval2018-ec-11"

CORPUS = Corpus(
    name="semeval2018-ec",
    title="11k English tweets with any of eleven emotions, or none",
    modality="text",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="research, by the organisers; terms of Twitter",
    ship=False,
    consent="public: tweets, users masked",
    citation="Mohammad et al. 2018, SemEval-2018 Task 1: Affect in Tweets",
    perspective_source="raters said which emotions best describe the state of mind of the tweeter that they infer",
    group="none is given",
    splits={
        "train": Split(6838, "5487103c5015270d"),
        "dev": Split(886, "3450b9caa4893257"),
        "test": Split(3259, "8031162b89d1c50e"),
    },
    files=("E-c/*E-c-En-train.txt", "*E-c-En-train.txt"),
    folders=("semeval2018-task1",),
    obtain="page of SemEval-2018 task 1 (Affect in Tweets)",
)


def load(folder: Path) -> Loaded:
    """Read `E-c-En-{train,dev,test-gold}.txt` (or `2018-E-c-En-…`) in `folder` or its `E-c`, quoting disabled."""
    place = find_file(folder, *CORPUS.files).parent
    names = {"train": "train", "dev": "dev", "test": "test-gold"}
    return Loaded(
        CORPUS, {split: _read(find_file(place, f"*E-c-En-{name}.txt"), split) for split, name in names.items()}
    )


def _read(path: Path, split: str) -> list[Sample]:
    labels = scale(SCALE).labels
    rows, lines, _ = read_rows(path, ("ID", "Tweet", *labels), delimiter="\t", quoted=False)
    samples = [
        Sample(id=row["ID"], source=f"semeval2018-ec/{split}", item=i, text=row["Tweet"], language="en")
        for i, row in enumerate(rows)
    ]
    scores = [
        [float(label(path, line, name, row[name], ("0", "1"))) for name in labels]
        for row, line in zip(rows, lines, strict=True)
    ]
    gold = {SCALE: np.array(scores, np.float32).reshape(-1, len(labels))}
    return with_gold(samples, gold, perspective="perceived", by="semeval2018 raters", modality="text")
