import numpy as np
import pytest

from affectus.errors import InputError
from affectus.evaluation import bootstrap, paired_bootstrap, uar


def mean(a):
    return float(np.mean(a))


def test_interval_of_a_mean_matches_the_normal_one():
    x = np.random.default_rng(0).normal(size=400)
    found = bootstrap(mean, x, n=4000)
    half = 1.96 * x.std() / 20
    assert found.value == pytest.approx(x.mean())
    assert found.low == pytest.approx(x.mean() - half, abs=0.01)
    assert found.high == pytest.approx(x.mean() + half, abs=0.01)
    assert "items" in found.how
    assert "4000" in found.how


def test_same_seed_same_interval():
    x = np.arange(20.0)
    assert bootstrap(mean, x, n=100, seed=3) == bootstrap(mean, x, n=100, seed=3)
    assert bootstrap(mean, x, n=100, seed=3) != bootstrap(mean, x, n=100, seed=4)


def test_whole_groups_are_drawn():
    groups = np.repeat(np.arange(10), 30)
    x = groups * 1.0  # items of a group are all alike, so only the groups carry information
    by_item, by_group = bootstrap(mean, x, n=2000), bootstrap(mean, x, n=2000, groups=groups)
    assert by_group.high - by_group.low > 4 * (by_item.high - by_item.low)
    assert "10 groups" in by_group.how


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        found = bootstrap(mean, rng.normal(size=60), n=300, seed=trial, level=0.9)
        hits += found.low <= 0 <= found.high
    assert 0.83 <= hits / 200 <= 0.96


def test_paired_difference_is_narrower_than_each_figure():
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 3, 500)
    worse = np.where(rng.random(500) < 0.7, gold, rng.integers(0, 3, 500))
    better = np.where(rng.random(500) < 0.2, gold, worse)
    found = paired_bootstrap(uar, gold, better, worse, n=1000)
    assert found.value == pytest.approx(uar(gold, better) - uar(gold, worse))
    assert found.low > 0
    assert found.p < 0.01
    single = bootstrap(uar, gold, better, n=1000)
    assert found.high - found.low < single.high - single.low
    assert paired_bootstrap(uar, gold, better, better, n=100).p == 1


def test_undefined_figures_are_refused_and_rare_ones_left_out():
    with pytest.raises(InputError, match="undefined"):
        bootstrap(lambda a: float("nan"), np.arange(5), n=20)
    with pytest.raises(InputError, match="rows"):
        bootstrap(mean, np.arange(5), groups=np.arange(4))
    with pytest.raises(InputError, match="level"):
        bootstrap(mean, np.arange(5), level=95)
