from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from affectus.errors import FileError, InputError
from affectus.frontends.cleaning import STOP_WORDS, content_words
from affectus.frontends.vectors import WordVectors, read_vectors, word_key, word_keys, write_vectors


def test_the_forms_that_go_round(tmp_path: Path) -> None:
    wanted = np.array([[0.5, -1, 2], [3, 4, 5]], np.float32)
    glove, word2vec = tmp_path / "glove.txt", tmp_path / "w2v.vec"
    glove.write_text("The 0.5 -1 2\ncat 3 4 5\nthe 9 9 9\n. . . 1 2 3\n")
    word2vec.write_text("2 3\nthe 0.5 -1 2\ncat 3 4 5 \n")
    save_file({"any": wanted}, tmp_path / "a.safetensors")
    (tmp_path / "a.txt").write_text("the\ncat\n")
    write_vectors(WordVectors(("the", "cat"), wanted), tmp_path / "b.npy")
    for name in ("w2v.vec", "a.safetensors", "b.npy"):
        read = read_vectors(tmp_path / name)
        assert read.words == ("the", "cat")
        assert np.array_equal(read.vectors, wanted)
    spaced = read_vectors(glove)
    assert spaced.words == ("the", "cat", ". . .")  # small letters, the first of a word that occurs twice
    assert spaced.vectors[0].tolist() == [0.5, -1, 2]


@pytest.mark.parametrize(
    ("text", "message"), [("a 1 2\nb 1\n", "line 2"), ("a x y\n", "line 1"), ("a 1 nan\n", "not finite")]
)
def test_text_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "v.txt"
    path.write_text(text)
    with pytest.raises(FileError, match=message):
        read_vectors(path)


def test_arrays_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    with pytest.raises(FileError, match="no file of word vectors"):
        read_vectors(path)
    np.save(path, np.ones((2, 3)))
    with pytest.raises(FileError, match="words of the vectors are missing"):
        read_vectors(path)
    (tmp_path / "v.txt").write_text("a\n")
    with pytest.raises(FileError, match="for 1 words"):
        read_vectors(path)
    path.write_bytes(b"nothing")
    with pytest.raises(FileError, match="holds no one array"):
        read_vectors(path)


def test_keys_are_the_same_everywhere_and_differ() -> None:
    assert word_key("joy") == -5010614943668652475  # stands in checkpoints
    keys = word_keys([f"word{i}" for i in range(50_000)])
    assert len(set(keys.tolist())) == 50_000
    assert keys.dtype == np.int64


def test_replacing_keeps_the_order_and_adds_nothing() -> None:
    base = WordVectors(("a", "b", "c"), np.zeros((3, 2), np.float32))
    new = WordVectors(("c", "x", "a"), np.arange(6, dtype=np.float32).reshape(3, 2))
    assert base.replaced(new).vectors.tolist() == [[4, 5], [0, 0], [0, 1]]
    assert base.only({"c", "a"}).words == ("a", "c")
    with pytest.raises(InputError, match="twice"):
        WordVectors(("a", "a"), np.zeros((2, 2), np.float32))
    with pytest.raises(InputError, match=r"\(1, 2\)"):
        WordVectors(("a", "b"), np.zeros((1, 2), np.float32))


def test_cleaning_as_the_paper_does() -> None:
    text = 'He didn\'t win: 3 dogs, "no-one" and\tTWO cats of the U.S. met'
    assert content_words(text) == ["didnt", "win", "dogs", "noone", "two", "cats", "us", "met"]
    assert content_words("It was not 12 : 30") == []
    assert {"not", "no", "don", "ve"} <= STOP_WORDS
    assert len(STOP_WORDS) == 153
