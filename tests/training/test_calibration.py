import numpy as np
import pytest

from affectus.evaluation.calibrate import fit_thresholds
from affectus.evaluation.metrics import ece_top_label, interval_coverage, membership, set_coverage
from affectus.readout import Readout
from affectus.training.calibration import fitted_readout, smooth_thresholds


def any_of(seed: int, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are three times too sure, and labels drawn from the true probabilities."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-2.5, 1.5, (n, 28))
    true[np.arange(n), rng.integers(0, 28, n)] += 4
    labels = (rng.random((n, 28)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    return (3 * true + 0.5).astype(np.float32), labels


def test_any_of_becomes_calibrated_on_other_data_and_covers() -> None:
    logits, labels = any_of(0)
    fresh, truth = any_of(1)
    raw = Readout("goemotions-28", "perceived")
    fitted = fitted_readout(raw, logits, labels)
    before = ece_top_label(raw.probabilities(fresh), truth.astype(int))
    after = ece_top_label(fitted.probabilities(fresh), truth.astype(int))
    assert after < 0.03 < before
    sets = membership(fitted.sets(fitted.probabilities(fresh)), fitted.of.labels)
    assert set_coverage(sets, truth.astype(int)) == pytest.approx(0.9, abs=0.02)
    decided = membership(fitted.decide(fitted.probabilities(fresh)), fitted.of.labels)
    assert decided.any(1).all() == fitted.at_least_one


def test_rows_without_a_reading_or_gold_do_not_count() -> None:
    logits, labels = any_of(0, 600)
    holed, unknown = logits.copy(), labels.copy()
    holed[500:550], unknown[550:] = np.nan, np.nan
    raw = Readout("goemotions-28", "perceived")
    assert fitted_readout(raw, holed, unknown) == fitted_readout(raw, logits[:500], labels[:500])


def test_one_of_gets_a_temperature_and_levels_an_interval() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, 1.5, (3000, 7))
    classes = np.array([rng.choice(7, p=np.exp(x) / np.exp(x).sum()) for x in true])
    fitted = fitted_readout(Readout("meld-7", "perceived"), 2 * true, np.eye(7)[classes])
    assert fitted.slope[0] == pytest.approx(0.5, abs=0.05)
    assert fitted.quantile is not None
    level = Readout("valence", "perceived")
    near = np.clip(rng.uniform(-0.5, 0.5, (3000, 1)) + rng.uniform(-0.1, 0.1, (3000, 1)), -1, 1)
    assert fitted_readout(level, near, near).margin == pytest.approx((0,), abs=1e-6)
    off = fitted_readout(level, near, near + rng.uniform(-0.2, 0.2, near.shape))
    assert off.margin[0] == pytest.approx(0.18, abs=0.01)
    ends = np.stack(off.intervals(near), -1)
    assert interval_coverage(near, ends) == 1
    assert interval_coverage(near + rng.uniform(-0.2, 0.2, near.shape), ends) == pytest.approx(0.9, abs=0.02)


def test_profiles_get_no_temperature() -> None:
    """Shares are meant as they are: a temperature fitted to the highest labels would sharpen them."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 5))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    fitted = fitted_readout(Readout("ren-5", "evoked"), logits, shares.astype(np.float32))
    assert fitted.slope == ()
    assert fitted.quantile is not None
    assert np.allclose(fitted.probabilities(logits), shares, atol=1e-6)
    classes = np.eye(5)[shares.argmax(1)]
    assert fitted_readout(Readout("ren-5", "evoked"), logits, classes).slope[0] > 2


def test_smooth_thresholds_are_near_the_best_ones_and_vary_less() -> None:
    """With exact probabilities the best threshold is half of the best F1 (Lipton et al. 2014)."""
    found, hard = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = rng.beta(0.4, 6, (1500, 1))
        member = (rng.random(p.shape) < p).astype(int)
        found.append(smooth_thresholds(p, member)[0])
        hard.append(fit_thresholds(p, member)["thresholds"][0])
    many = rng.beta(0.4, 6, 200_000)
    f1 = [2 * many[many >= t].sum() / ((many >= t).sum() + many.sum()) for t in np.linspace(0.02, 0.5, 97)]
    assert np.mean(found) == pytest.approx(max(f1) / 2, abs=0.05)
    assert np.std(found) < np.std(hard)
    assert smooth_thresholds(p, np.zeros_like(member)) == (0.5,)
