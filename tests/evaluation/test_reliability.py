import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import InputError
from affectus.evaluation import adaptive_reliability, ece_top_label, label_ece, reliability, risk_coverage


def calibrated(n, seed, k=3):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(k), n)
    return p, (p.cumsum(1) > rng.random((n, 1))).argmax(1)


@given(st.integers(0, 10**6), st.integers(1, 20))
@settings(deadline=None, max_examples=50)
def test_the_diagram_holds_every_item_and_its_error_is_the_metric(seed, bins):
    p, gold = calibrated(1 + seed % 60, seed)
    for given_gold in (gold, np.eye(3, dtype=int)[gold]):
        found = reliability(p, given_gold, bins)
        assert found.items.sum() == len(p)
        assert found.ece == pytest.approx(ece_top_label(p, given_gold, bins))
        assert ((found.low < found.confidence) & (found.confidence <= found.high + 1e-12)).all()
        assert found.hits @ found.items == pytest.approx((p.argmax(1) == gold).sum())


def test_adaptive_bins_hold_equally_many_items_and_keep_ties_together():
    p, gold = calibrated(3000, 0)
    found = adaptive_reliability(p, gold, 10)
    assert np.ptp(found.items) <= 1
    assert found.ece < 0.04
    tied = np.tile([[0.7, 0.3]], (50, 1))
    assert adaptive_reliability(tied, np.zeros(50, int)).items.tolist() == [50]
    certain = np.tile([[1.0, 0.0]], (50, 1))
    assert adaptive_reliability(certain, np.zeros(50, int)).ece == 0


def test_error_of_each_label_by_hand():
    p = np.array([[0.8, 0.1], [0.8, 0.1], [0.2, 0.1], [0.2, 0.1]])
    gold = np.array([[1, 0], [0, 0], [0, 0], [0, 0]])
    assert label_ece(p, gold) == pytest.approx([(2 * 0.3 + 2 * 0.2) / 4, 0.1])


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=50)
def test_risk_at_each_coverage_is_the_mean_loss_of_the_surest(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    sure, loss = rng.integers(0, 8, n) / 7, rng.random(n)
    found = risk_coverage(sure, loss)
    for coverage, risk, bar in zip(*found, strict=True):
        assert coverage == pytest.approx((sure >= bar).mean())
        assert risk == pytest.approx(loss[sure >= bar].mean())
    assert found.coverage[-1] == 1
    assert found.risk[-1] == pytest.approx(loss.mean())
    assert found.at(1.0) == pytest.approx(loss.mean())
    assert found.at(1e-9) == found.risk[0]


def test_area_of_a_perfect_and_of_a_useless_order():
    wrong = np.array([0, 0, 0, 0, 1])
    assert risk_coverage([5, 4, 3, 2, 1], wrong).area == pytest.approx(0.2 / 5)
    assert risk_coverage([1, 1, 1, 1, 1], wrong).area == pytest.approx(0.2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: risk_coverage([0.5], [0.1, 0.2]),
        lambda: risk_coverage([[0.5]], [[0.1]]),
        lambda: risk_coverage([np.nan], [0.1]),
        lambda: reliability([[0.5, 0.5]], [2]),
    ],
)
def test_unfit_arrays_are_refused(call):
    with pytest.raises(InputError):
        call()
