import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectus.errors import InputError
from affectus.evaluation.words import counted_errors, error_rate, plain_words, word_errors


def slow(a, b) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(slow(a[1:], b) + 1, slow(a, b[1:]) + 1, slow(a[1:], b[1:]) + (a[0] != b[0]))


@given(st.lists(st.sampled_from("xyz"), max_size=5), st.lists(st.sampled_from("xyz"), max_size=5))
def test_errors_are_the_fewest_changes(a, b) -> None:
    assert word_errors(a, b) == slow(a, b)


def test_case_and_punctuation_are_no_errors() -> None:
    assert plain_words("Don’t forget — a_JACKET!") == ["don't", "forget", "a", "jacket"]
    errors, words = counted_errors(["The dog sat.", "by the door"], ["the dog SAT", "by door now then"])
    assert errors.tolist() == [0, 3]
    assert words.tolist() == [3, 3]
    assert error_rate(words, errors) == pytest.approx(0.5)


def test_all_words_count_alike_and_no_words_give_nothing() -> None:
    assert error_rate([10, 1], [0, 1]) == pytest.approx(1 / 11)
    assert np.isnan(error_rate([], []))
    with pytest.raises(InputError):
        counted_errors(["a"], [])
