"""EmpatheticDialogues where its training file is not at hand: the development file is learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from affectus.corpora import empathetic_dialogues
from affectus.corpora.base import Corpus, Loaded, Split, groups
from affectus.corpora.empathetic_dialogues import CORPUS as WHOLE
from affectus.errors import FileError
from affectus.sample import Sample

HELD = 10
"""One in so many conversations of the development file is kept to watch."""

_OF_LINES = {
    "train": Split(5159, "0e4da516b738289a"),
    "dev": Split(575, "dcbfa1bc88fcccb0"),
    "test": Split(5255, "88048694950bba7d"),
}

CORPUS = Corpus(
    name="empathetic-dialogues-small",
    title="2,762 development conversations of EmpatheticDialogues, nine in ten to learn from; its own test split",
    modality="text",
    targets=WHOLE.targets,
    language="en",
    licence=WHOLE.licence,
    ship=False,
    consent=WHOLE.consent,
    citation=WHOLE.citation,
    perspective_source=WHOLE.perspective_source,
    group=WHOLE.group,
    files=("valid.csv", "dev.jsonl"),
    folders=("empathetic-dialogues", *WHOLE.folders),
    obtain=WHOLE.obtain,
)


def load(folder: Path) -> Loaded:
    """Read what `empathetic-dialogues` reads; the training file is left aside, even where it is there.

    Nine in ten conversations of the development file are `train`, each tenth is `dev`, and `test` is the official one.
    A system that learned from it is not to be compared with those that learned from the 40,250 training points.

    Raises:
        FileError: If there is no development file.
    """
    loaded = empathetic_dialogues.load(folder)
    if "dev" not in loaded.splits:
        raise FileError(f"{str(folder)!r} has no development file", allowed=", ".join(CORPUS.files))
    rows = loaded["dev"]
    number = {name: i for i, name in enumerate(dict.fromkeys(groups(rows, "dialogue").tolist()))}
    held = [number[row.groups["dialogue"]] % HELD == HELD - 1 for row in rows]
    splits: dict[str, Sequence[Sample]] = {
        "train": [row for row, watched in zip(rows, held, strict=True) if not watched],
        "dev": [row for row, watched in zip(rows, held, strict=True) if watched],
    }
    splits |= {"test": loaded["test"]} if "test" in loaded.splits else {}
    described = replace(CORPUS, splits=_OF_LINES) if loaded.corpus.splits else CORPUS
    return replace(loaded, corpus=described, splits={name: rows for name, rows in splits.items() if rows})
