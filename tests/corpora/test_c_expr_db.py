"""C-EXPR-DB on small copies made to its layout."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from files import write

from affectus.corpora.base import gold, load_corpus
from affectus.errors import FileError
from affectus.taxonomy import scale

HEADER = (
    '"Begin Time - hh:mm:ss.ms","End Time - hh:mm:ss.ms","Fearfully Surprised","Happily Surprised","Sadly Surprised",'
    '"Disgustedly Surprised","Angrily Surprised","Sadly Fearful","Sadly Angry","Other"\n'
)
FILES = {
    "annotation/01.csv": HEADER
    + '00:00:00.000,00:00:00.010,,,"1",,,,,\n'
    + '00:00:00.010,00:00:13.220,,,"1 ",,,,,\n'
    + '00:01:30.500,00:01:32.000,,,,,,,"1  ",\n',
    "annotation/12.csv": HEADER + '01:00:00.000,01:00:01.250,,,,,,,,"1"\n00:00:05.000,00:00:05.000,"1",,,,,,,\n',
}
FOLDS = {
    "folds/split-0/train.txt": "Other/12_Other_0,7\n",
    "folds/split-0/val.txt": "Sadly-Surprised/01_Sadly-Surprised_1,2,no, not now\nSadly-Angry/01_Sadly-Angry_0,6\n",
    "folds/split-1/test.txt": "Other/12_Other_0.mp4,7\n",
}


def made(folder: Path, files: Mapping[str, str]) -> Path:
    return write(folder, files)


def test_clips_are_numbered_within_their_video_and_label(tmp_path: Path) -> None:
    loaded = load_corpus("c-expr-db", made(tmp_path, FILES))
    assert [s.id for s in loaded["all"]] == [
        "01_Sadly-Surprised_0",
        "01_Sadly-Surprised_1",
        "01_Sadly-Angry_0",
        "12_Other_0",
    ]
    assert [(s.start, s.end) for s in loaded["all"]] == [(0, 0.01), (0.01, 13.22), (90.5, 92.0), (3600.0, 3601.25)]
    labels = [scale("cexpr-8").labels[row.argmax()] for row in gold(loaded["all"], "cexpr-8")]
    assert labels == ["sadly surprised", "sadly surprised", "sadly angry", "other"]
    assert loaded.left_out == {"annotated, and in no fold": 0, "without length": 1}
    assert loaded.remarks == {"without their video": 4}
    assert all("fold" not in s.groups for s in loaded["all"])


def test_folds_say_who_is_held_out_and_bring_words(tmp_path: Path) -> None:
    loaded = load_corpus("c-expr-db", made(tmp_path, {**FILES, **FOLDS}))
    assert {s.id: (s.groups["fold"], s.groups["video"], s.text) for s in loaded["all"]} == {
        "01_Sadly-Surprised_1": ("0", "01", "no, not now"),
        "01_Sadly-Angry_0": ("0", "01", None),
        "12_Other_0": ("1", "12", None),
    }
    assert loaded.left_out["annotated, and in no fold"] == 2
    assert not np.isnan(gold(loaded["all"], "cexpr-8")).any()


def test_media_are_the_clip_or_a_stretch_of_its_video(tmp_path: Path) -> None:
    said = "trimmed/Sadly-Angry/01_Sadly-Angry_0.mp4,\"['Leave me.']\"\n"
    files = {
        "trimmed_videos/Sadly-Angry/01_Sadly-Angry_0.mp4": "",
        "videos/12.mp4": "",
        "clips_transcription.csv": said,
    }
    rows = {s.id: s for s in load_corpus("c-expr-db", made(tmp_path, {**FILES, **files}))["all"]}
    clip, stretch = rows["01_Sadly-Angry_0"].media, rows["12_Other_0"].media
    assert clip is not None
    assert stretch is not None
    assert (clip.start, clip.end) == (0.0, None)
    assert (stretch.path, stretch.start, stretch.end) == (tmp_path / "videos/12.mp4", 3600.0, 3601.25)
    assert rows["01_Sadly-Surprised_0"].media is None
    assert rows["01_Sadly-Angry_0"].text == "Leave me."


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"annotation/01.csv": HEADER + "00:00:00.0,00:00:01.0,,,,,,,,\n"}, "line 2 of '01.csv' marks nothing"),
        ({"annotation/01.csv": HEADER + '00:00:00.0,00:00:01.0,1,"1",,,,,,\n'}, "marks .*fearfully.*happily"),
        ({"annotation/01.csv": HEADER + "0.5,00:00:01.0,1,,,,,,,\n"}, "has the time '0.5'"),
        ({"annotation/01.csv": HEADER.replace("Other", "Else")}, r"lacks the columns \['other'\]"),
        ({"folds/split-0/val.txt": "Other/12_Other_0,6\n"}, "line 1 of 'val.txt'"),
        ({"folds/split-0/val.txt": "Other/13_Other_0,7\n"}, "'13_Other_0' is in a list of folds and not annotated"),
        ({"folds/split-0/train.txt": "Other/12_Other_0,7\n"}, "no list of clips that are held out"),
        ({**FOLDS, "folds/split-2/val.txt": "Other/12_Other_0,7\n"}, "held out twice, by 1 and split-2"),
    ],
)
def test_damages_are_named(tmp_path: Path, files: Mapping[str, str], told: str) -> None:
    with pytest.raises(FileError, match=told):
        load_corpus("c-expr-db", made(tmp_path, {**FILES, **files}))
