"""RENh-4k: 4,000 headlines with the votes of their readers on a mood meter."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded
from affectus.corpora.mood_meter import EIGHT, FIVE, find_votes, load_votes
from affectus.taxonomy import Target

CORPUS = Corpus(
    name="renh4k",
    title="4,000 headlines with the votes of their readers on a mood meter",
    modality="text",
    targets=(Target(FIVE, "evoked"), Target(EIGHT, "evoked")),
    language="en",
    licence="CC BY-NC, by request from the authors",
    ship=False,
    consent="public: news; votes of readers without names",
    citation="Kadan et al. 2024, REDAffectiveLM, KAIS 66(12), arXiv:2301.08995",
    perspective_source="readers voted how the article made them feel (Rappler's mood meter)",
    group="none is given; an article may occur twice",
    files=("RENh-4k/**/*.csv", "*.csv"),
    folders=("RENh-4k",),
    obtain="by request from the authors (Computational Intelligence Lab, University of Calicut)",
)


def load(folder: Path) -> Loaded:
    """Read its CSV files; see `mood_meter.load_votes`. There is no official split.

    Raises:
        FileError: If there is none, or only the Excel sheets of an older release.
    """
    return load_votes(CORPUS, folder, find_votes(CORPUS, folder))
