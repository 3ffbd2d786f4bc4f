import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from affectus.errors import ConfigError
from affectus.readout import Readout, read_out
from affectus.sample import Span

logits = arrays(np.float64, (5, 4), elements=st.floats(-30, 30))


@given(logits, st.floats(0.1, 5))
def test_one_of_sums_to_one_and_temperature_keeps_the_order(x, slope):
    p = Readout("emodb-4", "intended", slope=(slope,)).probabilities(x)
    assert np.allclose(p.sum(1), 1, atol=1e-5)
    assert (p >= 0).all()
    best = x.argmax(1)
    assert np.allclose(p[range(5), best], p.max(1))


def test_any_of_thresholds_decide_and_fall_back_to_the_nearest():
    k = 28
    bars = np.full(k, 0.5)
    bars[3] = 0.2
    readout = Readout("goemotions-28", "perceived", thresholds=tuple(bars))
    p = np.full((2, k), 0.01)
    p[0, [3, 7]] = 0.3, 0.9
    p[1, 5] = 0.4
    labels = readout.of.labels
    assert readout.decide(p) == [[labels[7], labels[3]], [labels[5]]]
    none = Readout("goemotions-28", "perceived", thresholds=tuple(bars), at_least_one=False)
    assert none.decide(p)[1] == []


def test_levels_are_clipped_and_decide_nothing():
    readout = Readout("valence-arousal", "perceived", slope=(2.0,), intercept=(0.1, 0.0))
    assert np.allclose(readout.probabilities(np.array([[0.2, 3.0]])), [[0.5, 1.0]])
    assert readout.decide(np.zeros((1, 2))) == [[]]
    assert readout.sets(np.zeros((1, 2))) is None


def test_conformal_sets_hold_what_is_probable_enough():
    readout = Readout("emodb-4", "intended", quantile=0.8)
    assert readout.sets(np.array([[0.1, 0.6, 0.25, 0.05]])) == [["happiness", "neutral"]]


def test_abstention_empties_the_decision_and_flags_the_row():
    readout = Readout("emodb-4", "intended", floor=0.5, limit=3.0)
    x = np.log(np.array([[0.9, 0.05, 0.03, 0.02], [0.3, 0.3, 0.2, 0.2], [0.9, 0.05, 0.03, 0.02]]))
    spans = [Span("a", None, i) for i in range(3)]
    distance = np.array([1.0, 1.0, 9.0])
    timeline = read_out(spans, {"emodb-4": x}, [readout], by="r", modality="voice", distance=distance)
    assert [a.labels for a in timeline] == [("anger",), (), ()]
    assert [a.flags for a in timeline] == [(), ("abstained:low-confidence",), ("abstained:out-of-distribution",)]
    assert timeline[2].top == "anger"


def test_out_of_distribution_no_label_is_excluded():
    readout = Readout("emodb-4", "intended", quantile=0.5, limit=3.0)
    x = np.log(np.array([[0.9, 0.05, 0.03, 0.02]] * 2))
    spans = [Span("a", None, i) for i in range(2)]
    distance = np.array([1.0, 9.0])
    timeline = read_out(spans, {"emodb-4": x}, [readout], by="r", modality="voice", distance=distance)
    assert timeline[0].sets["emodb-4"] == ("anger",)
    assert set(timeline[1].sets["emodb-4"]) == set(readout.of.labels)


def test_a_row_that_was_declined_before_gets_no_decision_and_excludes_nothing():
    readout = Readout("emodb-4", "intended", quantile=0.2)
    rows = read_out(
        [Span("a")] * 2, {"emodb-4": np.array([[9.0, 0, 0, 0]] * 2)}, [readout], by="x", modality="voice",
        flags=[["abstained:no-speech"], []],
    )  # fmt: skip
    declined, read = rows
    assert declined.labels == ()
    assert read.labels == ("anger",)
    assert len(declined.sets["emodb-4"]) == 4
    assert len(read.sets["emodb-4"]) == 1
    assert declined.flags == ("abstained:no-speech",)


def test_wrong_lengths_are_refused():
    with pytest.raises(ConfigError, match="thresholds"):
        Readout("emodb-4", "intended", thresholds=(0.5,))


def test_round_trip_through_plain_values():
    readout = Readout("emodb-4", "intended", slope=(0.7,), quantile=0.9, limit=2.0)
    assert Readout(**readout.to_dict()) == readout
