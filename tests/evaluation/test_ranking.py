import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from affectus.errors import InputError
from affectus.evaluation import (
    auc,
    average_precision,
    label_auc,
    label_average_precision,
    macro_auc,
    macro_average_precision,
)

# Scores from few values, so that ties are the rule.
BINARY = st.integers(1, 25).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.int64, n, elements=st.integers(0, 1)),
        arrays.arrays(np.float64, n, elements=st.integers(0, 6).map(lambda v: v / 6)),
    )
)


def slow_auc(gold, scores):
    pairs = [(a > b) + (a == b) / 2 for a in scores[gold == 1] for b in scores[gold == 0]]
    return np.mean(pairs) if pairs else np.nan


def slow_average_precision(gold, scores):
    if gold.all() or not gold.any():
        return np.nan
    total, before = 0.0, 0.0
    for bar in sorted(set(scores), reverse=True):
        taken = gold[scores >= bar]
        recall = taken.sum() / gold.sum()
        total += (recall - before) * taken.mean()
        before = recall
    return total


@given(BINARY)
@settings(deadline=None)
def test_binary_figures_equal_their_definitions(pair):
    gold, scores = pair
    assert auc(gold, scores) == pytest.approx(slow_auc(gold, scores), nan_ok=True)
    assert average_precision(gold, scores) == pytest.approx(slow_average_precision(gold, scores), nan_ok=True)
    assert auc(gold, np.column_stack([-scores, scores])) == pytest.approx(auc(gold, scores), nan_ok=True)


@given(BINARY)
@settings(deadline=None)
def test_turned_scores_turn_the_auc_round(pair):
    gold, scores = pair
    assert auc(gold, scores) == pytest.approx(1 - auc(gold, -scores), nan_ok=True)


def test_constant_scores_are_chance_and_a_single_class_is_undefined():
    assert auc([0, 1, 1], [0.3, 0.3, 0.3]) == 0.5
    assert average_precision([0, 1, 1], [0.3, 0.3, 0.3]) == pytest.approx(2 / 3)
    assert np.isnan(auc([1, 1], [0.2, 0.4]))
    assert np.isnan(average_precision([0, 0], [0.2, 0.4]))


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_macro_figures_are_means_over_the_labels_that_occur(seed):
    rng = np.random.default_rng(seed)
    member, scores = rng.integers(0, 2, (6, 4)), rng.integers(0, 5, (6, 4)) / 4
    member[:, 3] = 0
    each = [slow_auc(a, b) for a, b in zip(member.T, scores.T, strict=True)]
    assert label_auc(member, scores) == pytest.approx(each, nan_ok=True)
    assert np.isnan(label_average_precision(member, scores)[3])
    known = [v for v in each if not np.isnan(v)]
    assert macro_auc(member, scores) == pytest.approx(np.mean(known) if known else np.nan, nan_ok=True)


def test_one_of_gold_is_each_class_against_the_rest():
    rng = np.random.default_rng(0)
    gold, scores = rng.integers(0, 3, 50), rng.dirichlet([1, 1, 1], 50)
    assert macro_auc(gold, scores) == pytest.approx(macro_auc(np.eye(3, dtype=int)[gold], scores))
    two = rng.dirichlet([1, 1], 50)
    assert macro_auc((gold > 0).astype(int), two) == pytest.approx(auc((gold > 0).astype(int), two[:, 1]))
    assert np.isnan(macro_average_precision(np.zeros(4, int), np.ones((4, 1))))


@pytest.mark.parametrize(
    "call",
    [
        lambda: auc([0, 2], [0.1, 0.2]),
        lambda: auc([0, 1], [0.1, np.nan]),
        lambda: auc([], []),
        lambda: auc([0, 1], np.ones((2, 3))),
        lambda: macro_auc([0, 3], np.ones((2, 3))),
        lambda: macro_auc([0, 1], [0.1, 0.2]),
    ],
)
def test_unfit_arrays_are_refused(call):
    with pytest.raises(InputError):
        call()
