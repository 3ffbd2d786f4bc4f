import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from sklearn import metrics as sk

from affectus.errors import InputError, UnknownName
from affectus.evaluation import (
    accuracy,
    brier,
    ccc,
    coverage_and_size,
    ece_top_label,
    jaccard,
    macro_f1,
    mae,
    membership,
    micro_f1,
    pearson,
    per_label,
    rmse,
    spearman,
    uar,
    weighted_f1,
)

SINGLE = st.integers(1, 40).flatmap(lambda n: st.tuples(*[arrays.arrays(np.int64, n, elements=st.integers(0, 4))] * 2))
MULTI = st.integers(1, 20).flatmap(
    lambda n: st.tuples(*[arrays.arrays(np.int64, (n, 5), elements=st.integers(0, 1))] * 2)
)
SERIES = st.integers(3, 30).flatmap(
    lambda n: st.tuples(*[arrays.arrays(np.float64, n, elements=st.floats(-100, 100).map(lambda v: round(v, 3)))] * 2)
)


@given(SINGLE)
@settings(deadline=None)
def test_single_label_metrics_agree_with_scikit_learn(pair):
    gold, predicted = pair
    assert macro_f1(gold, predicted) == pytest.approx(sk.f1_score(gold, predicted, average="macro", zero_division=0))
    assert weighted_f1(gold, predicted) == pytest.approx(
        sk.f1_score(gold, predicted, average="weighted", zero_division=0)
    )
    assert micro_f1(gold, predicted) == pytest.approx(sk.accuracy_score(gold, predicted))
    recalls = sk.recall_score(gold, predicted, labels=np.unique(gold), average=None, zero_division=0)
    assert uar(gold, predicted) == pytest.approx(np.mean(recalls))
    assert accuracy(gold, predicted) == pytest.approx(sk.accuracy_score(gold, predicted))


@given(MULTI)
@settings(deadline=None)
def test_multi_label_metrics_agree_with_scikit_learn(pair):
    gold, predicted = pair
    for ours, average in ((macro_f1, "macro"), (micro_f1, "micro"), (weighted_f1, "weighted")):
        if average == "weighted" and not gold.any():
            assert np.isnan(ours(gold, predicted))
        else:
            assert ours(gold, predicted) == pytest.approx(
                sk.f1_score(gold, predicted, average=average, zero_division=0)
            )
    assert accuracy(gold, predicted) == pytest.approx(sk.accuracy_score(gold, predicted))
    assert jaccard(gold, predicted) == pytest.approx(
        np.mean(
            [1.0 if not (g | p).any() else (g & p).sum() / (g | p).sum() for g, p in zip(gold, predicted, strict=True)]
        )
    )


@given(SINGLE)
@settings(deadline=None)
def test_figures_of_single_labels_agree_with_scikit_learn(pair):
    gold, predicted = pair
    ours = per_label(gold, predicted, classes=range(5))
    for values, reference in zip(
        ours,
        sk.precision_recall_fscore_support(gold, predicted, labels=range(5), zero_division=0),
        strict=True,
    ):
        assert values == pytest.approx(reference)


def test_f1_by_hand():
    gold, predicted = ["a", "a", "b", "b"], ["a", "b", "b", "b"]
    assert macro_f1(gold, predicted) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert macro_f1(gold, predicted, classes="abc") == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert micro_f1(gold, predicted, classes="a") == pytest.approx(2 / 3)
    assert uar(gold, predicted) == pytest.approx(0.75)


def test_uar_ignores_classes_that_are_only_predicted():
    assert uar([0, 0, 1], [0, 2, 1]) == pytest.approx(0.75)
    zeros_and_ones = np.eye(3, dtype=bool)
    assert uar(zeros_and_ones[[0, 0, 1]], zeros_and_ones[[0, 2, 1]]) == pytest.approx(0.75)


@given(SERIES)
@settings(deadline=None)
def test_concordance_is_bounded_by_correlation_and_symmetric(pair):
    a, b = pair
    assume(a.std() > 0.01 and b.std() > 0.01)
    assert pearson(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)
    assert abs(ccc(a, b)) <= abs(pearson(a, b)) + 1e-9
    assert ccc(a, b) == pytest.approx(ccc(b, a))
    assert ccc(a, a) == pytest.approx(1)


