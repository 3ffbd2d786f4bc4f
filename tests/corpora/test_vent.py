import csv

import pytest

from affectus.corpora.base import gold, load_corpus
from affectus.errors import FileError

EMOTIONS = [(1, 10, "Sad", 1), (2, 11, "Loved", 1), (3, 12, "Afraid", 1), (4, 13, "Happy", 1), (5, 14, "Furious", 1)]
OTHERS = [(6, 15, "Creative", 1), (7, 10, "Sad", 0), (8, 13, "Party2", 1)]
CATEGORIES = [(10, "Sadness"), (11, "Affection"), (12, "Fear"), (13, "Happiness"), (14, "Anger"), (15, "Creativity")]


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "emotion_categories.csv", ["id", "name"], CATEGORIES)
    write(tmp_path / "emotions.csv", ["id", "emotion_category_id", "name", "enabled"], EMOTIONS + OTHERS)
    vents = [
        (1 + i % 8, f"u{i * 7 % 23}", f"2016-01-{1 + i % 28:02d} 10:00:00", f'post {i}, _URL_ said\n"hm"')
        for i in range(400)
    ]
    vents.append((1, "u1", "2016-01-02 10:00:00", " "))
    vents.append((99, "u1", "2016-01-02 10:00:00", "odd"))
    write(tmp_path / "vents.csv", ["emotion_id", "user_id", "created_at", "text"], vents)
    return tmp_path


def test_posts_of_the_five_in_five_parts_and_every_row_counted(folder):
    loaded = load_corpus("vent", folder)
    assert set(loaded.splits) == {"train", "dev", "test-random", "test-users", "test-time"}
    kept = sum(map(len, loaded.splits.values()))
    assert kept + sum(loaded.left_out.values()) == 402
    assert loaded.left_out["category outside the five"] == 50
    assert loaded.left_out["emotion not enabled"] == 50
    assert loaded.left_out["emotion without an alphabetic name"] == 50
    assert loaded.left_out["unknown emotion"] == loaded.left_out["empty text"] == 1
    first = loaded["train"][0]
    assert first.groups["author"].startswith("u")
    assert first.gold is not None
    assert first.gold[0].perspective == "felt"
    number = int(first.text.split()[1].rstrip(","))
    assert gold([first], "leia-5")[0].argmax() == number % 8  # the emotions stand in the order of the scale
    assert first.text.endswith('said\n"hm"')


def test_missing_columns_and_short_rows_are_named(folder):
    write(folder / "vents.csv", ["emotion_id", "text"], [])
    with pytest.raises(FileError, match="no column 'created_at'"):
        load_corpus("vent", folder)
    (folder / "vents.csv").write_text("emotion_id,user_id,created_at,text\n1,u1\n")
    with pytest.raises(FileError, match="line 2 of"):
        load_corpus("vent", folder)
