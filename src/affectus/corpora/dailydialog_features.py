"""DailyDialog as shared features: COSMIC's RoBERTa."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded
from affectus.corpora.feature_pickles import COMET, ROBERTA, Source, by_letter, corpus_of
from affectus.taxonomy import Target

SCALE = "dailydialog-7"
LABELS = ("happiness", "neutral", "anger", "sadness", "fear", "surprise", "disgust")
SOURCES = (
    Source(("dailydialog_features_roberta",), ROBERTA),
    Source(("dailydialog_features_comet",), COMET),
)

CORPUS = Corpus(
    name="dailydialog-features",
    title="features of 103k utterances of 13,118 everyday dialogues, seven emotions",
    modality="dialogue",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="CC BY-NC-SA 4.0; the features have no terms of their own",
    ship=False,
    consent="written by authors of pages for learners of English",
    citation="Li et al. 2017, DailyDialog, IJCNLP, arXiv:1710.03957; features of Ghosal et al. 2020 (COSMIC)",
    perspective_source="three annotators read the dialogue and judged the emotion of each utterance",
    group="dialogue; train and test share some",
    files=("dailydialog_features_roberta.*",),
    folders=("dailydialog",),
    obtain="declare-lab/conv-emotion on GitHub links to them",
)


def load(folder: Path) -> Loaded:
    """Read `dailydialog_features_roberta.pkl`, whose labels have numbers of their own: neutral is 1.

    The others follow from the counts that COSMIC's class weights state, which are those of the corpus.
    """
    return corpus_of(CORPUS, folder, SOURCES, LABELS, by_letter)