@given(SERIES)
@settings(deadline=None)
def test_series_agree_with_scipy_and_scikit_learn(pair):
    a, b = pair
    assert rmse(a, b) == pytest.approx(sk.root_mean_squared_error(a, b))
    assert mae(a, b) == pytest.approx(sk.mean_absolute_error(a, b))
    a = np.round(a / 20)  # ties
    if len(set(a)) > 1 and len(set(b)) > 1:
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    else:
        assert np.isnan(spearman(a, b))


@pytest.mark.parametrize("value", [0.1, 0.3, 1e-9, 123.456])
def test_a_constant_is_one_even_where_its_mean_is_rounded(value):
    constant, other = np.full(7, value), np.arange(7.0)
    assert np.isnan(pearson(constant, other))
    assert np.isnan(spearman(other, constant))
    assert np.isnan(ccc(constant, constant))
    assert ccc(constant, other) == pytest.approx(0, abs=1e-12)


def test_dimensional_metrics_by_hand():
    a, b = np.array([1.0, 2, 3]), np.array([2.0, 3, 4])
    assert pearson(a, b) == pytest.approx(1)
    assert ccc(a, b) == pytest.approx(2 * (2 / 3) / (2 / 3 + 2 / 3 + 1))
    assert rmse(a, b) == pytest.approx(1)
    assert np.isnan(pearson([1, 1], [1, 2]))
    assert ccc([1, 1], [1, 2]) == 0
    assert np.isnan(ccc([1, 1], [1, 1]))
    assert pearson(np.array([1, 2, 3]) * 1e-200, b) == pytest.approx(1)


def test_calibration_error_by_hand():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    # bins of width 0.2: two items at 0.9 (half right), two at 0.6 and 0.7 (bins 0.4–0.6 and 0.6–0.8)
    expected = (2 * abs(0.5 - 0.9) + abs(1 - 0.6) + abs(0 - 0.7)) / 4
    assert ece_top_label(p, np.array([0, 1, 0, 0]), bins=5) == pytest.approx(expected)


def test_calibration_error_of_any_of_asks_for_membership():
    p = np.array([[0.8, 0.7, 0.1], [0.2, 0.3, 0.6]])
    gold = np.array([[1, 1, 0], [1, 0, 0]])
    assert ece_top_label(p, gold) == pytest.approx((0.2 + 0.6) / 2)


def test_calibrated_scores_have_small_error_and_overconfident_ones_a_large_one():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 20000)
    gold = (p.cumsum(1) > rng.random((20000, 1))).argmax(1)
    assert ece_top_label(p, gold) < 0.015
    sharp = p**3 / (p**3).sum(1, keepdims=True)
    assert ece_top_label(sharp, gold) > 0.1
    assert brier(p, gold) < brier(sharp, gold)


def test_brier_by_hand():
    assert brier([[1.0, 0.0]], np.array([1])) == pytest.approx(2)
    assert brier([[0.5, 0.5]], np.array([[1, 0]])) == pytest.approx(0.25)


def test_coverage_of_sets():
    sets = membership([["a", "b"], ["b"], []], "abc")
    one = coverage_and_size(sets, np.array([0, 0, 2]))
    assert one == pytest.approx((1 / 3, 1.0, 1 / 3))
    many = coverage_and_size(sets, np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]]))
    assert many.coverage == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: macro_f1([0, 1], [0]),
        lambda: macro_f1([], []),
        lambda: macro_f1(np.eye(2), [0, 1]),
        lambda: ece_top_label([[0.5, 1.7]], np.array([0])),
        lambda: ece_top_label([[0.5, 0.5]], np.array([2])),
        lambda: ece_top_label([[np.nan, 0.5]], np.array([0])),
        lambda: ccc([1.0, np.nan], [1, 2]),
        lambda: jaccard([[2, 0]], [[1, 0]]),
    ],
)
def test_unfit_arrays_are_refused(call):
    with pytest.raises(InputError):
        call()


def test_unknown_label_in_a_set():
    with pytest.raises(UnknownName, match="angre"):
        membership([["angre"]], ["anger"])
