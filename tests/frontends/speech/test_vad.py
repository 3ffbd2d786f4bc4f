"""Voice activity: segments do not depend on blocks, keep their limits, and bad sound gives nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import AssetError, InputError
from affectus.frontends.speech.vad import FRAME, RATE, Hysteresis, SpeechDetector

STEP = FRAME / RATE


class LevelSession:
    """The network replaced: a frame's probability is its mean absolute value; state and context must be carried."""

    def run(self, names, feeds):
        wave, state = feeds["input"][0], feeds["state"]
        assert wave.shape == (FRAME + 64,)
        assert np.array_equal(state[0, 0, :64], wave[:64])
        following = np.zeros_like(state)
        following[0, 0, :64] = wave[-64:]
        return np.array([[np.abs(wave[64:]).mean()]], np.float32), following


def detector(**rule):
    return SpeechDetector(Hysteresis(**rule), LevelSession())


def sound(levels):
    return np.repeat(np.asarray(levels, np.float32), FRAME)


def in_blocks(wave, sizes, origin=0.0):
    at, turn = 0, 0
    while at < wave.size:
        size = sizes[turn % len(sizes)]
        yield origin + at / RATE, wave[at : at + size]
        at, turn = at + size, turn + 1


levels = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.9]), st.integers(1, 40)), max_size=12).map(
    lambda runs: [level for level, count in runs for _ in range(count)]
)


@settings(max_examples=20, deadline=None)
@given(levels, st.lists(st.integers(1, 5000), min_size=1, max_size=4), st.integers(0, FRAME - 1))
def test_blocks_do_not_change_the_segments(values, sizes, tail):
    wave = np.concatenate([sound(values), np.full(tail, 0.9, np.float32)])
    heard = detector(max_length=1.5)
    whole = list(heard.spoken([(0.0, wave)]))
    parts = list(heard.spoken(in_blocks(wave, sizes)))
    assert [s for s, _ in whole] == [s for s, _ in parts]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(whole, parts, strict=True))


@settings(max_examples=100, deadline=None)
@given(levels)
def test_segments_are_ordered_bounded_and_carry_their_own_sound(values):
    wave = sound(values) + np.linspace(0, 1e-3, FRAME * len(values), dtype=np.float32)
    rule = Hysteresis(max_length=2.0)
    end = 0.0
    for segment, piece in SpeechDetector(rule, LevelSession()).spoken([(0.0, wave)]):
        assert end <= segment.start < segment.end <= wave.size / RATE + 1e-9
        assert segment.seconds <= rule.max_length + 2 * rule.padding + STEP
        first = round(segment.start * RATE)
        assert np.array_equal(piece, wave[first : first + piece.size])
        assert piece.size == round(segment.seconds * RATE)
        assert segment.probability > 0.0
        end = segment.end


@settings(max_examples=60, deadline=None)
@given(levels)
def test_every_loud_stretch_is_covered_and_silence_is_not(values):
    segments = list(detector().speech([(0.0, sound(values))]))
    covered = np.zeros(len(values), bool)
    for s in segments:
        covered[round(s.start / STEP) : round(s.end / STEP)] = True
    run = 0
    for i, value in enumerate(values):
        run = run + 1 if value >= 0.5 else 0
        if run >= 8:  # 0.256 s, the shortest speech that is kept
            assert covered[i - run + 1 : i + 1].all()
        if max(values[max(0, i - 13) : i + 14]) < 0.35:  # beyond any pause and padding
            assert not covered[i]


def test_hysteresis_keeps_a_dip_and_ends_at_a_pause():
    values = [0.0] * 20 + [0.9] * 20 + [0.4] * 20 + [0.9] * 10 + [0.0] * 30 + [0.9] * 20
    first, second = detector().speech([(10.0, sound(values))])
    assert first.start == pytest.approx(10 + 20 * STEP - 3 * STEP)
    assert first.end == pytest.approx(10 + 70 * STEP + 3 * STEP)
    assert second.start == pytest.approx(10 + 100 * STEP - 3 * STEP)
    assert second.end == pytest.approx(10 + 120 * STEP)  # no padding behind the end of the sound
    assert first.probability == pytest.approx((30 * 0.9 + 20 * 0.4) / 50, abs=1e-5)


