"""A table of one's own as a corpus: labels of every form, splits given and drawn, and mistakes with their remedy."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.corpora import table
from affectus.corpora.base import gold, groups
from affectus.corpora.drawing import deal, draw, redraw
from affectus.errors import AffectusError, FileError, InputError, ScaleError, UnknownName
from affectus.taxonomy import Scale, Target, register_scale, scale


def sheet(folder: Path, rows: list[dict], name: str = "tickets.csv") -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def tickets(n: int = 60, **more) -> list[dict]:
    moods = ("calm", "cross", "glad")
    return [{"note": f"ticket {i}", "mood": moods[i % 3], **{k: v(i) for k, v in more.items()}} for i in range(n)]


def test_a_label_column_becomes_a_scale_and_a_split_is_drawn(tmp_path: Path) -> None:
    loaded = table.read(sheet(tmp_path, tickets(100)), text="note", label="mood")
    assert loaded.corpus.name == "tickets"
    assert loaded.corpus.targets == (Target("tickets-mood", "perceived"),)
    assert not loaded.corpus.ship
    of = scale("tickets-mood")
    assert (of.labels, of.kind) == (("calm", "cross", "glad"), "one-of")
    assert {k: len(v) for k, v in loaded.splits.items()} == {"train": 80, "dev": 10, "test": 10}
    for rows in loaded.splits.values():
        shares = gold(rows, "tickets-mood").mean(0)
        assert np.abs(shares - 1 / 3).max() < 0.1
    again = table.read(tmp_path / "tickets.csv", text="note", label="mood")
    other = table.read(tmp_path / "tickets.csv", text="note", label="mood", seed=1)
    ids = [[s.id for s in one["test"]] for one in (loaded, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert loaded["train"][0].gold is not None
    assert loaded["train"][0].gold[0].by == "tickets.csv, mood"


def test_groups_and_equal_texts_are_never_cut(tmp_path: Path) -> None:
    rows = tickets(90, who=lambda i: f"person {i // 6}")
    loaded = table.read(sheet(tmp_path, rows), text="note", label="mood", group="who")
    people = [set(groups(part, "who")) for part in loaded.splits.values()]
    assert sum(map(len, people)) == len(set.union(*people)) == 15
    rows = [{"note": f"{'Same  ' if i % 2 else 'same '}text {i // 3}", "mood": "ab"[i % 2]} for i in range(90)]
    loaded = table.read(sheet(tmp_path, rows, "repeats.csv"), text="note", label="mood")
    texts = [{s.text.lower().replace("  ", " ") for s in part if s.text} for part in loaded.splits.values()]
    assert sum(map(len, texts)) == len(set.union(*texts)) == 30


def test_a_split_column_is_taken_as_it_is(tmp_path: Path) -> None:
    names = ("Train", "validation", "test", "")
    path = sheet(tmp_path, tickets(40, part=lambda i: names[i % 4]))
    loaded = table.read(path, text="note", label="mood", split="part")
    assert {k: len(v) for k, v in loaded.splits.items()} == {"train": 10, "dev": 10, "test": 10}
    assert loaded.left_out["no split"] == 10
    path = sheet(tmp_path, tickets(4, part=lambda i: "holdout"), "parts.csv")
    with pytest.raises(FileError, match=r"row 1 of .*'holdout' in 'part'; allowed: train, dev, test, val"):
        table.read(path, text="note", label="mood", split="part")


def test_several_labels_in_a_cell_and_lists(tmp_path: Path) -> None:
    rows = [{"note": f"n{i}", "tags": ("joy; pride", "joy", "fear;joy ;", "")[i % 4]} for i in range(40)]
    loaded = table.read(sheet(tmp_path, rows, "tags.csv"), text="note", label="tags", separator=";")
    assert scale("tags-tags").labels == ("fear", "joy", "pride")
    assert scale("tags-tags").kind == "any-of"
    assert loaded.left_out["no label"] == 10
    assert sum(gold(part, "tags-tags").sum() for part in loaded.splits.values()) == 50
    lines = [json.dumps({"text": f"n{i}", "tags": ["joy", "pride"] if i % 2 else ["fear"]}) for i in range(20)]
    (tmp_path / "lists.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert len(table.read(tmp_path / "lists.jsonl", label="tags")["train"]) == 16
    assert scale("lists-tags").kind == "any-of"
    columns = pa.table({"text": [f"n{i}" for i in range(9)], "y": [i % 3 for i in range(9)]})
    pq.write_table(columns, tmp_path / "n.parquet")
    assert len(table.read(tmp_path / "n.parquet", label="y", kind="one-of")["test"]) == 1


def test_numbers_become_a_level_unless_they_are_called_classes(tmp_path: Path) -> None:
    rows = [{"note": f"n{i}", "stars": i % 5 + 1, "x": i / 7} for i in range(50)]
    path = sheet(tmp_path, rows, "stars.csv")
    loaded = table.read(path, text="note", label="stars")
    of = scale("stars-stars")
    assert (of.kind, of.low, of.high) == ("level", 1, 5)
    assert "50 read as numbers on a level" in loaded.summary
    assert np.ptp([gold(part, of.name).mean() for part in loaded.splits.values()]) < 0.5
    assert not table.read(path, text="note", label="x", low=-1, high=10).remarks
    assert (scale("stars-x").low, scale("stars-x").high) == (-1, 10)
    table.read(path, text="note", label="stars", kind="one-of", scale_name="star-classes")
    assert scale("star-classes").labels == ("1", "2", "3", "4", "5")
    with pytest.raises(FileError, match=r"row 5 of .*has 5 in 'stars'; allowed: 0 to 4"):
        table.read(path, text="note", label="stars", low=0, high=4, scale_name="four stars")


def test_several_label_columns(tmp_path: Path) -> None:
    rows = [{"note": f"n{i}", "joy": i % 2, "awe": (i + 1) % 3 // 2, "v": i / 10} for i in range(30)]
    path = sheet(tmp_path, rows, "wide.csv")
    assert len(table.read(path, text="note", label=("joy", "awe"))["train"]) == 24
    assert (scale("wide-joy-awe").labels, scale("wide-joy-awe").kind) == (("joy", "awe"), "any-of")
    loaded = table.read(path, text="note", label=["v", "joy"])
    assert (scale("wide-v-joy").kind, scale("wide-v-joy").high) == ("level", pytest.approx(2.9))
    assert loaded["train"][0].judged("wide-v-joy") is not None
    with pytest.raises(FileError, match="has 0 labels"):
        table.read(path, text="note", label=("joy", "awe"), kind="one-of", scale_name="one only")


def test_a_known_scale_is_kept(tmp_path: Path) -> None:
    rows = [{"note": f"n{i}", "mood": ("joy", "anger")[i % 2]} for i in range(20)]
    path = sheet(tmp_path, rows, "known.csv")
    loaded = table.read(path, text="note", label="mood", scale_name="ekman-6", perspective="felt", language="en")
    assert loaded.corpus.targets == (Target("ekman-6", "felt"),)
    assert gold(loaded["train"], "ekman-6").shape == (16, 6)
    assert loaded["train"][0].language == "en"
    rows[7]["mood"] = "angre"
    with pytest.raises(UnknownName, match=r"'angre' is not on the scale 'ekman-6'.*did you mean 'anger'"):
        table.read(sheet(tmp_path, rows, "known.csv"), text="note", label="mood", scale_name="ekman-6")
    numbers = sheet(tmp_path, [{"note": f"n{i}", "v": i} for i in range(20)], "v.csv")
    with pytest.raises(UnknownName, match="'v' is not on the scale 'ekman-6'"):
        table.read(numbers, text="note", label="v", scale_name="ekman-6")
    rows[7]["mood"] = "joy"
    path = sheet(tmp_path, rows, "known.csv")
    with pytest.raises(InputError, match="is one-of, but the labels are any-of"):
        table.read(path, text="note", label="mood", kind="any-of", scale_name="ekman-6")


def test_other_labels_under_the_same_name_are_refused(tmp_path: Path) -> None:
    rows = [{"note": f"n{i}", "mood": "xyz"[i % 3]} for i in range(20)]
    table.read(sheet(tmp_path, rows, "twice.csv"), text="note", label="mood")
    for row in rows:
        row["mood"] += "!"
    with pytest.raises(UnknownName, match="'x!'"):
        table.read(sheet(tmp_path, rows, "twice.csv"), text="note", label="mood")
    table.read(tmp_path / "twice.csv", text="note", label="mood", scale_name="another")


MISTAKES = {
    "no column": ([{"note": "a", "mood": "b"}], {"label": "mod"}, InputError, "did you mean 'mood'"),
    "one class": (tickets(30, m=lambda i: "same"), {"label": "m"}, InputError, "every row has 'same' in m"),
    "constant": (tickets(30, m=lambda i: 3), {"label": "m"}, InputError, "every row has '3' in m"),
    "too few": (tickets(2), {"label": "mood"}, InputError, "2 rows in 2 groups are too few"),
    "nothing": (tickets(5, m=lambda i: ""), {"label": "m"}, FileError, r"no row .* \(5 with no label\)"),
    "twice": (tickets(20, key=lambda i: i // 2), {"label": "mood", "identifier": "key"}, FileError, "have the id '0'"),
    "kind": (tickets(20), {"label": "mood", "kind": "some-of"}, InputError, "allowed: 'one-of', 'any-of', 'level'"),
    "level": (tickets(20), {"label": "mood", "kind": "level"}, FileError, "row 1 .* has 'calm' in 'mood'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(tmp_path: Path, mistake: str) -> None:
    rows, options, error, message = MISTAKES[mistake]
    with pytest.raises(error, match=message):
        table.read(sheet(tmp_path, rows, f"{mistake.replace(' ', '-')}.csv"), text="note", **options)


def test_rows_without_text_and_old_encodings_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    lines = ["note,mood", *(f"naïve {i},{'ab'[i % 2]}" for i in range(30)), " ,a"]
    path.write_bytes("\n".join(lines).encode("cp1252"))
    loaded = table.read(path, text="note", label="mood")
    assert loaded.left_out["no text"] == 1
    assert any("Windows-1252" in remark for remark in loaded.remarks)
    with pytest.raises(FileError, match="is not text in the encoding utf-8"):
        table.read(path, text="note", label="mood", encoding="utf-8")
    (tmp_path / "bare.csv").write_text("note,mood\n", encoding="utf-8")
    with pytest.raises(FileError, match="has no rows"):
        table.read(tmp_path / "bare.csv", text="note", label="mood")


def test_a_label_that_train_lacks_is_said(tmp_path: Path) -> None:
    rows = tickets(30, part=lambda i: "test" if i % 3 == 2 else "train")
    loaded = table.read(sheet(tmp_path, rows), text="note", label="mood", split="part")
    assert loaded.remarks == {"with the label 'glad', which no row of train has": 10}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=12, max_size=80), st.integers(0, 99))
def test_a_drawn_split_never_cuts_a_group(rows: list[tuple[int, int]], seed: int) -> None:
    labels, owners = zip(*rows, strict=True)
    if len(set(owners)) < 3:
        with pytest.raises(AffectusError, match="too few"):
            draw(labels, owners, seed=seed)
        return
    parts = draw(labels, owners, seed=seed)
    assert set(parts) == {"train", "dev", "test"}
    assert len(set(zip(owners, parts, strict=True))) == len(set(owners))


def test_folds_are_even_and_rare_labels_go_to_train_first() -> None:
    strata = [0] * 700 + [1] * 295 + [2] * 5
    folds = deal(strata, range(1000), seed=3)
    assert np.bincount(folds).tolist() == [100] * 10
    for label in (0, 1, 2):
        share = np.bincount(folds[np.array(strata) == label], minlength=10)
        assert np.ptp(share) <= 1
    few = draw(["a"] * 40 + ["b"], range(41))
    assert few[-1] == "train"


def test_a_corpus_can_be_split_anew_by_its_groups(tmp_path: Path) -> None:
    rows = tickets(90, who=lambda i: f"person {i // 6}" if i < 84 else "", part=lambda i: ("train", "test")[i % 2])
    loaded = table.read(sheet(tmp_path, rows, "anew.csv"), text="note", label="mood", split="part", group="who")
    assert set(groups(loaded["train"], "who")) & set(groups(loaded["test"], "who"))
    again = redraw(loaded, "who", "anew-mood", seed=1)
    people = [set(groups(part, "who")) - {None} for part in again.splits.values()]
    assert sum(map(len, people)) == len(set.union(*people)) == 14
    assert sum(map(len, again.splits.values())) == 90
    with pytest.raises(UnknownName, match="no group named 'author'; allowed: who"):
        redraw(loaded, "author", "anew-mood")


def test_the_same_scale_can_be_read_again_but_not_another(tmp_path: Path) -> None:
    path = sheet(tmp_path, [{"note": f"n{i}", "m": i % 7 / 2} for i in range(30)], "again.csv")
    first, second = (table.read(path, text="note", label="m").corpus for _ in range(2))
    assert first == second
    with pytest.raises(ScaleError, match="different scale named 'again-m'"):
        register_scale(Scale("again-m", ("m",), "level", 0, 99))
