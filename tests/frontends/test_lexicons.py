import json

import pytest

from affectus.errors import FileError
from affectus.frontends.lexicons import EMOLEX_COLUMNS, emolex, emotion_words, word_list


def emolex_file(path, marks):
    rows = [f"{word}\t{column}\t{int(column in found)}" for word, found in marks.items() for column in EMOLEX_COLUMNS]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return path


def test_the_word_level_file_and_json_give_the_same(tmp_path):
    marks = {"glad": {"joy", "positive"}, "table": set(), "Gloom": {"sadness"}}
    wanted = {"glad": frozenset({"joy", "positive"}), "table": frozenset(), "gloom": frozenset({"sadness"})}
    tabs = emolex_file(tmp_path / "emolex.txt", marks)
    assert emolex(tabs) == wanted
    as_json = tmp_path / "emolex.json"
    as_json.write_text(json.dumps({word: sorted(found) for word, found in marks.items()}))
    assert emolex(as_json) == wanted
    assert emotion_words(str(tabs)) == emotion_words(str(as_json)) == {"glad", "gloom"}


def test_a_plain_list(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# mine\nGlad\n\nsad\n")
    assert word_list(path) == emotion_words(str(path)) == {"glad", "sad"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "glad\tjoy\t1\nglad\thappy\t1\n", "line 2 of 'a.txt'"),
        ("b.txt", "glad\tjoy\t2\n", "0 or 1"),
        ("c.json", "[1, 2]", "no lexicon"),
        ("d.json", '{"glad": ["bliss"]}', "'bliss'"),
        ("e.json", "{", "no JSON"),
    ],
)
def test_files_of_another_form_are_named_errors(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(FileError, match=message):
        emolex(path)


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(FileError, match="no lexicon file"):
        emolex(tmp_path / "absent.txt")
    empty = tmp_path / "empty.txt"
    empty.write_text("# nothing\n")
    with pytest.raises(FileError, match="no emotion word"):
        emotion_words(str(empty))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(FileError, match="not UTF-8"):
        word_list(tmp_path / "latin.txt")
