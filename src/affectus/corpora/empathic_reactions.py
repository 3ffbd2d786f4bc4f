"""Empathic Reactions: essays on news articles with the writers' own empathy and distress (Buechel et al. 2018)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectus.corpora.base import Corpus, Loaded, Split, find_file, with_gold
from affectus.corpora.delimited import read_rows, value
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "empathy-distress"
_COLUMNS = ("message_id", "response_id", "article_id", "empathy", "distress", "essay")

CORPUS = Corpus(
    name="empathic-reactions",
    title="1,860 essays of 372 people on 417 news articles, with self-reported empathy and distress",
    modality="text",
    targets=(Target(SCALE, "felt"),),
    language="en",
    licence="CC BY 4.0",
    ship=True,
    consent="questionnaire study: paid crowd workers, anonymous; the essays are about distress and never quoted",
    citation="Buechel et al. 2018, Modeling empathy and distress in reaction to news stories, EMNLP, arXiv:1808.10399",
    perspective_source="the writers rated their own state on Batson's items before they wrote (section 3 of the paper)",
    group="author (response_id, five essays each) and article",
    splits={"all": Split(1860, "ec674abcb11f28b1")},
    files=("data/responses/data/messages.csv", "messages.csv"),
    obtain="wwbp/empathic_reactions on GitHub",
)


def load(folder: Path) -> Loaded:
    """Read `messages.csv`; there is no official split, the paper uses ten folds."""
    path, of = find_file(folder, *CORPUS.files), scale(SCALE)
    rows, lines, _ = read_rows(path, _COLUMNS)
    samples = [
        Sample(
            id=row["message_id"],
            source="empathic-reactions",
            item=i,
            text=row["essay"],
            track=row["response_id"],
            language="en",
            groups={"author": row["response_id"], "article": row["article_id"]},
        )
        for i, row in enumerate(rows)
    ]
    scores = [
        [value(path, line, name, row[name], of.low, of.high) for name in of.labels]
        for row, line in zip(rows, lines, strict=True)
    ]
    gold = {SCALE: np.array(scores, np.float32).reshape(-1, len(of))}
    rated = with_gold(samples, gold, perspective="felt", by="empathic-reactions writers", modality="text")
    return Loaded(CORPUS, {"all": rated})
