"""EmoryNLP and DailyDialog as their authors release them."""

from pathlib import Path

import pytest
from files import sheet, write

from affectus.corpora.base import gold, groups, load_corpus
from affectus.errors import FileError

COLUMNS = (
    "Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode", "Start_Time", "End_Time",
)  # fmt: skip
ROW = ('"So, it rains."', "\"['Ann Lee']\"", "Joyful", 4, 1, 1, 2, "00:00:05.500", "00:01:07.250")
LATER = ('"Yes."', "\"['Bob', 'Cem']\"", "Scared", 4, 2, 1, 2, "00:01:09.000", "00:01:08.000")


def emory(folder: Path, *rows: tuple[object, ...]) -> Path:
    return write(
        folder, {f"emorynlp_{split}_final.csv": sheet(COLUMNS, rows, ",") for split in ("train", "dev", "test")}
    )


def test_scenes_of_emorynlp(tmp_path: Path) -> None:
    loaded = load_corpus("emorynlp", emory(tmp_path, ROW, LATER))
    first, second = loaded["test"]
    assert (first.text, first.track, first.start, first.end) == ("So, it rains.", "Ann Lee", 5.5, 67.25)
    assert (second.track, second.start) == ("Bob and Cem", None)
    assert groups(loaded["test"], "dialogue").tolist() == ["s1e2c4"] * 2
    assert gold(loaded["test"], "emorynlp-7").argmax(1).tolist() == [0, 6]
    assert loaded.remarks == {"with times that run backwards, left untimed": 3}
    assert len(loaded.dialogues("train")) == 1


@pytest.mark.parametrize(
    ("at", "cell", "what"),
    [
        (1, "Ann", "has the speaker 'Ann'"),
        (2, "Glum", "'glum' in 'Emotion'"),
        (4, "x", "has the utterance 'x'"),
        (7, "soon", "has the time 'soon'"),
    ],
)
def test_rows_of_emorynlp_that_do_not_fit(tmp_path: Path, at: int, cell: str, what: str) -> None:
    with pytest.raises(FileError, match=rf"line 2 of .*{what}"):
        load_corpus("emorynlp", emory(tmp_path, (*ROW[:at], cell, *ROW[at + 1 :])))


def daily(folder: Path, talks: str, marks: str) -> Path:
    files = {}
    for split in ("train", "validation", "test"):
        files |= {f"{split}/dialogues_{split}.txt": talks, f"{split}/dialogues_emotion_{split}.txt": marks}
    return write(folder, files)


def test_dialogues_of_dailydialog(tmp_path: Path) -> None:
    loaded = load_corpus("dailydialog", daily(tmp_path, "Hi . __eou__ Oh ! __eou__\nNo . __eou__ \n", "0 6 \n1\n"))
    assert [turn.text for turn in loaded["test"]] == ["Hi .", "Oh !", "No ."]
    assert [turn.track for turn in loaded["test"]] == ["A", "B", "A"]
    assert gold(loaded["test"], "dailydialog-7").argmax(1).tolist() == [0, 6, 1]
    assert [len(talk.turns) for talk in loaded.dialogues("dev")] == [2, 1]
    assert loaded.remarks == {"dialogues that an earlier split has word for word": 4}
    assert groups(loaded["test"], "words").tolist() == ["train-1", "train-1", "train-2"]


@pytest.mark.parametrize(
    ("marks", "what"), [("0\n1\n", "line 1 .* has 2 utterances"), ("0 9\n1\n", "'0 9'"), ("0 1\n", "2 dialogues")]
)
def test_dialogues_of_dailydialog_that_do_not_fit(tmp_path: Path, marks: str, what: str) -> None:
    with pytest.raises(FileError, match=what):
        load_corpus("dailydialog", daily(tmp_path, "Hi . __eou__ Oh ! __eou__\nNo . __eou__ \n", marks))
