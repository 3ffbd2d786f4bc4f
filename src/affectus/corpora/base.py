"""What a corpus is, and what a loader gives: samples with gold by split, and a count of every row left out."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from affectus.affect import Evidence
from affectus.errors import FileError, unknown
from affectus.sample import Dialogue, Item, Persona, Sample, conversations
from affectus.taxonomy import Perspective, Target, scale
from affectus.timeline import Timeline

_PLACES = ("data", "shared/data", "../shared/data")


class Split(NamedTuple):
    """A split as its authors give it.

    Args:
        rows: Its size.
        fingerprint: Of the files as released, empty if nobody has computed it yet.
    """

    rows: int
    fingerprint: str = ""


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
        splits: Official splits; empty if there are none, or if the corpus could not be counted.
        files: Files that tell a copy of the corpus, as patterns relative to its folder; one is enough.
        folders: Names that its folder commonly has besides its own.
        obtain: Where it is to be had.
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
    splits: Mapping[str, Split] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    obtain: str = ""

    @property
    def published(self) -> bool:
        """Whether it is one that others have too; a table of one's own is told by no files."""
        return bool(self.files)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A corpus that was read.

    Args:
        corpus: What it is.
        splits: Split name → samples with gold, in file order. A corpus without official splits has one, `"all"`.
        left_out: Reason → number of rows that are in the files and in no split.
        remarks: What was mended or is strange → number of rows, which are in a split all the same.
        personas: Group `dialogue` → speaker (track) → what is known of them.
        speakers: Speaker (track) → what is known of them in all of the corpus, for example `attributes["sex"]`.

    Raises:
        FileError: If a split is empty, or two samples have one id.
    """

    corpus: Corpus
    splits: Mapping[str, Sequence[Sample]]
    left_out: Mapping[str, int] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)
    personas: Mapping[str, Mapping[str, Persona]] = field(default_factory=dict)
    speakers: Mapping[str, Persona] = field(default_factory=dict)

    def __post_init__(self) -> None:
        empty = next((split for split, rows in self.splits.items() if not rows), None)
        if empty is not None:
            why = ", ".join(f"{count:,} rows left out: {reason}" for reason, count in self.left_out.items() if count)
            raise FileError(
                f"the split {empty!r} of {self.corpus.name!r} is empty{why and f' ({why})'}",
                remedy="get the files of the corpus again",
            )
        name, count = next(iter(Counter(s.id for rows in self.splits.values() for s in rows).most_common(1)), ("", 0))
        if count > 1:
            raise FileError(
                f"{count} samples of {self.corpus.name!r} have the id {name!r}",
                allowed="each id once, over all splits",
                remedy="take the repeated rows out of the files",
            )

    def __getitem__(self, split: str) -> Sequence[Sample]:
        if split not in self.splits:
            raise unknown(f"split of {self.corpus.name!r}", split, self.splits)
        return self.splits[split]

    def dialogues(self, split: str) -> list[Dialogue]:
        """The samples of a split as dialogues, in file order, with what is known of their speakers."""
        return dialogues(self[split], self.personas)

    def conversations(self, split: str) -> list[Item]:
        """The samples of a split, neighbours of one source as one dialogue, with what is known of their speakers."""
        out: list[Item] = []
        for item in conversations(self[split]):
            if isinstance(item, Dialogue):
                known = self.personas.get(item.turns[0].groups.get("dialogue", ""), {})
                item = Dialogue(item.turns, persona=known, id=item.id)
            out.append(item)
        return out

    @property
    def summary(self) -> str:
        """Counts on one line, rows left out included."""
        parts = [f"{name} {len(rows):,}" for name, rows in self.splits.items()]
        parts += [f"{count:,} left out ({reason})" for reason, count in self.left_out.items() if count]
        parts += [f"{count:,} {remark}" for remark, count in self.remarks.items() if count]
        return f"{self.corpus.name}: " + ", ".join(parts)


Loader = Callable[[Path], Loaded]


class Judgement(NamedTuple):
    """One opinion of every sample.

    Args:
        scores: Scale name → (n, k) array, NaN where nobody judged.
        perspective: Whose feeling the scores speak of.
        by: Who gave them, for example `"wrime writer"`.
        evidence: What the judge named as the reason, for each sample.
    """

    scores: Mapping[str, np.ndarray]
    perspective: Perspective
    by: str
    evidence: Sequence[Sequence[Evidence]] | None = None


def with_judgements(samples: Sequence[Sample], judgements: Sequence[Judgement], *, modality: str) -> list[Sample]:
    """The samples, each with one row of gold a judgement, in the order of the judgements.

    Put the one that others are measured by first: readers that don't choose take it.

    Args:
        samples: Without gold.
        judgements: Opinions of all samples.
        modality: What the judges or the corpus speak of.
    """
    spans, n = [sample.span for sample in samples], len(samples)
    parts = [
        Timeline.build(spans, j.scores, perspective=j.perspective, by=j.by, modality=modality, evidence=j.evidence)
        for j in judgements
    ]
    whole = Timeline.concat(parts)
    together = whole[np.arange(n * len(parts)).reshape(len(parts), n).T.ravel()]
    step = len(parts)
    return [_replace(s, Timeline(together.table.slice(i * step, step))) for i, s in enumerate(samples)]


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
    return with_judgements(samples, [Judgement(scores, perspective, by)], modality=modality)


def _replace(sample: Sample, gold: Timeline) -> Sample:
    return Sample(**{**vars(sample), "gold": gold})


def one_hot(labels: Sequence[Sequence[str]], name: str, *, without: float = 0.0) -> np.ndarray:
    """Gold labels of each row as 0 and 1, shape (n, k) float32, on the scale `name`.

    Args:
        labels: Those of each row.
        name: Of the scale.
        without: What rows without any label hold; NaN where that means that nobody judged.
    """
    of = scale(name)
    out = np.zeros((len(labels), len(of)), np.float32)
    for row, chosen in enumerate(labels):
        for label in chosen:
            out[row, of.index(label)] = 1
        if not chosen:
            out[row] = without
    return out


def gold(
    samples: Sequence[Sample], name: str, perspective: Perspective | None = None, by: str | None = None
) -> np.ndarray:
    """Gold scores of all samples on a scale, (n, k) float32; NaN rows where a sample has none.

    Args:
        samples: With gold or without.
        name: Of the scale.
        perspective: Whose feeling, where samples have gold from several.
        by: Who judged; None takes the first.
    """
    out = np.full((len(samples), len(scale(name))), np.nan, np.float32)
    for row, sample in enumerate(samples):
        if (scores := sample.judged(name, perspective, by)) is not None:
            out[row] = scores
    return out


def groups(samples: Sequence[Sample], key: str) -> np.ndarray:
    """Value of a group of every sample, (n,) objects; None where a sample is in none.

    Raises:
        UnknownName: If no sample has the group, with those there are.
    """
    kinds = {kind for sample in samples for kind in sample.groups}
    if key not in kinds:
        raise unknown("group", key, kinds)
    out = np.empty(len(samples), object)
    out[:] = [sample.groups.get(key) for sample in samples]
    return out


def dialogues(samples: Sequence[Sample], personas: Mapping[str, Mapping[str, Persona]] | None = None) -> list[Dialogue]:
    """Samples that follow one another and share the group `dialogue`, as dialogues; others alone.

    Args:
        samples: In order.
        personas: Dialogue → speaker (track) → what is known of them.
    """
    known = personas or {}
    return [
        Dialogue(tuple(turns), persona=known.get(name, {}), id=name)
        for name, turns in groupby(samples, key=lambda sample: sample.groups.get("dialogue", sample.id))
    ]


def fingerprint(samples: Sequence[Sample]) -> str:
    """16 digits of the SHA-256 over ids, texts, features and gold in order: equal where copies hold the same."""
    digest = hashlib.sha256()
    for sample in samples:
        rows: list[list[object]] = []
        for of in sample.gold.scales if sample.gold is not None else ():
            scores = sample.gold.scores(of.name)  # type: ignore[union-attr]
            whose = sample.gold.column("perspective")  # type: ignore[union-attr]
            rows += [[of.name, who, *(f"{v:.5f}" for v in row)] for who, row in zip(whose, scores, strict=True)]
        line = [sample.id, sample.text, rows]
        digest.update(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        for name in sorted(sample.features):
            digest.update(name.encode() + np.ascontiguousarray(sample.features[name]).tobytes())
    return digest.hexdigest()[:16]


def find_file(folder: Path, *names: str) -> Path:
    """The first of several usual places of a file below a corpus folder; a place may be a pattern.

    Raises:
        FileError: If none exists, with all places that were tried.
    """
    for name in names:
        if found := sorted(path for path in folder.glob(name) if path.is_file()):
            return found[0]
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


@cache
def known_corpora() -> tuple[str, ...]:
    """Names of all corpora that have a loader: modules of this package that describe one."""
    files = Path(__file__).parent.glob("*.py")
    names = [file.stem for file in files if "\nCORPUS = Corpus(" in file.read_text(encoding="utf-8")]
    return tuple(sorted(name.replace("_", "-") for name in names))


def corpus(name: str) -> Corpus:
    """The description of a corpus, or `UnknownName` with the nearest spelling."""
    return _module(name).CORPUS


def holds(folder: Path, described: Corpus) -> bool:
    """Whether a folder looks like a copy of a corpus."""
    return folder.is_dir() and any(next(folder.glob(pattern), None) is not None for pattern in described.files)


def locate(name: str, root: Path | str | None = None) -> Path:
    """The folder that holds a corpus.

    Args:
        name: Of the corpus.
        root: The corpus's folder, or a folder that holds one folder a corpus. None looks in the folder that the
            environment variable AFFECTUS_DATA names, then in `data`, `shared/data` and `../shared/data`.

    Raises:
        UnknownName: If no loader has this name.
        FileError: If it is in none of the places, with all that were looked at.
    """
    described = corpus(name)
    own = os.environ.get("AFFECTUS_DATA")
    roots = [Path(root).expanduser()] if root is not None else [Path(p) for p in (*([own] if own else ()), *_PLACES)]
    tried = [place for base in roots for place in (*(base / n for n in (name, *described.folders)), base)]
    for place in tried:
        if holds(place, described):
            return place
    where = "pass its folder with --data" if root is None else "pass the folder with its files, or one above it"
    raise FileError(
        f"the corpus {name!r} was not found; looked for {described.files[0]!r} in {', '.join(map(str, tried))}",
        allowed=f"a folder with {' or '.join(described.files)}" if len(described.files) > 1 else "",
        remedy=f"{where}{', or set AFFECTUS_DATA' if root is None else ''}"
        + (f"; {described.obtain}" if described.obtain else ""),
    )


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
