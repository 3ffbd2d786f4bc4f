"""EPITOME from files with made-up pairs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from files import write

from affectus.corpora.base import gold, groups, load_corpus
from affectus.corpora.epitome_reddit import FILES
from affectus.errors import FileError
from affectus.sample import Dialogue, conversations
from affectus.taxonomy import scale

COLUMNS = ("sp_id", "rp_id", "seeker_post", "response_post", "level", "rationales")
PAIRS = [(f"s{i // 2}", f"r{i}", f"My  fish {i // 2} is gone", f"Oh no , poor fish {i}") for i in range(80)]


def table(rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([COLUMNS, *rows])
    return out.getvalue()


def files(pairs: Sequence[tuple[str, ...]] = PAIRS, level: str = "") -> dict[str, str]:
    """Levels 0, 1, 2 in turn, another order in each file; what is not 0 has a rationale."""
    out = {}
    for shift, name in enumerate(FILES.values()):
        levels = [level or str((i + shift) % 3) for i in range(len(pairs))]
        out[f"dataset/{name}"] = table([(*p, n, "Oh no ,|poor  fish" if n != "0" else "") for p, n in
                                        zip(pairs, levels, strict=True)])  # fmt: skip
    return out


def test_a_pair_is_a_dialogue_with_three_levels_and_their_reasons(tmp_path: Path) -> None:
    loaded = load_corpus("epitome-reddit", write(tmp_path, files()))
    rows = [sample for split in loaded.splits.values() for sample in split]
    found = {d.id: d for d in conversations(rows) if isinstance(d, Dialogue)}
    assert len(found) == len(PAIRS)
    seeker, responder = found["epitome-reddit/s0-r1"].turns
    assert [(t.track, t.text) for t in (seeker, responder)] == [
        ("seeker", "My fish 0 is gone"),
        ("responder", "Oh no , poor fish 1"),
    ]
    assert seeker.gold is None
    assert [scale(n).labels[int(gold([responder], n).argmax())] for n in FILES] == ["weak", "strong", "none"]
    assert [(e.kind, e.text) for judged in responder.gold or () for e in judged.evidence] == [
        (name, text) for name in list(FILES)[:2] for text in ("Oh no ,", "poor fish")
    ]


def test_no_post_is_in_two_splits(tmp_path: Path) -> None:
    loaded = load_corpus("epitome-reddit", write(tmp_path, files()))
    posts = {split: set(groups(rows, "post")) for split, rows in loaded.splits.items()}
    assert {split: len(rows) for split, rows in loaded.splits.items()} == {"train": 112, "dev": 16, "test": 32}
    assert not posts["train"] & posts["dev"] | posts["dev"] & posts["test"] | posts["train"] & posts["test"]


def test_what_stands_twice_or_is_not_found_is_told(tmp_path: Path) -> None:
    again = [*PAIRS, PAIRS[3], ("s9", "r99", "My fish", "It left")]
    loaded = load_corpus("epitome-reddit", write(tmp_path, files(again)))
    assert sum(len(rows) for rows in loaded.splits.values()) == 2 * 81
    assert loaded.left_out == {"pair that stands in the files before": 1}
    assert list(loaded.remarks.values()) == [2]  # of the last pair two mechanisms have rationales that it lacks


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    mixed = files()
    name = f"dataset/{FILES['epitome-explorations']}"
    with pytest.raises(FileError, match="has other pairs"):
        load_corpus("epitome-reddit", write(tmp_path / "a", mixed | {name: files(PAIRS[::-1])[name]}))
    with pytest.raises(FileError, match="'3' in 'level'"):
        load_corpus("epitome-reddit", write(tmp_path / "b", files(level="3")))
    del mixed[name]
    with pytest.raises(FileError, match="explorations-reddit"):
        load_corpus("epitome-reddit", write(tmp_path / "c", mixed))
