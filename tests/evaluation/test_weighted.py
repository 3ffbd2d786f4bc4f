from functools import partial

import numpy as np
import pytest

from affectus.evaluation import METRICS, bootstrap, macro_f1, paired_bootstrap
from affectus.evaluation.metrics import set_coverage, set_size
from affectus.evaluation.weighted import weighted
from metric_samples import example

# Ranks and absolute gaps are no sums over items that are worth the trouble; nor are figures that one corpus asks for.
PLAIN = {"spearman", "ece_top_label", "weighted_accuracy", "binary_weighted_f1"}


def noisy(found, seed, n=25):
    """Gold and a middling prediction with ties, in the forms that a metric asks for."""
    rng = np.random.default_rng(seed)
    gold, predicted = example(found, rng, n)
    order = np.where(rng.random(n) < 0.5, np.arange(n), rng.permutation(n))
    predicted = predicted[order]
    if found.predicted == "scores" and found.kinds == ("level",):
        return np.round(gold * 2), np.round(predicted * 3)
    if found.predicted == "scores" and found.gold == "labels":
        predicted = np.round(0.6 * predicted + 0.4 * rng.dirichlet(np.ones(predicted.shape[1]), n), 1)
    return gold, predicted


def both_ways(function, arrays, seed, groups=None):
    by_weight = weighted(function, *arrays)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(arrays[0]), (60, len(arrays[0])))
    draws[0] = draws[0, 0]  # one item alone: constants and single classes
    counts = np.array([np.bincount(rows, minlength=len(arrays[0])) for rows in draws], float)
    return by_weight(counts), [function(*(a[rows] for a in arrays)) for rows in draws]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", [name for name in METRICS if name not in PLAIN])
def test_weights_give_what_the_resamples_give(name, seed):
    arrays = noisy(METRICS[name], seed)
    fast, slow = both_ways(METRICS[name], arrays, seed)
    assert fast == pytest.approx(np.array(slow), rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("seed", range(4))
def test_class_numbers_named_classes_and_rare_labels(seed):
    rng = np.random.default_rng(seed)
    gold, predicted = rng.choice(7, 20, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.04, 0.01]), rng.integers(0, 7, 20)
    for name in ("macro_f1", "weighted_f1", "micro_f1", "uar", "accuracy"):
        fast, slow = both_ways(METRICS[name], (gold, predicted), seed)
        assert fast == pytest.approx(np.array(slow), nan_ok=True)
    fast, slow = both_ways(partial(macro_f1, classes=range(5)), (gold, predicted), seed)
    assert fast == pytest.approx(np.array(slow))
    sparse = (rng.random((20, 6)) < 0.05).astype(int), (rng.random((20, 6)) < 0.1).astype(int)
    for name in ("macro_f1", "weighted_f1", "micro_f1", "jaccard"):
        fast, slow = both_ways(METRICS[name], sparse, seed)
        assert fast == pytest.approx(np.array(slow), nan_ok=True)
    for function in (set_coverage, set_size):
        fast, slow = both_ways(function, sparse, seed)
        assert fast == pytest.approx(np.array(slow))


def test_the_interval_is_that_of_the_plain_bootstrap():
    rng = np.random.default_rng(0)
    gold, predicted, other = rng.integers(0, 2, (3, 50, 4))
    groups = np.arange(50) // 7

    def plain(a, b):  # unknown to `weighted`
        return macro_f1(a, b)

    for clusters in (None, groups):
        fast = bootstrap(macro_f1, gold, predicted, n=300, groups=clusters)
        slow = bootstrap(plain, gold, predicted, n=300, groups=clusters)
        assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high))
        fast = paired_bootstrap(macro_f1, gold, predicted, other, n=300, groups=clusters)
        slow = paired_bootstrap(plain, gold, predicted, other, n=300, groups=clusters)
        assert (fast.low, fast.high, fast.p) == pytest.approx((slow.low, slow.high, slow.p))


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_metrics_that_are_recomputed(name):
    arrays = noisy(METRICS[name], 0)
    assert weighted(METRICS[name], *arrays) is None
    found = bootstrap(METRICS[name], *arrays, n=50)
    assert found.low <= found.high
