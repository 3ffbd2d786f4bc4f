"""EmoryNLP as shared features: COSMIC's RoBERTa, or text alone."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded
from affectus.corpora.feature_pickles import COMET, ROBERTA, TEXTS, Source, by_place, corpus_of, in_order
from affectus.taxonomy import Target

SCALE = "emorynlp-7"
SOURCES = (
    Source(("emorynlp_features_roberta",), ROBERTA),
    Source(("emorynlp_features_comet",), COMET),
    Source(("emorynlp",), TEXTS),
)

CORPUS = Corpus(
    name="emorynlp-features",
    title="features of 9,489 utterances of 827 scenes from a television series, seven emotions",
    modality="dialogue",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="Apache-2.0 repository; transcripts of a commercial programme; the features have no terms of their own",
    ship=False,
    consent="acted: lines of professional actors",
    citation="Zahiri & Choi 2018, arXiv:1708.04299; features of Ghosal et al. 2020 (COSMIC)",
    perspective_source="four crowd workers read the scene and judged the emotion of the speaker",
    group="scene (dialogue)",
    files=("emorynlp_features_roberta.*", "emorynlp.pkl", "emorynlp.safetensors"),
    folders=("emorynlp",),
    obtain="declare-lab/conv-emotion on GitHub links to them",
)


def load(folder: Path) -> Loaded:
    """Read the files that are there; dialogues are named season_episode_scene, speakers told by their place of nine."""
    return corpus_of(CORPUS, folder, SOURCES, in_order(SCALE), by_place)
