"""What a corpus is, and what a loader gives: samples with gold by split, and a count of every row left out."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from affectus.errors import FileError, unknown
from affectus.sample import Sample, Span
from affectus.taxonomy import Perspective, Target, scale
from affectus.timeline import Timeline


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus as its terms and instructions describe it.

    Args:
        name: Registry name, for example `"goemotions"`; the module is the same with underscores.
        title: One line.
        modality: What is read: text, voice, face, …
        targets: Gold scales and whose feeling they speak of.
        language: BCP-47 tag.
        licence: Terms of the data.
        ship: Whether the data, and weights that learned from them, may be redistributed.
        consent: How the people in it came to be in it.
        citation: Publication.
        perspective_source: Why the gold is of its perspective.
        group: What must not be split between training and test.
    """

    name: str
    title: str
    modality: str
    targets: tuple[Target, ...]
    language: str
    licence: str
    ship: bool
    consent: str
    citation: str
    perspective_source: str
    group: str


@dataclass(frozen=True, eq=False)
class Loaded:
    """A corpus that was read.

    Args:
        corpus: What it is.
        splits: Split name → samples with gold, in file order. A corpus without official splits has one, `"all"`.
        left_out: Reason → number of rows that are in the files and in no split.
        remarks: What was mended or is strange → number of rows, which are in a split all the same.
    """

    corpus: Corpus
    splits: Mapping[str, Sequence[Sample]]
    left_out: Mapping[str, int] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, split: str) -> Sequence[Sample]:
        if split not in self.splits:
            raise unknown(f"split of {self.corpus.name!r}", split, self.splits)
        return self.splits[split]

    @property
    def summary(self) -> str:
        """Counts on one line, rows left out included."""
        parts = [f"{name} {len(rows):,}" for name, rows in self.splits.items()]
        parts += [f"{count:,} left out ({reason})" for reason, count in self.left_out.items() if count]
        parts += [f"{count:,} {remark}" for remark, count in self.remarks.items() if count]
        return f"{self.corpus.name}: " + ", ".join(parts)


Loader = Callable[[Path], Loaded]


def with_gold(
    samples: Sequence[Sample], scores: Mapping[str, np.ndarray], *, perspective: Perspective, by: str, modality: str
) -> list[Sample]:
    """The samples, each with its row of one gold timeline.

    Args:
        samples: Without gold.
        scores: Scale name → (n, k) array, NaN where nobody judged.
        perspective: Whose feeling the labels speak of.
        by: Who gave them, for example `"goemotions raters"`.
        modality: What the raters or the corpus speak of.
    """
    spans = [Span(s.source or s.id, s.track, s.item, s.start, s.end) for s in samples]
    gold = Timeline.build(spans, scores, perspective=perspective, by=by, modality=modality)
    return [_replace(s, Timeline(gold.table.slice(i, 1))) for i, s in enumerate(samples)]


def _replace(sample: Sample, gold: Timeline) -> Sample:
    return Sample(**{**vars(sample), "gold": gold})


def one_hot(labels: Sequence[Sequence[str]], name: str) -> np.ndarray:
    """Gold labels of each row as 0 and 1, shape (n, k) float32, on the scale `name`."""
    of = scale(name)
    out = np.zeros((len(labels), len(of)), np.float32)
    for row, chosen in enumerate(labels):
        for label in chosen:
            out[row, of.index(label)] = 1
    return out


def gold(samples: Sequence[Sample], name: str) -> np.ndarray:
    """Gold scores of all samples on a scale, (n, k) float32; NaN rows where a sample has none."""
    of = scale(name)
    out = np.full((len(samples), len(of)), np.nan, np.float32)
    for row, sample in enumerate(samples):
        if sample.gold is not None and name in sample.gold.table.column_names:
            out[row] = np.asarray(sample.gold.table[name].chunk(0).flatten(), np.float32)
    return out


def find_file(folder: Path, *names: str) -> Path:
    """The first of several usual places of a file below a corpus folder.

    Raises:
        FileError: If none exists, with all places that were tried.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileError(
        f"{str(folder)!r} is no copy of this corpus: it lacks {names[0]!r}",
        allowed="one of " + ", ".join(names) if len(names) > 1 else "",
        remedy="pass the folder that holds the corpus's own files with --data",
    )


def read_lines(path: Path, encoding: str = "utf-8") -> list[str]:
    r"""Lines of a text file, split at `\n` alone: corpora of tweets hold other Unicode line separators within a row.

    Raises:
        FileError: If the bytes do not fit the encoding.
    """
    try:
        text = path.read_bytes().decode(encoding)
    except UnicodeDecodeError as error:
        raise FileError(f"{str(path)!r} is not {encoding} at byte {error.start}") from error
    lines = text.removeprefix("\ufeff").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def known_corpora() -> tuple[str, ...]:
    """Names of all corpora that have a loader."""
    package = importlib.import_module("affectus.corpora")
    return tuple(sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(package.__path__) if m.name != "base"))


def corpus(name: str) -> Corpus:
    """The description of a corpus, or `UnknownName` with the nearest spelling."""
    return _module(name).CORPUS


def load_corpus(name: str, folder: Path | str) -> Loaded:
    """Read a corpus from the folder that holds its own files.

    Raises:
        UnknownName: If no loader has this name.
        FileError: If the folder does not hold the corpus.
    """
    path = Path(folder)
    if not path.is_dir():
        raise FileError(f"there is no folder {str(path)!r}", remedy="pass the corpus folder with --data")
    return _module(name).load(path)


def _module(name: str) -> ModuleType:
    if name not in known_corpora():
        raise unknown("corpus", name, known_corpora())
    return importlib.import_module(f"affectus.corpora.{name.replace('-', '_')}")


def numbered(rows: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Line numbers from 1, as editors show them, with the lines."""
    return enumerate(rows, start=1)
