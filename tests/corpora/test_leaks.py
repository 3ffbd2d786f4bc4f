"""Leaks between splits: planted repeats are found, all of them and nothing else."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.corpora.base import Loaded, corpus
from affectus.corpora.leaks import between, near_texts, of_corpus, plain, repeated, shared_groups
from affectus.errors import InputError
from affectus.sample import Sample


def texts(*said: str | None, prefix: str = "a", **groups: list[str]) -> list[Sample]:
    keys = [{kind: values[i] for kind, values in groups.items() if values[i]} for i in range(len(said))]
    return [Sample(id=f"{prefix}{i}", text=text, groups=keys[i]) for i, text in enumerate(said)]


def words(rng: np.random.Generator, n: int, vocabulary: int = 4000, length: int = 12) -> list[str]:
    """Texts of made-up words, frequent and rare ones as in a language."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    made = ["".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(vocabulary)]
    shares = 1 / np.arange(1, vocabulary + 1)
    chosen = rng.choice(vocabulary, (n, length), p=shares / shares.sum())
    return [" ".join(made[i] for i in row) for row in chosen]


def test_equal_texts_are_found_without_case_and_punctuation() -> None:
    train = texts("So it goes.", "☺ ☺", None, "", "日本語だ。")
    test = texts("so  it GOES!", "☹", "☺ ☺", None, "", "日本語だ")
    assert repeated(test, train).tolist() == [True, False, True, False, False, True]
    assert plain("A-b, c!") == "a b c"


def test_shared_groups_are_told_by_kind() -> None:
    train = texts("a", "b", who=["x", "y"], paper=["p", ""])
    test = texts("c", "d", "e", who=["y", "z", ""], paper=["q", "p", "r"])
    found = shared_groups(test, train)
    assert {kind: rows.tolist() for kind, rows in found.items()} == {
        "who": [True, False, False],
        "paper": [False, True, False],
    }


def jaccard(a: str, b: str) -> float:
    one, two = ({t[i : i + 5] for i in range(max(1, len(t) - 4))} for t in (plain(a), plain(b)))
    return len(one & two) / len(one | two)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text("abc ", min_size=1, max_size=14), min_size=1, max_size=12),
    st.lists(st.text("abc ", min_size=1, max_size=14), min_size=1, max_size=12),
    st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
def test_the_search_finds_what_comparing_all_pairs_finds(first: list[str], second: list[str], threshold: float) -> None:
    samples, others = texts(*first), texts(*second, prefix="b")
    found = {near.row: near for near in near_texts(samples, others, threshold)}
    for row, text in enumerate(first):
        if not plain(text):
            continue
        scores = [jaccard(text, other) if plain(other) else 0.0 for other in second]
        best = int(np.argmax(scores))
        if scores[best] >= threshold and plain(second[best]) != plain(text):
            assert found[row].other == best
            assert found[row].similarity == pytest.approx(scores[best])
        else:
            assert row not in found


def test_planted_near_duplicates_are_found_among_many_texts() -> None:
    rng = np.random.default_rng(0)
    train = words(rng, 3000)
    test = words(rng, 300)
    planted = {}
    for row in range(0, 300, 10):
        source = int(rng.integers(3000))
        cut = train[source].split()
        cut[3] = "changed"
        planted[row], test[row] = source, " ".join(cut) + ("!" if row % 20 else "")
    found = {near.row: near for near in near_texts(texts(*test), texts(*train, prefix="b"), 0.6)}
    assert {row: near.other for row, near in found.items()} == planted
    assert all(0.6 <= near.similarity < 1 for near in found.values())


@pytest.mark.slow
def test_a_corpus_of_usual_size_takes_less_than_a_minute() -> None:
    rng = np.random.default_rng(1)
    made = words(rng, 48_000, vocabulary=20_000)
    started = time.process_time()
    near_texts(texts(*made[43_000:]), texts(*made[:43_000], prefix="b"))
    assert time.process_time() - started < 60


def test_splits_of_one_kind_are_compared() -> None:
    splits = {
        "train": texts("The bus was late again today", "Two", talk=["1", "2"]),
        "dev": texts("the bus was late again today.", "Three", prefix="d", talk=["3", "1"]),
        "test": texts("The bus was late again, today!!", "The bus was late again todayy", "Four", prefix="t"),
        "essay-train": texts("Two", prefix="e"),
        "essay-dev": texts("Five", prefix="f"),
        "test-later": texts("Six", prefix="g"),
    }
    loaded = Loaded(corpus("isear"), splits)
    found = {(leak.split, leak.within): leak for leak in of_corpus(loaded)}
    assert {pair for pair in found if "later" not in pair[0]} == {
        ("dev", "train"),
        ("test", "train"),
        ("test", "dev"),
        ("essay-dev", "essay-train"),
    }
    assert ("test-later", "train") in found
    leak = found["test", "train"]
    assert leak.same == (0,)
    assert [near.row for near in leak.near] == [1]
    assert leak.summary == "test (3) and train: repeated texts 1, nearly repeated 1"
    assert found["dev", "train"].groups == {"talk": 1}
    assert "same talk 1" in found["dev", "train"].summary
    assert not found["essay-dev", "essay-train"]
    assert found["essay-dev", "essay-train"].summary.endswith("nothing shared")
    assert between(loaded, "test", "train") == leak


@pytest.mark.parametrize("threshold", [0, -1, 1.2])
def test_thresholds_outside_their_range(threshold: float) -> None:
    with pytest.raises(InputError, match="above 0, at most 1"):
        near_texts(texts("a"), texts("b"), threshold)


def test_a_higher_threshold_never_finds_more() -> None:
    rng = np.random.default_rng(2)
    made = words(rng, 400, vocabulary=12, length=5)
    counts = [len(near_texts(texts(*made[:100]), texts(*made[100:], prefix="b"), t)) for t in (0.4, 0.6, 0.8, 1.0)]
    assert all(a >= b for a, b in pairwise(counts))
    assert counts[0] > counts[-1]
