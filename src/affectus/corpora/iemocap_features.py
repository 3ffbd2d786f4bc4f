"""IEMOCAP as shared features: DialogueRNN's text, sound and picture, COSMIC's RoBERTa, or text alone."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded
from affectus.corpora.feature_pickles import (
    COMET,
    DIALOGUE_RNN,
    ROBERTA,
    TEXTS,
    Source,
    by_letter,
    corpus_of,
    in_order,
)
from affectus.taxonomy import Target

SCALE = "iemocap-6"
SOURCES = (
    Source(("iemocap_features_roberta",), ROBERTA),
    Source(("IEMOCAP_features", "IEMOCAP_features_raw"), DIALOGUE_RNN),
    Source(("iemocap_features_comet",), COMET),
    Source(("iemocap",), TEXTS),
)

CORPUS = Corpus(
    name="iemocap-features",
    title="features of 7,433 utterances of 151 dialogues by ten actors, six emotions",
    modality="dialogue",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="research, on request at the University of Southern California; the features have no terms of their own",
    ship=False,
    consent="acted: actors who were recorded for research",
    citation="Busso et al. 2008, LREV 42; features of Majumder et al. 2019 (DialogueRNN), Ghosal et al. 2020 (COSMIC)",
    perspective_source="annotators watched the dialogues and judged each turn; the label is their majority",
    group="session (two people who speak to each other); the split tests the fifth",
    files=(
        "iemocap_features_roberta.*", "IEMOCAP_features.*", "IEMOCAP_features_raw.*", "iemocap.pkl",
        "iemocap.safetensors",
    ),
    folders=("iemocap",),
    obtain="declare-lab/conv-emotion on GitHub links to them",
)  # fmt: skip


def load(folder: Path) -> Loaded:
    """Read the files that are there: RoBERTa for text, else DialogueRNN's; audio and visual from the latter.

    Speakers are `M` and `F` within a dialogue. The numbers of the labels are happy, sad, neutral, angry, excited,
    frustrated.
    """
    return corpus_of(CORPUS, folder, SOURCES, in_order(SCALE), by_letter)
