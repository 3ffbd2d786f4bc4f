"""Vocabularies that are pairs of numbers."""

import pickle

import numpy as np

from affectus.frontends.subwords import BYTES, END, PAD, START, Subwords, learn

TEXTS = ["the dog barked at the other dog", "a dog, the other one", "the other day"] * 3


def test_every_text_comes_back_in_small_letters():
    words = Subwords.of(learn(TEXTS, BYTES + 40))
    for text in ("The other DOG barked", "caffè 😀, don't", "zzz </s> <pad>", "a\nb"):
        tokens = words.encode([text])[0]
        assert words.decode(tokens) == text.lower()
        assert min(tokens) > END  # what is written like a mark is none
    assert words.encode(["the other dog"])[0] != Subwords().encode(["the other dog"])[0]
    assert len(words.encode(["the other dog"])[0]) == 3


def test_the_size_is_a_bound_and_few_texts_give_fewer():
    merges = learn(["ab ab ab"], BYTES + 30)
    assert merges.shape == (30, 2)
    used = int((merges[:, 0] > 0).sum())
    assert 0 < used < 30
    assert not merges[used:].any()
    assert Subwords.of(merges).size == BYTES + used
    assert learn(TEXTS, BYTES).shape == (0, 2)


def test_without_merges_it_is_bytes():
    assert [len(row) for row in Subwords().encode(["abc", "", "é"])] == [4, 0, 3]  # a space begins each text


def test_marks_are_left_out_and_it_is_pickled():
    words = Subwords.of(learn(TEXTS, BYTES + 10))
    tokens = words.encode(["the dog"])[0]
    assert words.decode([START, *tokens, END, PAD]) == "the dog"
    again = pickle.loads(pickle.dumps(words))
    assert again.encode(["the dog"]) == [tokens]


def test_learning_is_the_same_each_time():
    assert np.array_equal(learn(TEXTS, BYTES + 25), learn(TEXTS, BYTES + 25))
