"""enISEAR: English events in which crowd workers felt one of seven emotions (Troiano et al. 2019)."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, find_file, one_hot, with_gold
from affectus.corpora.delimited import label, read_rows
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "isear-7"

CORPUS = Corpus(
    name="enisear",
    title="1,001 English events with one of seven emotions, whose word is replaced by dots",
    modality="text",
    targets=(Target(SCALE, "felt"),),
    language="en",
    licence="ODC-By 1.0",
    ship=True,
    consent="questionnaire study: paid crowd workers, anonymous",
    citation="Troiano et al. 2019, Crowdsourcing and Validating Event-focused Emotion Corpora, ACL",
    perspective_source="the writers were given the emotion and tell of an event in which they felt it",
    group="none is given",
    splits={"all": Split(1001)},
    files=("enISEAR.tsv",),
    obtain="Institute for Natural Language Processing, University of Stuttgart",
)


def load(folder: Path) -> Loaded:
    """Read `enISEAR.tsv`: columns `Prior_Emotion` (capitalised) and `Sentence`."""
    path, labels = find_file(folder, *CORPUS.files), scale(SCALE).labels
    rows, lines, _ = read_rows(path, ("Prior_Emotion", "Sentence"), delimiter="\t")
    chosen = [
        [label(path, line, "Prior_Emotion", row["Prior_Emotion"].lower(), labels)]
        for row, line in zip(rows, lines, strict=True)
    ]
    samples = [
        Sample(id=f"enisear-{i}", source="enisear", item=i, text=row["Sentence"], language="en")
        for i, row in enumerate(rows)
    ]
    gold = {SCALE: one_hot(chosen, SCALE)}
    return Loaded(CORPUS, {"all": with_gold(samples, gold, perspective="felt", by="enisear writers", modality="text")})
