"""GoEmotions: English Reddit comments, 27 emotions and neutral, several may hold (Demszky et al. 2020)."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, Split, find_file, numbered, one_hot, read_lines, with_gold
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "goemotions-28"

CORPUS = Corpus(
    name="goemotions",
    title="58k English Reddit comments with 27 emotions and neutral, filtered official splits",
    modality="text",
    targets=(Target(SCALE, "perceived"),),
    language="en",
    licence="CC BY 4.0 (Google LLC)",
    ship=True,
    consent="public: comments posted on Reddit under pseudonyms, names masked by the authors of the corpus",
    citation="Demszky et al. 2020, GoEmotions: A Dataset of Fine-Grained Emotions, ACL, arXiv:2005.00547",
    perspective_source="three to five raters judged which emotions the writer expressed (section 3.3 of the paper)",
    group="none is given; 109 test texts also stand in train",
    splits={
        "train": Split(43410, "239160cf63a9ff18"),
        "dev": Split(5426, "110cc5af31d8465a"),
        "test": Split(5427, "aac8200db10e441b"),
    },
    files=("original/train.tsv", "train.tsv"),
    obtain="google-research/goemotions on GitHub, folder data",
)


def load(folder: Path) -> Loaded:
    """Read `{train,dev,test}.tsv` in `folder` or its `original`: text, label ids, comment id; no header, no quoting."""
    place = find_file(folder, *CORPUS.files).parent
    return Loaded(CORPUS, {split: _read(place / f"{split}.tsv", split) for split in ("train", "dev", "test")})


def _read(path: Path, split: str) -> list[Sample]:
    names, samples, labels = scale(SCALE).labels, [], []
    for line, row in numbered(read_lines(find_file(path.parent, path.name))):
        cells = row.split("\t")
        if len(cells) != 3 or not all(i.isdigit() and int(i) < len(names) for i in cells[1].split(",")):
            raise FileError(
                f"line {line} of {path.name!r} is {row[:60]!r}",
                allowed=f"text, label ids 0 to {len(names) - 1} with commas, comment id, with tabs between",
            )
        samples.append(Sample(id=cells[2], source=f"goemotions/{split}", item=line - 1, text=cells[0], language="en"))
        labels.append([names[int(i)] for i in cells[1].split(",")])
    return with_gold(
        samples, {SCALE: one_hot(labels, SCALE)}, perspective="perceived", by="goemotions raters", modality="text"
    )
