"""Resamples by matrix products equal the plain bootstrap, and every figure its plain definition."""

import numpy as np
import pytest
from sklearn import metrics as sk

from affectus.errors import InputError, UnknownName
from affectus.evaluation import accuracy, bootstrap, ccc, jaccard, macro_f1, micro_f1, pearson, rmse, uar, weighted_f1
from affectus.evaluation.figures import FIGURES, figure
from affectus.evaluation.resampling import Draws, holm, interval, p_value, replicates, value_of

RNG = np.random.default_rng(0)
LABELS = RNG.random((2, 60, 4)) < 0.3
CLASSES = RNG.integers(0, 4, (2, 60))
ONE = np.eye(4, dtype=bool)[CLASSES]
LEVELS = RNG.normal(3, 1, (2, 60, 1))
PROFILES = RNG.dirichlet(np.ones(5), (2, 60))

PLAIN = {
    "macro_f1": (LABELS, lambda a, b: macro_f1(a, b)),
    "micro_f1": (LABELS, lambda a, b: micro_f1(a, b)),
    "weighted_f1": (LABELS, lambda a, b: weighted_f1(a, b)),
    "accuracy": (LABELS, lambda a, b: accuracy(a, b)),
    "jaccard": (LABELS, lambda a, b: jaccard(a, b)),
    "uar": (ONE, lambda a, b: uar(a.argmax(1), b.argmax(1))),
    "pearson": (LEVELS, lambda a, b: pearson(a[:, 0], b[:, 0])),
    "ccc": (LEVELS, lambda a, b: ccc(a[:, 0], b[:, 0])),
    "rmse": (LEVELS, lambda a, b: rmse(a[:, 0], b[:, 0])),
    "profile_rmse": (PROFILES, lambda a, b: np.sqrt(((a - b) ** 2).mean())),
    "mae": (LEVELS, lambda a, b: sk.mean_absolute_error(a, b)),
    "acc_at_1": (PROFILES, lambda a, b: accuracy(a.argmax(1), b.argmax(1))),
    "ap_document": (PROFILES, lambda a, b: np.mean([pearson(x, y) for x, y in zip(a, b, strict=True)])),
    "ap_emotion": (PROFILES, lambda a, b: np.mean([pearson(x, y) for x, y in zip(a.T, b.T, strict=True)])),
    "wasserstein_values": (PROFILES, lambda a, b: np.abs(np.sort(a, 1) - np.sort(b, 1)).mean()),
}


def test_every_figure_is_tested() -> None:
    assert set(PLAIN) == set(FIGURES)


@pytest.mark.parametrize("name", PLAIN)
def test_a_figure_and_its_resamples_equal_the_plain_ones(name: str) -> None:
    (gold, answer), plain = PLAIN[name]
    of = figure(name)
    assert value_of(of, gold, answer, Draws(60)) == pytest.approx(plain(gold, answer))
    slow = bootstrap(plain, gold, answer, n=40, seed=3)
    assert interval(replicates(of, gold, answer, Draws(60, 40, 3))) == pytest.approx((slow.low, slow.high))
    groups = np.arange(60) // 4
    slow = bootstrap(plain, gold, answer, n=40, seed=3, groups=groups)
    assert interval(replicates(of, gold, answer, Draws(60, 40, 3, groups))) == pytest.approx((slow.low, slow.high))


def test_an_undefined_figure_is_nan_and_its_interval_refused() -> None:
    flat = np.zeros((60, 1))
    assert np.isnan(value_of(figure("pearson"), LEVELS[0], flat, Draws(60)))
    with pytest.raises(InputError, match="undefined in 100%"):
        interval(replicates(figure("pearson"), LEVELS[0], flat, Draws(60, 10)))
    with pytest.raises(UnknownName, match="did you mean 'macro_f1'"):
        figure("macro-f1")


def test_p_values() -> None:
    assert p_value(np.zeros(99)) == 1
    assert p_value(np.ones(99)) == pytest.approx(2 / 100)
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]
