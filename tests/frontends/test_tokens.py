import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import CheckpointError, InputError
from affectus.frontends.tokens import MAX_WINDOWS, TextCollate, Tokens, Window
from affectus.frontends.words import join_windows, word_evidence
from affectus.sample import Dialogue, Sample

COLLATE = TextCollate("tiny:bert", max_length=16)


def sample(text: str | None) -> Sample:
    return Sample(id="a", text=text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120))
def test_windows_hold_every_token_once_in_order(text: str) -> None:
    (tokens,) = COLLATE.encode([sample(text)])
    whole = TextCollate("tiny:bert", max_length=4096).encode([sample(text)])[0]
    assert [i for w in tokens.windows for i in w.ids] == whole.windows[0].ids
    assert all(len(w.ids) <= 14 for w in tokens.windows)
    assert ("empty" in tokens.flags) == (not whole.windows[0].ids) == (not text.strip())
    words, numbers = tokens.words()
    assert all(number < len(words) for number in numbers)


def test_padding_and_masks() -> None:
    batch = COLLATE([sample("ab"), sample("abcde")])
    ids, valid, content = (batch.inputs[k] for k in ("ids", "valid", "content"))
    assert ids.shape == valid.shape == content.shape == (2, 7)
    assert valid.sum(1).tolist() == [4, 7]
    assert content.sum(1).tolist() == [2, 5]
    assert not (content & ~valid).any()
    assert content[0].tolist() == [False, True, True, False, False, False, False]
    assert batch.targets == {}


def test_long_texts_are_cut_between_words_and_flagged_only_when_something_is_lost() -> None:
    (tokens,) = COLLATE.encode([sample("abcdef ghijkl mnopqr stuvwx")])
    pieces = [tokens.text[w.offsets[0][0] : w.offsets[-1][1]] for w in tokens.windows]
    assert pieces == ["abcdef ghijkl", " mnopqr stuvwx"]
    assert tokens.flags == ()
    (endless,) = COLLATE.encode([sample("word " * 5000)])
    assert len(endless.windows) == MAX_WINDOWS
    assert endless.flags == ("truncated",)


def test_words_of_tokens() -> None:
    (tokens,) = COLLATE.encode([sample("so  happy, 😀!")])
    words, numbers = tokens.words()
    assert words == ["so", "happy", ",", "😀!"]
    assert len(numbers) == len(tokens.windows[0].ids) or len(tokens.windows) > 1
    assert list(numbers) == sorted(numbers)


def test_windows_are_joined_by_their_tokens() -> None:
    notes = [
        Tokens("abc d", [Window([1, 2, 3], []), Window([4], [])], ()),
        Tokens("", [Window([], [])], ("empty",)),
        Tokens("e", [Window([5], [])], ()),
    ]
    joined = join_windows(np.array([[4.0], [8.0], [9.0], [2.0]]), notes)
    assert joined[0, 0] == (3 * 4 + 8) / 4
    assert np.isnan(joined[1, 0])
    assert joined[2, 0] == 2


def test_strongest_words_in_the_order_of_the_text() -> None:
    (tokens,) = TextCollate("tiny:bert").encode([sample("a b c d e")])
    weights = np.zeros(len(tokens.windows[0].ids))
    weights[[0, 2, 8]] = [0.1, -3.0, 1.0]
    found = word_evidence(tokens, weights, strongest=2)
    assert [(e.text, e.weight) for e in found] == [("b", -3.0), ("e", 1.0)]


def test_it_travels_to_other_processes_by_name() -> None:
    COLLATE.encode([sample("warm")])
    copy = pickle.loads(pickle.dumps(COLLATE))
    assert copy == COLLATE
    assert len(pickle.dumps(COLLATE)) < 1000
    assert copy.encode([sample("warm")]) == COLLATE.encode([sample("warm")])


def test_turns_of_dialogues_and_missing_texts() -> None:
    batch = COLLATE([Dialogue((sample("a"), sample("b"))), sample("c")])
    assert len(batch.spans) == 3
    with pytest.raises(InputError, match="has no text"):
        COLLATE([sample(None)])


def test_unreadable_tokenizers(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CheckpointError, match="no readable tokenizer"):
        TextCollate(str(tmp_path / "tokenizer.json")).encode([sample("a")])
