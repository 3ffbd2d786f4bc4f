"""WRIME: five judgements of a post, the misspelt header, line breaks that are written out."""

from __future__ import annotations

from pathlib import Path

import pytest
from files import sheet, write

from affectus.corpora.base import gold, groups, load_corpus
from affectus.errors import FileError

NAMES = ("Joy", "Sadness", "Anticipation", "Surprise", "Anger", "Fear", "Disgust", "Trust")
JUDGES = ("Writer", "Reader1", "Reader2", "Reader3", "Avg. Readers")


def wrime(folder: Path, name: str = "wrime-ver1.tsv", split: str = "Train", extra: tuple[str, ...] = ()) -> Path:
    emotions = (*NAMES, *extra)
    header = ["Sentence", "UserID", "Datetime", "Train/Dev/Test", *(f"{j}_{e}" for j in JUDGES for e in emotions)]
    rows = [
        [
            "今日は雨だった。\\nでも平気",
            1,
            "2012/7/31 23:48",
            split,
            *([3] + [0] * 7 + [-2] * len(extra)),
            *([1] * (len(emotions) * 4)),
        ],
        ["歯が痛い", 2, "2013-01-01T10:00", "dev", *([2] * len(emotions)), *([0] * (len(emotions) * 4))],
        ["もう寝る", 3, "", "test", *([0] * (len(emotions) * 5))],
    ]
    return write(folder, {name: sheet(header, rows)})


def test_writer_and_readers_are_told_apart(tmp_path: Path) -> None:
    loaded = load_corpus("wrime", wrime(tmp_path))
    assert {k: len(v) for k, v in loaded.splits.items()} == {"train": 1, "dev": 1, "test": 1}
    post = loaded["train"][0]
    assert post.text == "今日は雨だった。\nでも平気"
    assert post.gold is not None
    assert [(a.by, a.perspective) for a in post.gold] == [
        ("wrime writer", "felt"),
        ("wrime average of readers", "perceived"),
        ("wrime reader 1", "perceived"),
        ("wrime reader 2", "perceived"),
        ("wrime reader 3", "perceived"),
    ]
    assert gold(loaded["train"], "wrime-8", "felt")[0].tolist() == [3, 0, 0, 0, 0, 0, 0, 0]
    assert gold(loaded["train"], "wrime-8", "perceived")[0].tolist() == [1] * 8
    assert groups(loaded["dev"], "author").tolist() == ["2"]
    assert loaded.corpus.splits["train"].rows == 40_000


def test_the_misspelt_header_and_version_2(tmp_path: Path) -> None:
    path = wrime(tmp_path) / "wrime-ver1.tsv"
    path.write_text(path.read_text("utf-8").replace("Sadness", "Saddness"), encoding="utf-8")
    assert gold(load_corpus("wrime", tmp_path)["dev"], "wrime-8")[0, 1] == 2
    (tmp_path / "v2").mkdir()
    loaded = load_corpus("wrime", wrime(tmp_path / "v2", "wrime-ver2.tsv", extra=("Sentiment",)))
    assert gold(loaded["train"], "wrime-sentiment", "felt").tolist() == [[-2]]
    assert gold(loaded["train"], "wrime-sentiment", "perceived").tolist() == [[1]]
    assert loaded.corpus.splits["train"].rows == 30_000


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"line 2 of .* has 'holdout' in 'Train/Dev/Test'; allowed: train, dev, test"):
        load_corpus("wrime", wrime(tmp_path, split="holdout"))
    path = wrime(tmp_path) / "wrime-ver1.tsv"
    text = path.read_text("utf-8")
    path.write_text(text.replace("\t3\t0", "\t4\t0", 1), encoding="utf-8")
    with pytest.raises(FileError, match=r"line 2 .* has '4' in 'Writer_Joy'; allowed: a number from 0 to 3"):
        load_corpus("wrime", tmp_path)
    path.write_text(text.replace("Avg. Readers_Fear", "Avg Readers_Fear"), encoding="utf-8")
    with pytest.raises(FileError, match=r"lacks the column 'Avg\. Readers_Fear'"):
        load_corpus("wrime", tmp_path)
    path.write_bytes(text.encode("shift_jis"))
    with pytest.raises(FileError, match=r"is not utf-8.*save it as UTF-8"):
        load_corpus("wrime", tmp_path)
    path.write_text(text.replace("\ttest\t", "\tdev\t"), encoding="utf-8")
    with pytest.raises(FileError, match="the split 'test' of 'wrime' is empty"):
        load_corpus("wrime", tmp_path)
