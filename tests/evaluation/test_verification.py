import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from affectus.errors import InputError
from affectus.evaluation.intervals import bootstrap
from affectus.evaluation.verification import equal_error_rate, verify


@pytest.mark.parametrize(
    ("targets", "scores", "rate"),
    [
        ([1, 1, 0, 0], [4, 3, 2, 1], 0.0),
        ([0, 0, 1, 1], [4, 3, 2, 1], 1.0),
        ([1, 0, 1, 0], [4, 3, 2, 1], 0.5),
        ([1, 1, 0, 0], [1, 1, 1, 1], 0.5),
        ([1, 1, 1, 0, 0, 0], [6, 5, 2, 4, 1, 0], 1 / 3),
        ([1, 1, 0], [3, 1, 2], 1 / 2),
    ],
)
def test_by_hand(targets, scores, rate: float) -> None:
    assert equal_error_rate(targets, scores) == pytest.approx(rate)


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=60))
def test_both_rates_meet_where_the_curve_says(trials) -> None:
    targets, scores = (np.array(column) for column in zip(*trials, strict=True))
    found = equal_error_rate(targets, scores)
    if targets.all() or not targets.any():
        assert np.isnan(found)
        return
    accepted, hit, _ = roc_curve(targets, scores, drop_intermediate=False)
    slow = np.interp(0, (accepted + hit - 1), accepted)  # accepted − missed rises along the curve
    assert found == pytest.approx(slow)
    assert equal_error_rate(targets, 2.0 * scores + 1) == pytest.approx(found)
    assert equal_error_rate(~targets, -scores) == pytest.approx(found)


def test_what_is_no_score_is_refused() -> None:
    with pytest.raises(InputError):
        equal_error_rate([True, False], [np.nan, 0.0])
    with pytest.raises(InputError):
        equal_error_rate([True, False], [0.0])


def test_trials_are_scored_by_the_mean_of_what_was_enrolled() -> None:
    known = {"a1": np.array([2.0, 0.0]), "a2": np.array([0.0, 9.0]), "b1": np.array([-1.0, 0.0])}
    asked = {"x": np.array([3.0, 3.0]), "y": np.array([-5.0, 0.0])}
    trials = [("a", "x", True), ("b", "x", False), ("a", "y", False), ("b", "y", True)]
    found = verify({"a": ["a1", "a2"], "b": ["b1"]}, trials, known, asked)
    np.testing.assert_allclose(found.scores, [1, -np.sqrt(0.5), -np.sqrt(0.5), 1])
    assert equal_error_rate(found.targets, found.scores) == 0
    assert found.enrolments.tolist() == ["a", "b", "a", "b"]
    with pytest.raises(InputError, match="1 recordings have no vector, first 'z'"):
        verify({"a": ["a1"]}, [("a", "z", True)], known, asked)


def test_an_interval_over_speakers_holds_chance() -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(12), 40)
    targets = rng.random(len(who)) < 0.3
    found = bootstrap(equal_error_rate, targets, rng.standard_normal(len(who)), groups=who, n=200)
    assert found.low < 0.5 < found.high
    assert "12 groups" in found.how
