"""SemEval-2018 task 1, V-reg: the valence of English tweets as a number (Mohammad et al. 2018)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, find_file, numbered, read_lines, with_gold
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target

SCALE = "valence"
_AUDIT = "2018-En-mystery-"  # the Equity Evaluation Corpus, hidden among the test tweets; its scores are no ratings
_FILES = {"train": "train", "dev": "dev", "test": "test-gold"}

CORPUS = Corpus(
    name="semeval2018-vreg",
    title="English tweets with valence from best-worst scaling",
    modality="text",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="research, by the organisers; terms of Twitter",
    ship=False,
    consent="public: tweets, users masked",
    citation="Mohammad et al. 2018, SemEval-2018 Task 1: Affect in Tweets",
    perspective_source="raters compared tweets by the state of mind of the tweeter that they infer",
    group="none is given",
    splits={
        "train": Split(1181, "b76844ed7b22d4d2"),
        "dev": Split(449, "f5a96acd2c625de2"),
        "test": Split(937, "70b3b4b72c5602aa"),
        "audit": Split(16937, "38e4ea3c1f1e00f6"),
    },
    files=("V-reg/Valence-reg-En-train.txt", "Valence-reg-En-train.txt"),
    folders=("semeval2018-task1",),
    obtain="page of SemEval-2018 task 1 (Affect in Tweets)",
)


def load(folder: Path) -> Loaded:
    """Read `Valence-reg-En-{train,dev,test-gold}.txt` in `folder` or its `V-reg`, quoting disabled.

    The published 0..1 becomes −1..1. Audit sentences of the test file form the split `audit`, without gold: they are
    for a test of bias, not for the score.
    """
    place = find_file(folder, *CORPUS.files).parent
    splits: dict[str, list[Sample]] = {}
    for split, name in _FILES.items():
        splits[split], audit = _read(find_file(place, f"Valence-reg-En-{name}.txt"), split)
        splits.setdefault("audit", []).extend(audit)
    return Loaded(CORPUS, {split: rows for split, rows in splits.items() if rows or split != "audit"})


def _read(path: Path, split: str) -> tuple[list[Sample], list[Sample]]:
    scored, audit, values = [], [], []
    for line, row in numbered(read_lines(path)):
        if line == 1:
            continue
        cells = row.split("\t")
        if len(cells) != 4 or cells[2] != "valence":
            raise FileError(f"line {line} of {path.name!r} is {row[:60]!r}", allowed="ID, tweet, valence, score")
        sample = Sample(id=cells[0], source=f"semeval2018-vreg/{split}", item=line - 2, text=cells[1], language="en")
        if cells[0].startswith(_AUDIT):
            audit.append(sample)
            continue
        try:
            values.append(2 * float(cells[3]) - 1)
        except ValueError:
            raise FileError(f"line {line} of {path.name!r} has the score {cells[3]!r}", allowed="0 to 1") from None
        scored.append(sample)
    gold = {SCALE: np.array(values, np.float32).reshape(-1, 1)}
    return with_gold(scored, gold, perspective="perceived", by="semeval2018 raters", modality="text"), audit
