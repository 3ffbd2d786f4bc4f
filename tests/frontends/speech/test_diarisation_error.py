"""The error measure of the benchmark, on cases worked out by hand."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))
from diarisation_error import diarisation_error

TRUTH = [(0.0, 10.0, "a"), (10.0, 20.0, "b")]


@pytest.mark.parametrize(
    ("found", "missed", "false_alarm", "confusion"),
    [
        ([(0.0, 10.0, "x"), (10.0, 20.0, "y")], 0, 0, 0),
        ([(0.0, 10.0, "y"), (10.0, 20.0, "x")], 0, 0, 0),
        ([(0.0, 20.0, "x")], 0, 0, 10),
        ([(0.0, 12.0, "x"), (12.0, 20.0, "y")], 0, 0, 2),
        ([(1.0, 10.0, "x"), (10.0, 25.0, "y")], 1, 5, 0),
        ([(0.0, 5.0, "x"), (5.0, 10.0, "y"), (10.0, 20.0, "z")], 0, 0, 5),
        ([(0.0, 10.0, "x"), (0.0, 10.0, "z"), (10.0, 20.0, "y")], 0, 10, 0),
        ([], 20, 0, 0),
    ],
)
def test_hand_cases(found, missed, false_alarm, confusion):
    error = diarisation_error(TRUTH, found)
    assert (error.missed, error.false_alarm, error.confusion) == pytest.approx((missed, false_alarm, confusion))
    assert error.speech == pytest.approx(20)
    assert error.rate == pytest.approx((missed + false_alarm + confusion) / 20)


def test_a_collar_forgives_borders_and_takes_their_time_out():
    found = [(0.2, 10.2, "x"), (10.2, 20.1, "y")]
    assert diarisation_error(TRUTH, found).rate == pytest.approx((0.2 + 0.2 + 0.1) / 20)
    forgiven = diarisation_error(TRUTH, found, collar=0.25)
    assert forgiven.rate == 0
    assert forgiven.speech == pytest.approx(20 - 4 * 0.25)  # inside the speech: after 0, around 10 and before 20


def test_overlapping_speech_counts_for_each_speaker():
    error = diarisation_error([(0.0, 10.0, "a"), (5.0, 10.0, "b")], [(0.0, 10.0, "x")])
    assert error.speech == pytest.approx(15)
    assert error.missed == pytest.approx(5)


def test_sums_pool_seconds():
    one = diarisation_error(TRUTH, [(0.0, 20.0, "x")])
    assert (one + one).rate == pytest.approx(one.rate)


def test_no_speech_has_no_rate():
    assert diarisation_error([], []).rate != diarisation_error([], []).rate
