from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from affectus.errors import InputError
from affectus.evaluation import (
    accuracy,
    approximate_randomisation,
    holm,
    kolmogorov_smirnov,
    macro_f1,
    mcnemar,
    pearson,
    welch_t,
)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
@settings(deadline=None)
def test_mcnemar_equals_the_binomial_sum(pairs):
    a, b = np.array(pairs).T
    first, second = int((a & ~b).sum()), int((b & ~a).sum())
    n, fewer = first + second, min(first, second)
    expected = min(1.0, 2 * sum(comb(n, i) for i in range(fewer + 1)) / 2**n)
    found = mcnemar(a, b)
    assert found.p == pytest.approx(expected)
    assert found.statistic == first - second


def test_randomisation_comes_near_the_exact_test_over_all_swaps():
    gold, first = np.zeros(8, int), np.array([0, 0, 0, 0, 0, 0, 1, 1])
    second = np.array([0, 1, 1, 1, 1, 0, 1, 0])
    seen = accuracy(gold, first) - accuracy(gold, second)
    as_far = 0
    for swap in product([False, True], repeat=8):
        a, b = np.where(swap, second, first), np.where(swap, first, second)
        as_far += abs(accuracy(gold, a) - accuracy(gold, b)) >= abs(seen)
    found = approximate_randomisation(accuracy, gold, first, second, n=20000)
    assert found.statistic == pytest.approx(seen)
    assert found.p == pytest.approx(as_far / 256, abs=0.015)


@pytest.mark.parametrize("metric", [macro_f1, pearson])
def test_randomisation_by_weights_is_the_plain_one(metric):
    rng = np.random.default_rng(0)
    gold, first, second = rng.integers(0, 3, (3, 60))
    second = np.where(rng.random(60) < 0.4, gold, second)

    def plain(a, b):  # not known by its weights
        return metric(a, b)

    for groups in (None, np.arange(60) // 5):
        fast = approximate_randomisation(metric, gold, first, second, n=400, groups=groups)
        assert fast == pytest.approx(approximate_randomisation(plain, gold, first, second, n=400, groups=groups))


def test_randomisation_of_multi_label_predictions_and_of_equal_readers():
    rng = np.random.default_rng(1)
    gold = rng.integers(0, 2, (80, 4))
    better = np.where(rng.random((80, 4)) < 0.8, gold, 1 - gold)
    worse = np.where(rng.random((80, 4)) < 0.55, gold, 1 - gold)
    assert approximate_randomisation(lambda a, b: macro_f1(a, b), gold, better, worse, n=300).p < 0.01
    assert approximate_randomisation(macro_f1, gold, better, better, n=300).p == 1


def test_randomisation_keeps_its_level():
    rng, small = np.random.default_rng(2), 0
    for seed in range(200):
        gold, a, b = rng.integers(0, 2, (3, 40))
        small += approximate_randomisation(accuracy, gold, a, b, n=99, seed=seed).p <= 0.1
    assert small / 200 < 0.16


def test_tests_of_two_samples_agree_with_scipy():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=30), rng.normal(0.4, 2, 45)
    assert welch_t(a, b) == pytest.approx(tuple(stats.ttest_ind(a, b, equal_var=False)))
    assert kolmogorov_smirnov(a, b).p == pytest.approx(stats.ks_2samp(a, b).pvalue)
    spread = a.var(ddof=1) / 30 + b.var(ddof=1) / 45
    assert welch_t(a, b).statistic == pytest.approx((a.mean() - b.mean()) / np.sqrt(spread))
    assert np.isnan(welch_t([1, 1], [2, 2]).p)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
@settings(deadline=None)
def test_holm_is_the_closed_test_of_bonferroni(p):
    m = len(p)
    members = [[i for i in range(m) if chosen >> i & 1] for chosen in range(1, 2**m)]
    closed = [max(min(1, len(s) * min(p[j] for j in s)) for s in members if i in s) for i in range(m)]
    assert holm(p) == pytest.approx(closed)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mcnemar([0, 2], [0, 1]),
        lambda: mcnemar([True], [True, False]),
        lambda: approximate_randomisation(accuracy, [0, 1], [0, 1], [0, 1], n=0),
        lambda: approximate_randomisation(accuracy, [0, 1], [0, 1], [0, 1], groups=[0]),
        lambda: welch_t([1.0], [1.0, 2.0]),
        lambda: kolmogorov_smirnov([1.0, np.nan], [1.0, 2.0]),
        lambda: holm([]),
        lambda: holm([0.5, 1.5]),
    ],
)
def test_unfit_arguments_are_refused(call):
    with pytest.raises(InputError):
        call()
