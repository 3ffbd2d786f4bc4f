"""TEC: English tweets labelled by the emotion hashtag at their end (Mohammad 2012)."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, find_file, numbered, one_hot, read_lines, with_gold
from affectus.corpora.delimited import label
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "tec-6"

CORPUS = Corpus(
    name="tec",
    title="21k English tweets with one of six emotions, from their hashtag",
    modality="text",
    targets=(Target(SCALE, "felt"),),
    language="en",
    licence="research, by its author; terms of Twitter",
    ship=False,
    consent="public: tweets",
    citation="Mohammad 2012, #Emotional Tweets, *SEM",
    perspective_source="the writers put the emotion word behind their own tweet as a hashtag",
    group="none is given",
    splits={"all": Split(21_051)},
    files=("Jan9-2012-tweets-clean.txt",),
    obtain="Saif Mohammad's page of lexicons and corpora",
)


def load(folder: Path) -> Loaded:
    """Read `Jan9-2012-tweets-clean.txt`: `id:<tab>text<tab>:: emotion`, parted at the last `::`."""
    path, labels = find_file(folder, *CORPUS.files), scale(SCALE).labels
    samples: list[Sample] = []
    chosen: list[list[str]] = []
    for line, row in numbered(read_lines(path)):
        front, mark, emotion = row.rpartition("::")
        name, tab, text = front.partition("\t")
        if not mark or not tab:
            raise FileError(
                f"line {line} of {path.name!r} is {row[:60]!r}", allowed="id, tab, text, tab, two colons, emotion"
            )
        chosen.append([label(path, line, "the emotion", emotion.strip(), labels)])
        samples.append(
            Sample(id=name.strip().rstrip(":"), source="tec", item=line - 1, text=text.strip(), language="en")
        )
    gold = {SCALE: one_hot(chosen, SCALE)}
    return Loaded(CORPUS, {"all": with_gold(samples, gold, perspective="felt", by="tec writers", modality="text")})