def test_a_long_segment_is_cut_where_the_probability_is_lowest():
    values = [0.9] * 50 + [0.6] + [0.9] * 60
    first, second = detector(max_length=2.0).speech([(0.0, sound(values))])
    assert first.end == second.start == pytest.approx(50 * STEP)


def test_memory_of_the_cutter_is_bounded():
    wave = sound([0.9] * 2000)
    pieces = [w.size for _, w in detector(max_length=2.0).spoken(in_blocks(wave, [8000]))]
    assert sum(pieces) == wave.size
    assert max(pieces) <= 63 * FRAME


@pytest.mark.parametrize("samples", [0, 1, 160, 511])
def test_silence_of_any_length_is_no_speech(samples):
    assert list(detector().speech([(0.0, np.zeros(samples, np.float32))])) == []
    assert list(detector().speech([])) == []


def test_not_a_number_is_silence():
    wave = sound([0.0] * 5 + [0.9] * 20)
    wave[: 3 * FRAME] = np.nan
    assert len(list(detector().speech([(0.0, wave)]))) == 1


@pytest.mark.parametrize(
    "rule",
    [
        {"onset": 0.3, "offset": 0.5},
        {"padding": 0.2},
        {"max_length": 0.1},
        {"min_speech": 30.0},
        {"onset": float("nan")},
    ],
)
def test_impossible_rules_are_refused(rule):
    with pytest.raises(InputError):
        Hysteresis(**rule)


def test_blocks_that_do_not_follow_are_refused():
    wave = np.zeros(RATE, np.float32)
    with pytest.raises(InputError, match="begins at"):
        list(detector().speech([(0.0, wave), (2.0, wave)]))
    with pytest.raises(InputError, match="shape"):
        list(detector().speech([(0.0, np.zeros((2, 100), np.float32))]))


@pytest.fixture(scope="module")
def silero():
    try:
        return SpeechDetector()
    except AssetError as missing:
        pytest.skip(str(missing))


def buzz(seconds, pitch=120.0, seed=0):
    """A vowel-like buzz: harmonics of a gliding pitch under three formants, in syllables."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * t))) / RATE
    wave = np.zeros_like(t)
    for k in range(1, 30):
        gain = sum(np.exp(-(((k * pitch - f) / 150) ** 2)) for f in (600, 1200, 2500))
        wave += gain * np.sin(k * phase)
    wave *= 0.5 + 0.5 * np.sin(2 * np.pi * 4 * t)
    return (0.2 * wave / np.abs(wave).max() + 0.001 * rng.standard_normal(t.size)).astype(np.float32)


@pytest.mark.assets
def test_the_real_network_does_not_depend_on_blocks(silero):
    wave = np.concatenate([np.zeros(RATE, np.float32), buzz(2.0), np.zeros(RATE, np.float32), buzz(1.0, 200.0)])
    whole = list(silero.speech([(0.0, wave)]))
    assert whole
    for sizes in ([160], [512], [1000, 37], [16_000]):
        assert list(silero.speech(in_blocks(wave, sizes))) == whole


@pytest.mark.assets
@pytest.mark.parametrize("kind", ["silence", "constant", "noise", "tone", "10 ms"])
def test_sound_without_speech_gives_nothing(silero, kind):
    t = np.arange(5 * RATE) / RATE
    wave = {
        "silence": np.zeros(t.size),
        "constant": np.full(t.size, 0.5),
        "noise": 0.1 * np.random.default_rng(0).standard_normal(t.size),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * t),
        "10 ms": 0.1 * np.random.default_rng(0).standard_normal(160),
    }[kind]
    assert list(silero.speech([(0.0, wave.astype(np.float32))])) == []
