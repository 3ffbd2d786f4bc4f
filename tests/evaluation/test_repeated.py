import numpy as np
import pytest
from scipy import stats

from affectus.errors import InputError
from affectus.evaluation import over_folds, over_runs, pearson


def test_interval_over_runs_is_students():
    runs = [0.51, 0.53, 0.50, 0.55]
    low, high = stats.t.interval(0.95, 3, np.mean(runs), stats.sem(runs))
    found = over_runs(runs)
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(runs), low, high))
    assert "4 runs" in found.how


def test_averaged_and_pooled_figures_differ_where_models_disagree_about_the_mean():
    rng = np.random.default_rng(0)
    gold, folds = rng.normal(size=400), np.repeat(["a", "b"], 200)
    predicted = gold + 0.1 * rng.normal(size=400) + 5 * (folds == "b")
    found = over_folds(pearson, folds, gold, predicted)
    assert found.each["a"] == pytest.approx(np.corrcoef(gold[:200], predicted[:200])[0, 1])
    assert found.mean == pytest.approx(np.mean([found.each["a"], found.each["b"]]))
    assert found.sd == pytest.approx(np.std(list(found.each.values()), ddof=1))
    assert found.pooled == pytest.approx(np.corrcoef(gold, predicted)[0, 1])
    assert found.mean > 0.95 > 0.6 > found.pooled
    assert np.isnan(over_folds(pearson, np.zeros(400), gold, predicted).sd)


@pytest.mark.parametrize(
    "call",
    [
        lambda: over_runs([0.5]),
        lambda: over_runs([0.5, np.nan]),
        lambda: over_runs([0.5, 0.6], level=95),
        lambda: over_folds(pearson, [0], [1.0, 2.0], [1.0, 2.0]),
    ],
)
def test_unfit_arguments_are_refused(call):
    with pytest.raises(InputError):
        call()
