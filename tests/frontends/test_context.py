"""Turns among their neighbours, with the byte tokenizer of the tiny networks."""

import pickle

import numpy as np
import pytest

from affectus.errors import ConfigError
from affectus.frontends.context import ContextCollate
from affectus.sample import Dialogue, Sample

START, END = 257, 258


def talk(*texts: str | None) -> Dialogue:
    return Dialogue(tuple(Sample(id=str(i), source="t", item=i, text=text) for i, text in enumerate(texts)))


def lines(collate: ContextCollate, *items: Dialogue) -> tuple[list[str], list[str]]:
    """Each row as text, specials as `<` `|` `>`, and the marked part of it."""
    made, _ = collate.rows(items)

    def written(ids: np.ndarray) -> str:
        return "".join("<" if i == START else "/" if i == END else BYTES[i] for i in ids if i != collate.padding)

    return (
        [written(row[there]) for row, there in zip(made["ids"], made["valid"], strict=True)],
        [written(row[mine]) for row, mine in zip(made["ids"], made["content"], strict=True)],
    )


BYTES = {
    i: w for w in "abcdefgh" for i in ContextCollate("tiny:bert").encode([Sample(id="", text=w)])[0].windows[0].ids
}


def test_a_turn_stands_between_its_neighbours() -> None:
    rows, own = lines(ContextCollate("tiny:bert"), talk("aa", "b", "cc"), talk("d"))
    assert rows == ["</aa/b/", "<aa/b/cc/", "<b/cc//", "</d//"]
    assert own == ["aa", "b", "cc", "d"]


def test_without_a_future_none_is_read() -> None:
    rows, own = lines(ContextCollate("tiny:bert", before=2, after=0), talk("a", "b", "c", "d"))
    assert rows == ["</a/", "<a/b/", "<ab/c/", "<bc/d/"]
    assert own == ["a", "b", "c", "d"]
    assert lines(ContextCollate("tiny:bert", before=0, after=0), talk("a", "b"))[0] == ["<a/", "<b/"]


def test_what_does_not_fit_is_left_out_nearest_first_and_whole() -> None:
    collate = ContextCollate("tiny:bert", max_length=9, before=2, after=2)
    rows, _ = lines(collate, talk("aaa", "bb", "c", "ddd", "e"))
    assert rows[2] == "<bb/c//"  # ddd does not fit any more, and what lies behind it is not read without it
    _, notes = collate.rows([talk("abcdefgh")])
    assert notes == [("abcdefgh", ("truncated",))]
    assert lines(collate, talk("abcdefgh"))[1] == ["abcde"]


def test_a_turn_without_text_is_empty_and_no_context() -> None:
    collate = ContextCollate("tiny:bert")
    batch = collate([talk("a", None, " ", "b")])
    assert [flags for _, flags in batch.notes] == [(), ("empty",), ("empty",), ()]
    assert batch.inputs["content"].sum(1).tolist() == [1, 0, 0, 1]
    assert pickle.loads(pickle.dumps(collate))([talk("a")]).inputs["ids"].shape == (1, 5)


def test_a_window_must_hold_a_token() -> None:
    with pytest.raises(ConfigError, match="max_length is 4"):
        ContextCollate("tiny:bert", max_length=4)([talk("a")])
