"""Candidates of pitch from spectra, and the path through candidates made for the purpose."""

import numpy as np
import pytest

from affectus.frontends.prosody.frames import LONG_BIN
from affectus.frontends.prosody.pitch import LAG, Tracker, candidates

SURE = (200.0, 0.95)


def path(*frames):
    """Pitch of frames that are lists of (Hz, voicing)."""
    hertz, voicing = np.zeros((2, len(frames), 6))
    for t, found in enumerate(frames):
        for k, (pitch, sure) in enumerate(found):
            hertz[t, k], voicing[t, k] = pitch, sure
    tracker = Tracker()
    return np.concatenate([tracker.push(hertz, voicing), tracker.finish()])


def around(*middle, before=SURE, after=SURE):
    """What is chosen for the frames in the middle of a steady pitch."""
    found = path(*[[before]] * 6, *middle, *[[after]] * 6)
    assert set(found[:6]) <= {before[0], 0.0}
    return found[6:-6].tolist()


def test_harmonics_of_a_spectrum_give_their_pitch_and_the_highest_candidate_is_first():
    bins = np.arange(513) * LONG_BIN
    comb = np.exp(-0.5 * ((bins - 150 * np.round(bins / 150)) / 12) ** 2) * (bins > 75) / (1 + bins / 500)
    rough = np.abs(np.random.default_rng(0).normal(size=(200, 513)))
    hertz, voicing = candidates(np.vstack([comb, rough]).astype(np.float32))
    assert hertz[0, 0] == pytest.approx(150, rel=0.01)
    assert voicing[0, 0] > 0.7
    assert (voicing[:, :1] >= voicing).all()
    assert ((hertz == 0) | ((hertz >= 55) & (hertz <= 1000))).all()


def test_a_silent_spectrum_has_no_candidates():
    hertz, voicing = candidates(np.zeros((3, 513), np.float32))
    assert not hertz.any()
    assert not voicing.any()


def test_a_lone_jump_of_an_octave_is_passed_over_although_its_candidate_is_the_strongest():
    assert around([(400, 0.95), (200, 0.75)]) == [200]


def test_a_jump_is_taken_where_the_voice_stays_there():
    assert around([(400, 0.95), (200, 0.6)], after=(400, 0.95)) == [400]


def test_of_two_ways_the_one_that_leaves_a_second_candidate_costs_its_distance_from_the_first():
    # 10 · ln 1.5 = 4.1 more for being early, against 2 · ln (0.95 / 0.75) = 0.5 for the better voicing
    assert around([(200, 0.75), (300, 0.95)], after=(300, 0.95)) == [200]
    assert around([(200, 0.65), (300, 0.95)], after=(300, 0.95)) == [300]  # 8 more for voice below 0.7


def test_a_short_gap_costs_more_than_a_doubtful_frame_and_a_long_one_less():
    doubtful = [(200, 0.6)]
    assert around(*[doubtful] * 2) == [200, 200]
    assert around(*[doubtful] * 4) == [0, 0, 0, 0]


def test_doubt_ends_somewhere():
    # each frame costs 8 + 2 · ln 100 = 17.2 as voice at most, below the 20 of two changes
    assert around([(200, 1e-6)]) == [200]
    assert around([(200, 1e-6)], [(200, 1e-6)]) == [0, 0]


def test_high_candidates_cost_more_and_from_600_hz_on_all_the_same():
    # 0.99 − 1.2 leaves 0.2, between 2 · ln (0.95 / 0.9) = 0.1 and 2 · ln (0.95 / 0.8) = 0.3
    assert around([(599, 0.9), (601, 0.95)], before=(600, 0.95), after=(600, 0.95)) == [599]
    assert around([(599, 0.8), (601, 0.95)], before=(600, 0.95), after=(600, 0.95)) == [601]


def test_a_frame_is_decided_after_the_lag():
    tracker = Tracker()
    hertz, voicing = np.full((LAG + 5, 6), 0.0), np.full((LAG + 5, 6), 0.0)
    hertz[:, 0], voicing[:, 0] = SURE
    assert len(tracker.push(hertz, voicing)) == 5
    assert len(tracker.finish()) == LAG
