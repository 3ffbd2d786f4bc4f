import numpy as np
import pytest
from scipy.stats import entropy

from affectus.errors import UnknownName
from affectus.evaluation import METRICS, ccc, metric, metrics_for, pearson
from metric_samples import example


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_reader_gets_the_best_value_and_a_poor_one_less(name):
    found, rng = METRICS[name], np.random.default_rng(0)
    gold, predicted = example(found, rng)
    official = {"ap_document_official": 1.25, "ap_emotion_official": 60 / 59}
    if name == "cross_entropy":
        official[name] = entropy(gold.T).mean()
    assert found(gold, predicted) == pytest.approx(official.get(name, found.best), abs=1e-9)
    shuffled = predicted[rng.permutation(len(predicted))]
    assert (found(gold, shuffled) < found(gold, predicted)) == found.higher
    assert found.name == name


def test_levels_are_averaged_over_the_labels():
    rng = np.random.default_rng(1)
    gold, predicted = rng.normal(size=(30, 3)), rng.normal(size=(30, 3))
    each = [pearson(a, b) for a, b in zip(gold.T, predicted.T, strict=True)]
    assert METRICS["pearson"](gold, predicted) == pytest.approx(np.mean(each))
    assert METRICS["pearson"].function.each(gold, predicted) == pytest.approx(each)
    assert METRICS["ccc"](gold[:, 0], predicted[:, 0]) == ccc(gold[:, 0], predicted[:, 0])
    gold[:, 1] = 0.1
    assert np.isnan(METRICS["pearson"](gold, predicted))


def test_metrics_are_found_by_kind_and_by_name():
    assert metric("macro_f1") in metrics_for("any-of")
    assert metric("macro_f1") not in metrics_for("level")
    with pytest.raises(UnknownName, match="macro_f1"):
        metric("macro_fl")
