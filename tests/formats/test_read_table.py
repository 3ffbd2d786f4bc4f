"""Tables: the right column of every row, in CSV, TSV, JSON lines and Parquet."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affectus.errors import FileError, InputError
from affectus.formats.table import read_table
from affectus.media import Fault


def texts(path, *args, **options):
    return [row.text for row in read_table(path, *args, **options)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_and_its_delimiters(tmp_path, delimiter):
    path = tmp_path / "a.csv"
    path.write_text(f'id{delimiter}text\n1{delimiter}"Hi{delimiter} ""you"""\n\n2{delimiter}"two\nlines"\n3\n')
    rows = list(read_table(path))
    assert [r.text for r in rows] == [f'Hi{delimiter} "you"', "two\nlines", ""]
    assert [r.item for r in rows] == [0, 1, 2]
    assert rows[0].values["id"] == "1"


def test_tsv_with_bom_and_old_encoding(tmp_path):
    (tmp_path / "a.tsv").write_bytes("text\tx\nnaïve, yes\t1\n".encode("utf-8-sig"))
    assert texts(tmp_path / "a.tsv") == ["naïve, yes"]
    (tmp_path / "b.tsv").write_bytes("text\tx\nnaïve\t1\n".encode("cp1252"))
    faults: list[Fault] = []
    assert texts(tmp_path / "b.tsv", faults=faults) == ["naïve"]
    assert faults[0].kind == "encoding-guessed"


def test_json_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1, "Utterance": "Hi", "label": ["a"]}\n\n{"Utterance": null}\n{"n": 3}\n')
    assert texts(path) == ["Hi", "", ""]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet(tmp_path, kind):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1, 2, 3], "words": pa.array(["Hi", None, "Ho"]).cast(kind)}), path)
    assert texts(path) == ["Hi", "", "Ho"]
    assert texts(path, "words") == ["Hi", "", "Ho"]
    with pytest.raises(InputError, match="holds int64"):
        texts(path, "n")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_missing_column(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        path.write_text("review,sentence\na,b\n")
    elif suffix == ".jsonl":
        path.write_text('{"review": "a", "sentence": "b"}\n')
    else:
        pq.write_table(pa.table({"review": ["a"], "sentence": ["b"]}), path)
    with pytest.raises(InputError) as error:
        texts(path, "sentense")
    assert "'review', 'sentence'" in error.value.allowed
    assert "did you mean 'sentence'?" in error.value.remedy
    with pytest.raises(InputError, match="several columns could hold") as error:
        texts(path)
    assert "--text-column" in error.value.remedy
    assert texts(path, "sentence") == ["b"]


def test_no_column_to_guess(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(InputError, match="no column could hold"):
        texts(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("anything\nHi\n")
    assert texts(tmp_path / "b.csv") == ["Hi"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "text,x\nHi, you, all\n", "line 2: 3 fields"),
        ("a.csv", "text,text\nHi,you\n", "'text' twice"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "line 2: not JSON"),
        ("a.jsonl", '{"text": "a"}\n[1]\n', "line 2: a JSON list"),
        ("a.jsonl", '{"text": "a"}\n{"text": 5}\n', "line 2: 'text' is a int"),
        ("a.jsonl", '{"text": ' + "[" * 100_000, "line 1: not JSON"),
        ("a.parquet", "PAR1 nonsense PAR1", "Parquet"),
        ("a.xlsx", "text", "no table"),
    ],
)
def test_malformed(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(FileError, match=words) as error:
        texts(tmp_path / name)
    assert error.value.remedy


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=8))
def test_csv_round_trip(tmp_path, rows):
    import csv

    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "n"], *([row, i] for i, row in enumerate(rows))])
    assert texts(tmp_path / "a.csv") == rows
