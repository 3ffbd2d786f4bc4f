"""Universal Joy: Facebook posts in 18 languages with the feeling that their writers chose (Lamprinidis et al. 2021)."""

from __future__ import annotations

from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, find_file, one_hot, with_gold
from affectus.corpora.delimited import label, read_rows
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "universal-joy-5"
_TRAIN = ("large", "small", "huge")  # they hold one another's posts; the first that is there becomes train
_FILES = {"dev": "val", "test": "test", "low-resource": "low-resource"}

CORPUS = Corpus(
    name="universal-joy",
    title="Facebook posts in 5 and 13 more languages with one of five emotions",
    modality="text",
    targets=(Target(SCALE, "felt"),),
    language="",
    licence="CC BY 4.0",
    ship=True,
    consent="public: posts, names masked by the authors of the corpus",
    citation="Lamprinidis et al. 2021, Universal Joy, WASSA at EACL",
    perspective_source="the writers tagged their own post with a feeling, which stands for one of five emotions",
    group="none is given",
    files=("datasets/test.csv", "universal-joy/test.csv"),
    folders=("universal_joy", "universaljoy"),
    obtain="sotlampr/universal-joy on GitHub",
)


def load(folder: Path) -> Loaded:
    """Read `{large,val,test,low-resource}.csv` in `folder`, its `datasets` or `universal-joy`.

    `train` is the first of `large`, `small` and `huge` that is there. The language of a sample is its post's.
    """
    place = find_file(folder, *CORPUS.files, "test.csv").parent
    train = next((name for name in _TRAIN if (place / f"{name}.csv").is_file()), _TRAIN[0])
    paths = {split: place / f"{name}.csv" for split, name in {"train": train, **_FILES}.items()}
    return Loaded(CORPUS, {split: _read(path, split) for split, path in paths.items() if path.is_file()})


def _read(path: Path, split: str) -> list[Sample]:
    labels = scale(SCALE).labels
    rows, lines, _ = read_rows(path, ("text", "emotion", "language"))
    chosen = [[label(path, line, "emotion", row["emotion"], labels)] for row, line in zip(rows, lines, strict=True)]
    samples = [
        Sample(id=f"{split}-{i}", source=f"universal-joy/{split}", item=i, text=row["text"], language=row["language"])
        for i, row in enumerate(rows)
    ]
    gold = {SCALE: one_hot(chosen, SCALE)}
    return with_gold(samples, gold, perspective="felt", by="universal-joy writers", modality="text")
