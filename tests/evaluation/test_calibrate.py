import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from affectus.errors import ConfigError, InputError
from affectus.evaluation import (
    coverage_and_size,
    ece_top_label,
    fit_conformal,
    fit_isotonic,
    fit_margin,
    fit_platt,
    fit_temperature,
    fit_thresholds,
    label_ece,
    macro_f1,
    membership,
)
from affectus.readout import Readout


def one_of(n, seed, k=4):
    """Logits whose softmax is the true distribution of the gold class."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=1.5, size=(n, k))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return logits, (p.cumsum(1) > rng.random((n, 1))).argmax(1)


def any_of(n, seed, k=7):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 1.5, size=(n, k))
    return logits, (rng.random((n, k)) < 1 / (1 + np.exp(-logits))).astype(int)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_temperature_recovers_the_factor_and_calibrates(factor):
    logits, gold = one_of(8000, 0)
    fitted = fit_temperature(logits * factor, gold)
    assert fitted["slope"][0] == pytest.approx(1 / factor, rel=0.06)
    fresh, truth = one_of(8000, 1)
    readout = replace(Readout("emodb-4", "intended"), **fitted)
    assert ece_top_label(readout.probabilities(fresh * factor), truth) < 0.025
    if factor != 1:
        assert ece_top_label(Readout("emodb-4", "intended").probabilities(fresh * factor), truth) > 0.08


def test_temperature_of_independent_labels():
    logits, gold = any_of(5000, 0)
    assert fit_temperature(logits * 3, gold)["slope"][0] == pytest.approx(1 / 3, rel=0.05)


def test_platt_recovers_slope_and_intercept_of_each_label():
    logits, gold = any_of(20000, 0)
    slope, shift = np.linspace(0.5, 4, 7), np.linspace(-2, 2, 7)
    fitted = fit_platt(logits * slope + shift, gold)
    assert np.allclose(fitted["slope"], 1 / slope, rtol=0.08)
    assert np.allclose(fitted["intercept"], -shift / slope, atol=0.15)
    p = 1 / (1 + np.exp(-((logits * slope + shift) * fitted["slope"] + fitted["intercept"])))
    assert ece_top_label(p, gold) < 0.02


def test_platt_stays_finite_where_labels_are_separable_absent_or_reversed():
    logits = np.column_stack([np.linspace(-1, 1, 40)] * 4)
    gold = np.zeros((40, 4), int)
    gold[20:, 0] = 1  # separable
    gold[:20, 2] = 1  # reversed
    gold[:, 3] = 1  # always
    fitted = fit_platt(logits, gold)
    assert np.isfinite(fitted["slope"]).all()
    assert np.isfinite(fitted["intercept"]).all()
    assert fitted["slope"][0] > 1
    assert fitted["slope"][1] == 0
    assert fitted["intercept"][1] < -3
    assert fitted["slope"][2] == pytest.approx(0, abs=1e-6)
    assert fitted["intercept"][3] > 3


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_thresholds_are_the_best_there_are(seed):
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 12, size=(30, 3)) / 11  # many ties
    gold = (rng.random((30, 3)) < p * 0.7).astype(int)
    bars = np.array(fit_thresholds(p, gold)["thresholds"])
    for column in np.flatnonzero(gold.any(0)):
        ours = macro_f1(gold[:, [column]], (p[:, [column]] >= bars[column]).astype(int))
        tried = [macro_f1(gold[:, [column]], (p[:, [column]] >= t).astype(int)) for t in np.linspace(0, 1.05, 200)]
        assert ours == pytest.approx(max(tried))


def test_threshold_of_a_label_without_positives():
    assert fit_thresholds([[0.1, 0.9], [0.2, 0.3]], np.array([[0, 1], [0, 0]]))["thresholds"] == (
        0.5,
        pytest.approx(0.6),
    )


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize("kind", ["one-of", "any-of"])
def test_conformal_sets_cover_on_exchangeable_data_even_of_a_bad_model(n, kind):
    covered = []
    for seed in range(150):
        logits, gold = (one_of if kind == "one-of" else any_of)(n + 200, seed)
        p = 1 / (1 + np.exp(-3 * logits - 1))  # miscalibrated on purpose
        q = fit_conformal(p[:n], gold[:n], 0.9, kind)["quantile"]
        covered.append(coverage_and_size(1 - p[n:] <= q, gold[n:]).coverage)
    assert 0.895 <= np.mean(covered) <= 0.9 + 1 / (n + 1) + 0.015


def test_conformal_threshold_by_hand_and_with_too_few_items():
    p = np.array([[v, 1 - v] for v in np.arange(1, 10) / 10])
    assert fit_conformal(p, np.zeros(9, int), 0.8)["quantile"] == pytest.approx(0.8)  # 8th smallest of .1 … .9
    assert fit_conformal(p, np.zeros(9, int), 0.95)["quantile"] == 1
    assert fit_conformal([[0.2, 0.3]] * 99, np.zeros((99, 2), int), 0.9, "any-of")["quantile"] == 0


def squared(logits):
    """Logits whose probability is the square of the true one: no slope and intercept can mend it."""
    p = np.clip(1 / (1 + np.exp(-logits)) ** 2, 1e-9, 1 - 1e-9)
    return np.log(p / (1 - p))


def test_isotonic_curves_mend_what_a_slope_can_not():
    logits, gold = any_of(6000, 0, k=28)
    raw = Readout("goemotions-28", "perceived")
    curved = replace(raw, **fit_isotonic(raw.probabilities(squared(logits)), gold))
    fresh, truth = any_of(6000, 1, k=28)
    assert label_ece(raw.probabilities(squared(fresh)), truth).mean() > 0.08
    p = curved.probabilities(squared(fresh))
    assert label_ece(p, truth).max() < 0.05
    for before, after in zip(raw.probabilities(squared(fresh)).T, p.T, strict=True):
        assert (np.diff(after[np.argsort(before)]) >= 0).all()  # a curve rises


def test_isotonic_curves_are_those_of_scikit_learn_and_survive_json():
    logits, gold = any_of(500, 2, k=28)
    raw = Readout("goemotions-28", "perceived", slope=(0.7,))
    p = raw.probabilities(logits)
    curved = replace(raw, **fit_isotonic(p, gold))
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p[:, 3], gold[:, 3])
    assert curved.probabilities(logits)[:, 3] == pytest.approx(fitted.predict(p[:, 3]), abs=1e-3)
    assert Readout(**json.loads(json.dumps(curved.to_dict()))) == curved
    old = {key: value for key, value in raw.to_dict().items() if key not in ("isotonic", "margin")}
    assert Readout(**old) == raw


def test_isotonic_one_of_scores_still_sum_to_one():
    logits, gold = one_of(4000, 0)
    raw = Readout("emodb-4", "intended")
    curved = replace(raw, **fit_isotonic(raw.probabilities(4 * logits), gold))
    fresh, truth = one_of(4000, 1)
    p = curved.probabilities(4 * fresh)
    assert p.sum(1) == pytest.approx(np.ones(4000), abs=1e-5)
    assert ece_top_label(p, truth) < 0.045 < 0.1 < ece_top_label(raw.probabilities(4 * fresh), truth)
    never = replace(raw, isotonic=(((0.0, 1.0), (0.0, 0.0)),) * 4)  # nothing is left to share out
    assert never.probabilities(fresh) == pytest.approx(raw.probabilities(fresh))


@pytest.mark.parametrize("curves", [(((0.0,), (0.0,)),), (((0.0, 1.0), (0.5,)),) * 4, (((), ()),) * 4])
def test_curves_that_do_not_fit_the_scale_are_refused(curves):
    with pytest.raises(ConfigError, match="isotonic"):
        Readout("emodb-4", "intended", isotonic=curves)


def test_margin_by_hand_and_with_too_few_items():
    gold = np.zeros((9, 2))
    levels = np.column_stack([np.arange(1, 10) / 10, -np.arange(1, 10) / 100])
    assert fit_margin(levels, gold, 0.8)["margin"] == pytest.approx((0.8, 0.08))
    assert fit_margin(levels, gold, 0.95) == {"margin": (), "coverage": 0.95}


def test_margins_cover_on_exchangeable_data():
    rng, inside = np.random.default_rng(0), []
    for _ in range(200):
        gold = rng.uniform(-0.5, 0.5, (80, 2))
        levels = gold + rng.standard_t(3, (80, 2)) * [0.05, 0.2]
        readout = replace(Readout("valence-arousal", "perceived"), **fit_margin(levels[:40], gold[:40], 0.9))
        low, high = readout.intervals(levels[40:])
        inside.append(((low <= gold[40:]) & (gold[40:] <= high)).mean(0))
    assert np.mean(inside, 0) == pytest.approx([0.9, 0.9], abs=0.025)


def test_intervals_stay_in_the_range_and_only_levels_have_them():
    low, high = Readout("valence-arousal", "felt", margin=(0.3, 0.3)).intervals(np.array([[0.9, -0.1]]))
    assert low == pytest.approx(np.array([[0.6, -0.4]]))
    assert high == pytest.approx(np.array([[1.0, 0.2]]))
    assert Readout("valence-arousal", "felt").intervals(np.zeros((1, 2))) is None
    assert Readout("emodb-4", "intended", margin=(0.1,) * 4).intervals(np.zeros((1, 4))) is None


def test_fitted_values_drive_a_readout():
    logits, gold = one_of(500, 3)
    readout = replace(Readout("emodb-4", "intended"), **fit_temperature(logits, gold))
    p = readout.probabilities(logits)
    readout = replace(readout, **fit_conformal(p, gold, 0.9))
    sets = membership(readout.sets(p), readout.of.labels)
    assert 0.9 <= coverage_and_size(sets, gold).coverage < 0.91


@pytest.mark.parametrize(
    "call",
    [
        lambda: fit_temperature([[1.0, np.inf]], np.array([0])),
        lambda: fit_platt([[1.0, 2.0]], np.array([0])),
        lambda: fit_thresholds([[0.1, 0.2]], np.array([1])),
        lambda: fit_conformal([[0.1, 0.9]], np.array([0]), 90),
        lambda: fit_conformal([[0.1, 0.9]], np.array([0]), 0.9, "any-of"),
        lambda: fit_conformal([[0.1, 0.9]], np.array([0]), 0.9, "level"),
        lambda: fit_thresholds([[0.1, 0.9]], np.array([[0, 1]]), "accuracy"),
        lambda: fit_margin([[0.1]], [[0.2]], 90),
        lambda: fit_margin([0.1], [0.2]),
    ],
)
def test_unfit_arguments_are_refused(call):
    with pytest.raises(InputError):
        call()
