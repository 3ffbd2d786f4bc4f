"""`peld-next` on a split of ours that no utterance of a speaker crosses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from affectus.corpora import peld_next
from affectus.corpora.base import Corpus, Loaded, Split, gold, groups
from affectus.corpora.drawing import deal
from affectus.corpora.peld import SCALE

FOLDS = 6  # the last is test, the one before it dev; the first is what stock phrases join, two fifths of all triples
_PARTS = {FOLDS - 1: "test", FOLDS - 2: "dev"}

CORPUS = Corpus(
    name="peld-next-grouped",
    title="6,510 triples of utterances, the emotion of the third; no utterance of a speaker is in two splits",
    modality="text",
    targets=peld_next.CORPUS.targets,
    language="en",
    licence=peld_next.CORPUS.licence,
    ship=False,
    consent=peld_next.CORPUS.consent,
    citation=peld_next.CORPUS.citation,
    perspective_source=peld_next.CORPUS.perspective_source,
    group="component: triples that share an utterance of a speaker",
    splits={
        "train": Split(3 * 5011, "2ed48a9328e11c14"),
        "dev": Split(3 * 749, "40e80ed5a476ce26"),
        "test": Split(3 * 750, "35b47b8cefd63446"),
    },
    files=peld_next.CORPUS.files,
    folders=("peld", "PELD"),
    obtain=peld_next.CORPUS.obtain,
)


def load(folder: Path) -> Loaded:
    """Read what `peld-next` reads; whole components are dealt out, stratified by the third emotion, seed 0."""
    loaded = peld_next.load(folder)
    rows = sorted(
        (s for split in loaded.splits.values() for s in split), key=lambda s: [int(n) for n in s.id.split("-")[1:]]
    )
    third = rows[2::3]
    fold = deal(gold(third, SCALE).argmax(1).tolist(), groups(third, "component").tolist(), folds=FOLDS)
    part = np.array([_PARTS.get(int(number), "train") for number in np.repeat(fold, 3)])
    splits = {name: [rows[i] for i in np.flatnonzero(part == name)] for name in loaded.splits}
    return replace(loaded, corpus=CORPUS, splits=splits)
