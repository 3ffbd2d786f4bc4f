"""PELD made anew from MELD and EmoryNLP."""

import csv
from pathlib import Path

import pytest
from files import sheet, write

from affectus.corpora.base import locate
from affectus.corpora.peld_build import COLUMNS, ROLES, build
from affectus.errors import FileError

DATA = Path(__file__).parents[3] / "shared" / "data"
SPLITS = ("train", "dev", "test")
MELD = ("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season", "Episode",
        "StartTime", "EndTime")  # fmt: skip
EMORY = ("Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode", "Start_Time", "End_Time")


def meld(folder: Path, *said: tuple[int, str, str, str]) -> Path:
    rows = [
        (i, f'"{text}"', who, emotion, "-", dialogue, i, 1, 1, '"00:00:01,000"', '"00:00:02,000"')
        for i, (dialogue, who, text, emotion) in enumerate(said)
    ]
    return write(folder, {f"{split}_sent_emo.csv": sheet(MELD, rows, ",") for split in SPLITS})


def emory(folder: Path, *said: tuple[int, str, str]) -> Path:
    rows = [
        (f"word {i}", f"\"['{who}']\"", emotion, scene, i, 1, 1, "00:00:01.000", "00:00:02.000")
        for i, (scene, who, emotion) in enumerate(said)
    ]
    return write(folder, {f"emorynlp_{split}_final.csv": sheet(EMORY, rows, ",") for split in SPLITS})


def built(out: Path, *folders: Path) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    found = build(out, *folders)
    with out.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    assert tuple(header) == COLUMNS
    assert found.triples == len(rows)
    return [tuple(row) for row in rows], dict(found.left_out)


def test_triples_are_taken_by_the_rules(tmp_path: Path) -> None:
    folder = meld(
        tmp_path / "m",
        (10, "Joey", " Caf\N{LATIN SMALL LETTER E WITH ACUTE}? ", "surprise"),
        (10, "A Man", "Yes", "neutral"),
        (10, "Joey", "Fine", "joy"),
        (10, "A Man", "Off now", "disgust"),  # a triple of somebody without a personality
        (10, "A Man", "Go", "anger"),
        (2, "Ross", "Hm", "neutral"),  # earlier by its number, and alone
        (2, "Ross", "Well", "neutral"),
        (2, "Ross", "So", "neutral"),
    )
    rows, left_out = built(tmp_path / "out.tsv", folder)
    assert rows == [
        ("Joey", "A Man", "[0.574, 0.614, 0.297, 0.545, 0.455]", "Caf ?", "Yes", "Fine", "surprise", "neutral", "joy",
         "positive", "neutral", "positive")
    ]  # fmt: skip
    assert left_out == {"the same as an earlier one": 2}  # the three splits hold the same here


def test_emorynlp_comes_after_and_has_fewer_emotions(tmp_path: Path) -> None:
    first = meld(tmp_path / "m", *[(1, who, "Oh", "fear") for who in ("Ross", "Rachel", "Ross")])
    scene = [(2, "Monica Geller", "Mad"), (2, "Chandler Bing", "Sad"), (2, "Monica Geller", "Scared")]
    second = emory(tmp_path / "e", *scene, (2, "Chandler Bing", "Powerful"))
    rows, left_out = built(tmp_path / "out.tsv", first, second)
    assert [(row[0], row[1], *row[6:]) for row in rows] == [
        ("Ross", "Rachel", *["fear"] * 3, *["negative"] * 3),
        ("Monica", "Chandler", "anger", "sadness", "fear", *["negative"] * 3),
    ]
    assert left_out["with an emotion that PELD does not have"] == 3


def test_the_roles_are_six(tmp_path: Path) -> None:
    assert len(ROLES) == 6
    with pytest.raises(FileError, match="no copy"):
        build(tmp_path / "out.tsv", tmp_path)
    assert not (tmp_path / "out.tsv").exists()


@pytest.mark.data
def test_from_meld_it_is_the_first_part_of_the_published_file(tmp_path: Path) -> None:
    try:
        published = locate("peld", DATA) / "Dyadic_PELD.tsv"
        folder = locate("meld", DATA)
    except FileError:
        pytest.skip("MELD and PELD are not here")
    out = tmp_path / "out.tsv"
    assert build(out, folder).triples == 4437
    assert published.read_bytes().startswith(out.read_bytes())
