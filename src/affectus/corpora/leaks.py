"""What two splits share: groups (author, dialogue, article), equal texts, and texts that are nearly equal."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from affectus.corpora.base import Loaded
from affectus.errors import InputError
from affectus.progress import task
from affectus.sample import Sample

SHINGLE = 5  # characters
THRESHOLD = 0.8


class Near(NamedTuple):
    """Two texts that are nearly equal.

    Args:
        row: Of the first samples.
        other: Row of the samples it is like.
        similarity: Jaccard index of their sets of stretches.
    """

    row: int
    other: int
    similarity: float


@dataclass(frozen=True)
class Leaks:
    """What a split shares with another.

    Args:
        split: The split that is measured on.
        within: The split that is learned from.
        rows: Size of the first.
        groups: Kind of group → number of rows of the first whose group is also in the second.
        same: Rows of the first whose text is in the second.
        near: Rows of the first that are nearly equal to a row of the second, and not equal to any; the nearest each.
    """

    split: str
    within: str
    rows: int
    groups: Mapping[str, int]
    same: tuple[int, ...]
    near: tuple[Near, ...]

    def __bool__(self) -> bool:
        return bool(self.same or self.near or any(self.groups.values()))

    @property
    def summary(self) -> str:
        """What is shared, on one line."""
        parts = [f"same {kind} {count:,}" for kind, count in self.groups.items() if count]
        parts += [f"repeated texts {len(self.same):,}"] if self.same else []
        parts += [f"nearly repeated {len(self.near):,}"] if self.near else []
        return f"{self.split} ({self.rows:,}) and {self.within}: {', '.join(parts) or 'nothing shared'}"


def plain(text: str | None) -> str:
    """A text without letter case and punctuation; one of signs alone (☺) stays as it is."""
    lower = (text or "").lower()
    return re.sub(r"\W+", " ", lower).strip() or lower.strip()


def repeated(samples: Sequence[Sample], others: Sequence[Sample]) -> np.ndarray:
    """Whether the text of each sample also stands in the others, letter case and punctuation aside: (n,) bool."""
    seen = {plain(sample.text) for sample in others} - {""}
    return np.array([plain(sample.text) in seen for sample in samples], bool)


def shared_groups(samples: Sequence[Sample], others: Sequence[Sample]) -> dict[str, np.ndarray]:
    """Kind of group → whether each sample's group is also among the others, (n,) bool."""
    kinds = sorted({kind for sample in samples for kind in sample.groups})
    out = {}
    for kind in kinds:
        seen = {other.groups[kind] for other in others if kind in other.groups}
        out[kind] = np.array([sample.groups.get(kind) in seen for sample in samples], bool)
    return out


def near_texts(samples: Sequence[Sample], others: Sequence[Sample], threshold: float = THRESHOLD) -> list[Near]:
    """For each sample, the nearest of the others, where their texts are nearly but not quite equal.

    Two texts are compared as sets of their stretches of five characters, letter case and punctuation aside. The search
    is exact: texts whose Jaccard index reaches t share one of their (1 − t)·n + 1 rarest stretches (Chaudhuri et al.
    2006), so only such pairs are compared.

    Args:
        samples: With texts.
        others: With texts.
        threshold: Least Jaccard index, above 0.

    Raises:
        InputError: If the threshold is not in (0, 1].
    """
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold is {threshold}", allowed="above 0, at most 1")
    first, second = ([_shingles(plain(sample.text)) for sample in part] for part in (samples, others))
    often = Counter(shingle for part in (first, second) for text in part for shingle in text)

    def rarest(text: frozenset[str]) -> list[str]:
        # The small term keeps 0.2·10 from becoming 2.0000000000000004 on one machine and 2 on another.
        length = len(text) - math.ceil(threshold * len(text) - 1e-9) + 1
        return sorted(text, key=lambda shingle: (often[shingle], shingle))[:length]

    index: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(second):
        for shingle in rarest(text) if text else ():
            index[shingle].append(number)
    found = []
    with task("near texts", len(first)) as advance:
        for row, text in enumerate(first):
            best = Near(row, -1, 0.0)
            for other in {n for shingle in (rarest(text) if text else ()) for n in index.get(shingle, ())}:
                a, b = len(text), len(second[other])
                if min(a, b) < threshold * max(a, b):
                    continue
                both = len(text & second[other])
                similarity = both / (a + b - both)
                if similarity >= threshold and (similarity, -other) > (best.similarity, -best.other):
                    best = Near(row, other, similarity)
            if best.other >= 0 and plain(samples[row].text) != plain(others[best.other].text):
                found.append(best)
            advance(1)
    return found


def between(loaded: Loaded, split: str = "test", within: str = "train", threshold: float = THRESHOLD) -> Leaks:
    """What a split of a corpus shares with another.

    Args:
        loaded: The corpus.
        split: The split that is measured on.
        within: The split that is learned from.
        threshold: As in `near_texts`.
    """
    samples, others = loaded[split], loaded[within]
    same = repeated(samples, others)
    return Leaks(
        split,
        within,
        len(samples),
        {kind: int(rows.sum()) for kind, rows in shared_groups(samples, others).items()},
        tuple(np.flatnonzero(same).tolist()),
        tuple(near for near in near_texts(samples, others, threshold) if not same[near.row]),
    )


def of_corpus(loaded: Loaded, threshold: float = THRESHOLD) -> list[Leaks]:
    """What every two splits share that hold the same kind of sample: `dialogue-dev` is compared to `dialogue-train`."""

    def kind(split: str) -> str:
        before, _, last = split.rpartition("-")
        return before if last in ("train", "dev", "test") else ""

    pairs = [(b, a) for a, b in combinations(loaded.splits, 2) if kind(a) == kind(b)]
    return [between(loaded, split, within, threshold) for split, within in pairs]


def _shingles(text: str) -> frozenset[str]:
    return frozenset(text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))) if text else frozenset()
