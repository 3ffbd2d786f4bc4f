"""Functionals of contours made for the purpose."""

import numpy as np
import pytest

from affectus.frontends.prosody.functionals import functionals
from affectus.frontends.prosody.harmonics import harmonics
from affectus.frontends.prosody.names import COLUMN, DESCRIPTORS, FUNCTIONALS

PITCH = "F0semitoneFrom27.5Hz"


def found(**columns):
    """Functionals by name of descriptors that are given as contours; five rows without pitch follow."""
    rows = np.zeros((len(next(iter(columns.values()))) + 5, len(DESCRIPTORS)))
    for name, contour in columns.items():
        rows[: len(contour), COLUMN[name]] = contour
        rows[len(contour) :, COLUMN[name]] = 0 if name == PITCH else contour[-1]
    return dict(zip(FUNCTIONALS, functionals(rows, 0.0), strict=True))


def stretches(*lengths):
    """Voiced and unvoiced by turns, unvoiced first."""
    return np.concatenate([np.full(n, 30.0 * (k % 2)) for k, n in enumerate(lengths)])


def test_a_single_frame_does_not_part_a_stretch_and_two_do():
    joined, parted = (found(**{PITCH: stretches(10, 7, gap, 8, 10)}) for gap in (1, 2))
    assert joined["MeanVoicedSegmentLengthSec"] == pytest.approx(0.15)
    assert parted["MeanVoicedSegmentLengthSec"] == pytest.approx((0.06 + 0.07) / 2)
    assert parted["VoicedSegmentsPerSec"] == pytest.approx(2 * joined["VoicedSegmentsPerSec"], rel=0.05)


def test_stretches_shorter_than_three_frames_do_not_count():
    short = found(**{PITCH: stretches(10, 2, 10, 7, 10)})
    assert short["MeanVoicedSegmentLengthSec"] == pytest.approx(0.06)
    assert short["MeanUnvoicedSegmentLength"] == pytest.approx(0.09)


def zigzag(*points):
    frames, heights = zip(*points, strict=True)
    return np.interp(np.arange(frames[-1] + 1), frames, heights)


def test_slopes_are_those_between_turns_and_the_rest_belongs_to_the_next_kind():
    one = found(Loudness=zigzag((0, 0), (20, 10), (40, 4), (60, 20), (80, 0)))
    assert one["loudness_sma3_meanRisingSlope"] == pytest.approx((50 + 80) / 2, rel=0.1)  # smoothing takes the tops
    # 30 to the dip; the rest, 20 in 25 frames, enters as −80
    assert one["loudness_sma3_meanFallingSlope"] == pytest.approx((30 - 80) / 2, rel=0.1)


def test_a_wiggle_below_a_tenth_of_the_range_is_no_turn():
    plain = zigzag((0, 0), (20, 10), (40, 4), (60, 20), (80, 0), (84, 0.5), (90, 0))
    wiggle = zigzag((0, 0), (20, 10), (28, 7.6), (32, 9), (40, 4), (60, 20), (80, 0), (84, 0.5), (90, 0))
    names = [f"loudness_sma3_mean{way}Slope" for way in ("Rising", "Falling")]
    expected, seen = found(Loudness=plain), found(Loudness=wiggle)
    assert [seen[n] for n in names] == pytest.approx([expected[n] for n in names], rel=0.05)
    deep = zigzag((0, 0), (20, 10), (28, 4), (33, 9), (40, 3), (60, 20), (80, 0), (84, 0.5), (90, 0))
    assert found(Loudness=deep)["loudnessPeaksPerSec"] > expected["loudnessPeaksPerSec"]


def test_a_contour_without_turns_has_one_slope():
    rising = found(Loudness=np.linspace(0, 10, 60))
    assert rising["loudness_sma3_meanRisingSlope"] > 0
    assert rising["loudness_sma3_stddevRisingSlope"] == rising["loudness_sma3_meanFallingSlope"] == 0


def spectrum(*peaks):
    """Triangles of three bins on a floor that falls, so that it has no peaks of its own."""
    out = np.linspace(1e-3, 1e-4, 513)
    for place, height in peaks:
        out[place - 1 : place + 2] = height / 2, height, height / 2
    return out.astype(np.float32)[None]


def test_a_harmonic_is_the_nearest_peak_not_the_highest():
    # multiples of 10 bins; the third has a low peak on its place and a high one three bins beside it
    levels = harmonics(spectrum((10, 1), (20, 0.5), (30, 0.1), (33, 0.4)), np.array([156.25]), np.full((1, 3), 1e5))
    assert levels[0, 1] == pytest.approx(20 * np.log10(0.5 / 0.1), abs=0.01)


def test_a_harmonic_beyond_half_the_pitch_is_missing():
    levels = harmonics(spectrum((10, 1), (20, 0.5)), np.array([156.25]), np.full((1, 3), 1e5))
    assert levels[0, 1] == pytest.approx(201 + 20 * np.log10(0.5), abs=0.01)
