"""MELD as shared features: DialogueRNN's text, sound and picture, COSMIC's RoBERTa, or text alone."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded
from affectus.corpora.feature_pickles import (
    COMET,
    DIALOGUE_RNN,
    IDS,
    LAYERS,
    Source,
    by_place,
    corpus_of,
    in_order,
)
from affectus.taxonomy import Target

SCALE, SENTIMENT = "meld-7", "meld-sentiment-3"
SOURCES = (
    Source(("meld_features_roberta",), ("speakers", "labels", "sentiments", *LAYERS, "sentences", *IDS)),
    Source(("MELD_features_raw1", "MELD_features_raw"), (*DIALOGUE_RNN, "unused")),
    Source(("meld_features_comet",), COMET),
    Source(("meld",), ("speakers", "labels", "sentiments", "sentences", *IDS)),
)

CORPUS = Corpus(
    name="meld-features",
    title="features of 13k utterances of 1,432 multi-party dialogues from a television series, seven emotions",
    modality="dialogue",
    targets=(Target(SCALE, "perceived"), Target(SENTIMENT, "perceived")),
    language="en",
    licence="repository GPL-3.0; transcripts of a commercial programme; the features have no terms of their own",
    ship=False,
    consent="acted: lines of professional actors",
    citation="Poria et al. 2019, arXiv:1810.02508; features of Majumder et al. 2019 (DialogueRNN), Ghosal et al. 2020",
    perspective_source="three raters watched each clip and judged the emotion of the speaker",
    group="dialogue",
    files=("meld_features_roberta.*", "MELD_features_raw*", "meld.pkl", "meld.safetensors"),
    folders=("meld",),
    obtain="declare-lab/conv-emotion on GitHub links to them",
)


def load(folder: Path) -> Loaded:
    """Read the files that are there: RoBERTa for text, else DialogueRNN's; audio and visual from the latter.

    Speakers are told by their place in a row of nine. DialogueRNN's file has no dev split of its own: its train holds
    both, and sentiment is absent.
    """
    sentiments = (SENTIMENT, in_order(SENTIMENT))
    return corpus_of(CORPUS, folder, SOURCES, in_order(SCALE), by_place, sentiments)
