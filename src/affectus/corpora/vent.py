"""Vent: posts of a diary app whose writers say what they feel, of which LEIA learned five (Lykousas et al. 2019).

The archive is restricted, and its files were not at hand: names and columns are those that published studies read.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from affectus.corpora.base import Corpus, Loaded, find_file, one_hot, with_gold
from affectus.corpora.drawing import draw_three_ways
from affectus.errors import FileError
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

SCALE = "leia-5"
VENTS = {"emotion_id", "user_id", "created_at", "text"}
EMOTIONS = {"id", "emotion_category_id", "name", "enabled"}
_LONGEST = 10_000_000  # letters of a field; some posts are books

CORPUS = Corpus(
    name="vent",
    title="posts of a diary app with the writer's own feeling; the five categories of LEIA",
    modality="text",
    targets=(Target(SCALE, "felt"),),
    language="en",
    licence="restricted: by agreement with the authors of the corpus",
    ship=False,
    consent="public posts under pseudonyms; the writers were not asked",
    citation="Lykousas et al. 2019, Sharing emotions at scale: the Vent dataset, ICWSM; arXiv:1901.04856",
    perspective_source="each writer chooses the feeling of the own post in the app",
    group="author",
    files=("vents.csv",),
    obtain="the authors of the corpus",
)


def load(folder: Path) -> Loaded:
    """Read `vents.csv`, `emotions.csv` and `emotion_categories.csv`; three tests are drawn with seed 0.

    Dates are put in order as they are written (ISO). Kept are posts of enabled emotions with alphabetic names in one of
    the five categories. All are held in memory: six million need some ten gigabytes.
    """
    labels, why = _labels(folder)
    samples, chosen, users, times = [], [], [], []
    left_out: Counter[str] = Counter()
    for number, row in enumerate(_rows(find_file(folder, "vents.csv"), VENTS)):
        label = labels.get(row["emotion_id"])
        if label is None or not row["text"].strip():
            left_out[why.get(row["emotion_id"], "unknown emotion") if label is None else "empty text"] += 1
            continue
        samples.append(
            Sample(id=str(number), source="vent", item=number, text=row["text"], groups={"author": row["user_id"]})
        )
        chosen.append([label])
        users.append(row["user_id"])
        times.append(row["created_at"])
    gold = {SCALE: one_hot(chosen, SCALE)}
    samples = with_gold(samples, gold, perspective="felt", by="vent writers", modality="text")
    names = draw_three_ways(users, times)
    splits = {part: [s for s, name in zip(samples, names, strict=True) if name == part] for part in sorted(set(names))}
    left_out["unseen user after the last date of train"] = len(splits.pop("unused", ()))
    return Loaded(CORPUS, splits, left_out)


def _labels(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Id of an emotion → one of the five; and for the other ids, why their posts are left out."""
    categories = {
        r["id"]: r["name"].lower() for r in _rows(find_file(folder, "emotion_categories.csv"), {"id", "name"})
    }
    labels, why = {}, {}
    for row in _rows(find_file(folder, "emotions.csv"), EMOTIONS):
        category = categories.get(row["emotion_category_id"], "")
        if row["enabled"].lower() not in ("1", "true", "t"):
            why[row["id"]] = "emotion not enabled"
        elif not row["name"].replace(" ", "").isalpha():
            why[row["id"]] = "emotion without an alphabetic name"
        elif category not in scale(SCALE).labels:
            why[row["id"]] = "category outside the five"
        else:
            labels[row["id"]] = category
    return labels, why


def _rows(path: Path, columns: set[str]) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file, _long_fields():
        reader = csv.DictReader(file)
        missing = sorted(columns - set(reader.fieldnames or ()))
        if missing:
            raise FileError(f"{path.name!r} has no column {missing[0]!r}", allowed=", ".join(sorted(columns)))
        for row in reader:
            if any(row[column] is None for column in columns):
                raise FileError(f"line {reader.line_num} of {path.name!r} has too few fields")
            yield row


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
