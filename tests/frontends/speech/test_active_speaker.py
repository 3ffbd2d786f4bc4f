"""Which face speaks, on mouths that are made to move with one of two voices."""

import numpy as np
import pytest

from affectus.errors import InputError
from affectus.frontends.speech.active_speaker import FPS, Loudness, Mouth, active_speaker
from affectus.frontends.speech.speakers import Turn

SECONDS = 40


def talk(seed):
    """A loudness contour of syllables, (steps,) in [0, 1]."""
    rng = np.random.default_rng(seed)
    steps = np.zeros(SECONDS * FPS)
    at = 0
    while at < steps.size:
        length = int(rng.integers(3, 8))
        steps[at : at + length] = np.hanning(length + 2)[1:-1][: steps.size - at] * rng.uniform(0.3, 1)
        at += length + int(rng.integers(0, 4))
    return steps


def scene(swap=False, fps=30.0, delay=0.0):
    """Two people in turn, 5 s each: loudness, their mouths, their turns."""
    steps = np.arange(SECONDS * FPS)
    floor = (steps // (5 * FPS)) % 2
    contour = {who: talk(who) * (floor == who) for who in (0, 1)}
    loudness = Loudness(0.0, (contour[0] + contour[1]).astype(np.float32) ** 2 * 0.01)
    times = np.arange(0, SECONDS, 1 / fps)
    rng = np.random.default_rng(9)
    mouths = {}
    for who in (0, 1):
        opening = np.interp(times - delay, (steps + 0.5) / FPS, contour[1 - who if swap else who])
        mouths[f"face-{who + 1}"] = Mouth(times, 0.1 * opening + 0.003 * rng.standard_normal(times.size))
    turns = [Turn(5.0 * i, 5.0 * i + 5, f"speaker-{i % 2 + 1}", 0.9, 1.0) for i in range(SECONDS // 5)]
    return turns, mouths, loudness


@pytest.mark.parametrize(("fps", "delay"), [(30.0, 0.0), (12.5, 0.1), (60.0, -0.1)])
def test_each_speaker_gets_the_face_that_moves_with_his_voice(fps, delay):
    result = active_speaker(*scene(fps=fps, delay=delay))
    assert result.face_of("speaker-1") == "face-1"
    assert result.face_of("speaker-2") == "face-2"
    assert result.scores.shape == (8, 2)
    assert (result.scores[::2, 0] > result.scores[::2, 1]).all()
    assert {match.reason for match in result.matches} == {"mouth-moves-with-voice"}
    assert all(match.margin > 0.1 for match in result.matches)


def test_swapped_mouths_swap_the_answer():
    result = active_speaker(*scene(swap=True))
    assert result.face_of("speaker-1") == "face-2"


def test_correlation_decides_between_two_moving_mouths():
    turns, mouths, loudness = scene()
    times = mouths["face-1"].times
    steps = (np.arange(SECONDS * FPS) + 0.5) / FPS
    mouths["face-2"] = Mouth(times, 0.1 * np.interp(times, steps, talk(5)))  # chews all the time
    assert active_speaker(turns[::2], mouths, loudness).face_of("speaker-1") == "face-1"


def test_one_face_and_one_speaker_are_one_person_unless_the_mouth_rests():
    turns, mouths, loudness = scene()
    (match,) = active_speaker(turns[::2], {"face-1": mouths["face-1"]}, loudness).matches
    assert match.reason == "only-face-and-only-speaker"
    still = Mouth(mouths["face-1"].times, np.full(mouths["face-1"].times.size, 0.02))
    assert active_speaker(turns[::2], {"face-1": still}, loudness).matches == ()


def test_a_voice_without_its_face_gets_none():
    turns, mouths, loudness = scene()
    assert active_speaker(turns, {"face-1": mouths["face-1"]}, loudness).face_of("speaker-2") is None


def test_two_equal_faces_are_not_decided():
    turns, mouths, loudness = scene()
    twin = {"a": mouths["face-1"], "b": mouths["face-1"]}
    assert active_speaker(turns[::2], twin, loudness).matches == ()


def test_unseen_mouths_have_no_score():
    turns, mouths, loudness = scene()
    times = mouths["face-1"].times
    hidden = Mouth(times, np.where(times < 20, np.nan, mouths["face-1"].opening))
    scores = active_speaker(turns, {"a": hidden, "b": Mouth(times, np.full(times.size, np.nan))}, loudness).scores
    assert np.isnan(scores[:4, 0]).all()
    assert np.isfinite(scores[4:, 0]).all()
    assert np.isnan(scores[:, 1]).all()


def test_nothing_to_match():
    turns, mouths, loudness = scene()
    for case in (([], mouths, loudness), (turns, {}, loudness), ([], {}, Loudness.of([]))):
        assert active_speaker(*case).matches == ()


def test_loudness_does_not_depend_on_blocks():
    wave = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    whole = Loudness.of([(3.0, wave)])
    parts = Loudness.of([(3.0 + i / 16_000, wave[i : i + 777]) for i in range(0, wave.size, 777)])
    assert whole.start == parts.start == 3.0
    np.testing.assert_array_equal(whole.power, parts.power)
    assert whole.power.size == FPS
    assert whole.power[0] == pytest.approx(np.mean(wave[:640] ** 2), rel=1e-5)


def test_wrong_series_are_refused():
    with pytest.raises(InputError, match="openings"):
        Mouth(np.arange(3), np.arange(4))
    with pytest.raises(InputError, match="ascend"):
        Mouth(np.array([0.0, 0.0]), np.zeros(2))
