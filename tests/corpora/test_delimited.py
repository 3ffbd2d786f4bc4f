"""Delimited files: what is wrong is named with its line."""

from pathlib import Path

import pytest
from files import write

from affectus.corpora.base import gold, load_corpus
from affectus.corpora.delimited import decode, label, read_rows, value
from affectus.errors import FileError


def test_rows_of_another_width(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.tsv": "\ufeffx\ty\r\n1\t2\r\n\r\n3\r\n"}) / "a.tsv"
    with pytest.raises(FileError, match=r"line 4 of 'a\.tsv' has 1 cells; allowed: 2"):
        read_rows(path, ("x", "y"), delimiter="\t")
    found = read_rows(path, ("x",), delimiter="\t", pass_malformed=True)
    assert (found.rows, found.lines, found.malformed) == ([{"x": "1", "y": "2"}], [2], 1)
    with pytest.raises(FileError, match="lacks the column 'z'; it has x, y"):
        read_rows(path, ("z",), delimiter="\t")


def test_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("it’s".encode("gbk"))
    assert decode(path, "utf-8", "gbk", "latin-1") == ("it’s", "gbk")
    path.write_bytes("naïve café".encode("latin-1"))
    assert decode(path, "utf-8", "gbk", "latin-1") == ("naïve café", "latin-1")
    with pytest.raises(FileError, match=r"is not utf-8 \(byte 2 is 0xef\)"):
        decode(path)
    with pytest.raises(FileError, match="can't read"):
        decode(tmp_path / "none")


def test_cells(tmp_path: Path) -> None:
    assert value(tmp_path, 1, "v", "0.5", 0, 1) == 0.5
    for cell in ("2", "nan", "much", ""):
        with pytest.raises(FileError, match=f"has '{cell}' in 'v'; allowed: a number from 0 to 1"):
            value(tmp_path, 1, "v", cell, 0, 1)
    with pytest.raises(FileError, match="did you mean 'joy'"):
        label(tmp_path, 1, "mood", "jooy", ("joy", "fear"))


EMOTIONS = "anger\tanticipation\tdisgust\tfear\tjoy\tlove\toptimism\tpessimism\tsadness\tsurprise\ttrust"


def ec(folder: Path, row: str) -> Path:
    names = ("train", "dev", "test-gold")
    return write(folder, {f"E-c/2018-E-c-En-{n}.txt": f"ID\tTweet\t{EMOTIONS}\n{n}{row}\n" for n in names})


def test_tweets_with_several_emotions_and_lone_quotation_marks(tmp_path: Path) -> None:
    loaded = load_corpus("semeval2018-ec", ec(tmp_path, '-1\t"oh well\t' + "\t".join("10000000001")))
    assert loaded["test"][0].text == '"oh well'
    assert gold(loaded["test"], "semeval2018-ec-11").tolist() == [[1] + [0] * 9 + [1]]
    none = load_corpus("semeval2018-ec", ec(tmp_path, "-1\tx\t" + "\t".join("0" * 11)))
    assert gold(none["dev"], "semeval2018-ec-11").sum() == 0  # no emotion is a label too
    with pytest.raises(FileError, match=r"line 2 .* has 'NONE' in 'anger'; allowed: 0, 1"):
        load_corpus("semeval2018-ec", ec(tmp_path, "-1\tx" + "\tNONE" * 11))


ESSAYS = '"message_id","response_id","article_id","empathy","distress","empathy_bin","distress_bin","essay"\n'


def test_essays_with_the_state_of_their_writers(tmp_path: Path) -> None:
    rows = '"R_1_1","R_1","67","5.667","4.375","1","1","two\nlines, here"\n"R_1_2","R_1","86","1","7","0","1","x"\n'
    loaded = load_corpus("empathic-reactions", write(tmp_path, {"messages.csv": ESSAYS + rows}))
    first = loaded["all"][0]
    assert first.text == "two\nlines, here"
    assert first.groups == {"author": "R_1", "article": "67"}
    assert first.gold is not None
    assert first.gold[0].perspective == "felt"
    assert gold(loaded["all"], "empathy-distress")[1].tolist() == [1, 7]
    with pytest.raises(FileError, match=r"line 4 of 'messages\.csv' has '8' in 'distress'"):
        load_corpus("empathic-reactions", write(tmp_path, {"messages.csv": ESSAYS + rows.replace('"7"', '"8"')}))
    with pytest.raises(FileError, match="2 samples of 'empathic-reactions' have the id 'R_1_1'"):
        load_corpus("empathic-reactions", write(tmp_path, {"messages.csv": ESSAYS + rows.replace("R_1_2", "R_1_1")}))
