"""REN-20k and RENh-4k: unlike headers, percent and fractions, UTF-7 escapes, rows without votes."""

from __future__ import annotations

from pathlib import Path

import pytest
from files import write

from affectus.corpora.base import gold, load_corpus
from affectus.corpora.mood_meter import undo_utf7
from affectus.errors import FileError

HEADER = "Title, ABSTRACT ,content,Happy,Sad,Angry,Don't care,Inspired,Afraid,Amused,Annoyed\n"


def ren20k(folder: Path, body: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    return write(folder, {"REN-20k/REN-10k/2014/a.csv": header + body}, encoding)


def test_votes_become_two_profiles(tmp_path: Path) -> None:
    body = '"Rain, again",It rains,long,10,20,30,5,15,5,10,5\nSun,,long,100,0,0,0,0,0,0,0\n'
    loaded = load_corpus("ren20k", ren20k(tmp_path, body))
    rain, sun = loaded["all"]
    assert (rain.text, sun.text) == ("Rain, again It rains", "Sun")
    assert gold([rain], "ren-5")[0].tolist() == pytest.approx([30 / 80, 5 / 80, 10 / 80, 20 / 80, 15 / 80])
    assert gold([rain], "rappler-8")[0].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.05, 0.15, 0.05, 0.1, 0.05])
    assert rain.gold is not None
    assert rain.gold[0].perspective == "evoked"
    assert rain.id == "REN-20k/REN-10k/2014/a-0"


def test_fractions_percent_and_missing_moods(tmp_path: Path) -> None:
    few = "headline,HAPPY,sad,angry,inspired,afraid\nBridge opens,0.5,0.1,0.1,0.2,0.1\n"
    write(tmp_path, {"a.csv": few, "b.csv": few.replace("0.5,0.1,0.1,0.2,0.1", "50%,10%,10%,20%,10%")})
    loaded = load_corpus("renh4k", tmp_path)
    five = gold(loaded["all"], "ren-5")
    assert five[0].tolist() == five[1].tolist() == pytest.approx([0.1, 0.1, 0.5, 0.1, 0.2])
    assert "rappler-8" not in loaded["all"][0].gold.table.column_names


def test_columns_named_by_emotion(tmp_path: Path) -> None:
    text = "title,joy,sadness,anger,fear,surprise\nBridge opens,1,2,3,4,0\n"
    assert gold(load_corpus("renh4k", write(tmp_path, {"a.csv": text}))["all"], "ren-5")[0].tolist() == pytest.approx(
        [0.3, 0.4, 0.1, 0.2, 0]
    )


def test_rows_without_votes_are_counted(tmp_path: Path) -> None:
    body = "A,a,c,1,0,0,0,0,0,0,0\nB,b,c,many,0,0,0,0,0,0,0\nC,c,c,0,0,0,60,0,0,40,0\n,,c,1,0,0,0,0,0,0,0\n"
    loaded = load_corpus("ren20k", ren20k(tmp_path, body))
    assert len(loaded["all"]) == 1
    assert set(loaded.left_out.values()) == {1}


def test_escapes_of_utf7_are_undone_and_other_plus_signs_stay() -> None:
    assert undo_utf7("It+IBk-s +ICY- 5+AKM-") == "It’s … 5£"
    assert undo_utf7("call +639-17, C++ and 2+2-1, +100-") == "call +639-17, C++ and 2+2-1, +100-"


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="lacks the column 'angry'"):
        load_corpus("ren20k", ren20k(tmp_path, "A,a,c,1,0,0,0,0,0,0,0\n", HEADER.replace("Angry", "Anger!x")))
    with pytest.raises(FileError, match="a vote of 250"):
        load_corpus("ren20k", ren20k(tmp_path, "A,a,c,250,0,0,0,0,0,0,0\n"))
    with pytest.raises(FileError, match=r"no row of .* has a text and votes"):
        load_corpus("ren20k", ren20k(tmp_path, "A,a,c,?,0,0,0,0,0,0,0\n"))
    (tmp_path / "REN-20k/REN-10k/2014/a.csv").rename(tmp_path / "a.xlsx")
    with pytest.raises(FileError, match="is an Excel sheet; allowed: CSV files"):
        load_corpus("ren20k", tmp_path)
    (tmp_path / "a.xlsx").unlink()
    with pytest.raises(FileError, match="no copy of this corpus"):
        load_corpus("ren20k", tmp_path)


def test_old_encodings_are_told(tmp_path: Path) -> None:
    loaded = load_corpus("ren20k", ren20k(tmp_path, "Café,a,c,1,0,0,0,0,0,0,0\n", encoding="cp1252"))
    assert loaded["all"][0].text == "Café a"
    assert loaded.remarks == {"read as cp1252": 1}
