"""PELD as the task of its authors: the emotion of a third utterance before it is said; see `peld` for the file."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from affectus.corpora import peld
from affectus.corpora.base import Corpus, Loaded, Split, one_hot, with_gold
from affectus.corpora.peld import SCALE
from affectus.taxonomy import Target, map_scores

SENTIMENT = "polarity-3"
SHA256 = "e7885800f3e2611108d06af33c1df7c9c8184a28d663df7deb5b559ba5ac8c1f"
"""Of the published file, to which the counts of all splits belong."""

CORPUS = Corpus(
    name="peld-next",
    title="6,510 triples of utterances: the emotion of the third from the two before it, and who speaks",
    modality="text",
    targets=(Target(SCALE, "intended"), Target(SENTIMENT, "intended")),
    language="en",
    licence=peld.CORPUS.licence,
    ship=False,
    consent=peld.CORPUS.consent,
    citation=peld.CORPUS.citation,
    perspective_source="raters judged the emotion that the third line shows; before it is said, it is yet to be shown",
    group="component: triples that share an utterance of a speaker; the official split is drawn at random across them",
    splits={
        "train": Split(3 * 5273, "d2f86fe092e4d1d8"),
        "dev": Split(3 * 586, "320198bebbf296aa"),
        "test": Split(3 * 651, "a0a8c756ea14f6a4"),
    },
    files=peld.CORPUS.files,
    folders=("peld", "PELD"),
    obtain=peld.CORPUS.obtain,
)


def load(folder: Path) -> Loaded:
    """Read what `peld` reads, on the official split; only the third utterance of each triple has gold.

    The emotions of the first two are given: `features["peld-7"]` are the shares of the labels, one of which is 1. The
    group `component` joins triples that share an utterance of a speaker, word for word, also by way of others.
    """
    triples = peld.read(folder)
    samples, scores = triples.samples, one_hot([[name] for name in triples.labels], SCALE)
    component = components([{(s.track, s.text) for s in samples[i : i + 3]} for i in range(0, len(samples), 3)])
    samples = [
        replace(sample, groups={**sample.groups, "component": f"component-{component[row // 3]}"})
        for row, sample in enumerate(samples)
    ]
    third = scores[2::3]
    samples[2::3] = with_gold(
        samples[2::3],
        {SCALE: third, SENTIMENT: map_scores(third, SCALE, SENTIMENT)},
        perspective="intended",
        by="peld raters",
        modality="text",
    )
    for turn in (0, 1):
        samples[turn::3] = [
            replace(sample, features={SCALE: row})
            for sample, row in zip(samples[turn::3], scores[turn::3], strict=True)
        ]
    return Loaded(CORPUS, triples.spread(samples), personas=triples.personas)


def components(members: Sequence[Iterable[Hashable]]) -> np.ndarray:
    """Number of the connected component of each row, (n,); two rows are joined if they have a member in common."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    number: dict[Hashable, int] = {}
    rows, columns = [], []
    for row, held in enumerate(members):
        for member in held:
            rows.append(row)
            columns.append(len(members) + number.setdefault(member, len(number)))
    size = len(members) + len(number)
    joined = coo_matrix((np.ones(len(rows)), (rows, columns)), (size, size))
    return connected_components(joined, directed=False)[1][: len(members)]
