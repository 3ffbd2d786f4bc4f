"""Who speaks when: clustering on made-up voices, then the real encoder."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.errors import AssetError, InputError
from affectus.frontends.speech.speakers import Speakers, _viterbi
from affectus.frontends.speech.vad import RATE, Segment
from affectus.frontends.speech.voiceprint import SIZE, Voice, VoiceEncoder, centroid

COMMON = np.eye(SIZE)[0]


class NamedVoices:
    """An encoder that reads the speaker from the wave, whose samples are his number; windows over two are mixtures."""

    def __init__(self, noise=0.15, seed=0):
        self.rng = np.random.default_rng(seed)
        self.noise = noise

    def voice(self, wave, hop):
        seconds = wave.size / RATE
        if seconds < 0.4:
            return Voice(np.zeros(0), np.zeros((0, SIZE), np.float32), 0.0)
        width = min(seconds, 1.6)
        centres = np.arange(0, seconds - width + 1e-9, hop) + width / 2
        prints = []
        for centre in centres:
            part = wave[int((centre - width / 2) * RATE) : int((centre + width / 2) * RATE)]
            names, counts = np.unique(part, return_counts=True)
            own = sum(c / part.size * np.eye(SIZE)[int(n)] for n, c in zip(names, counts, strict=True))
            vector = COMMON + own + self.noise * self.rng.standard_normal(SIZE) / np.sqrt(SIZE)
            prints.append(vector / np.linalg.norm(vector))
        return Voice(centres, np.array(prints, np.float32), width)


def hear(*pieces, gap=0.5):
    """Segments, each a list of (speaker, seconds), after one another."""
    listener = Speakers(encoder=NamedVoices())
    at = 0.0
    for piece in pieces:
        wave = np.concatenate([np.full(round(seconds * RATE), who, np.float32) for who, seconds in piece])
        listener.add(Segment(at, at + wave.size / RATE, 0.9), wave)
        at += wave.size / RATE + gap
    return listener


@pytest.mark.parametrize("given_number", [None, 3])
def test_speakers_are_found_and_named_in_order_of_appearance(given_number):
    order = [7, 3, 7, 5, 3, 5, 7]
    turns = hear(*[[(who, 4.0)] for who in order]).turns(given_number)
    names = {7: "speaker-1", 3: "speaker-2", 5: "speaker-3"}
    assert [turn.track for turn in turns] == [names[who] for who in order]
    assert all(turn.margin > 0.5 and turn.probability == 0.9 for turn in turns)


def test_one_speaker_stays_one():
    turns = hear(*[[(4, 3.0)]] * 6).turns()
    assert {turn.track for turn in turns} == {"speaker-1"}
    assert turns[0].margin == 1.0


def test_a_number_that_was_given_is_kept():
    listener = hear(*[[(who, 4.0)] for who in (1, 2, 3, 1, 2, 3)])
    assert len({turn.track for turn in listener.turns(2)}) == 2
    assert len({turn.track for turn in listener.turns(1)}) == 1


def test_a_segment_of_two_people_is_divided_near_the_change():
    turns = hear([(1, 5.0)], [(1, 4.0), (2, 5.0)], [(2, 6.0)]).turns()
    assert [turn.track for turn in turns] == ["speaker-1", "speaker-1", "speaker-2", "speaker-2"]
    assert turns[1].end == turns[2].start == pytest.approx(5.5 + 4.0, abs=0.4)


def test_a_segment_too_short_to_tell_goes_to_its_neighbour():
    turns = hear([(1, 5.0)], [(2, 6.0)], [(9, 0.3)], gap=0.4).turns()
    assert turns[2].track == turns[1].track == "speaker-2"
    assert turns[2].margin == 0.0


def test_nothing_heard():
    assert hear().turns() == []
    only = hear([(1, 0.2)]).turns()
    assert [turn.track for turn in only] == ["speaker-1"]


@pytest.mark.parametrize("number", [0, -1, 1.5, True])
def test_an_impossible_number_is_refused(number):
    with pytest.raises(InputError, match="speakers="):
        hear([(1, 3.0)]).turns(number)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(1, 4), st.floats(0.3, 6.0)), min_size=1, max_size=3), max_size=8))
def test_turns_cover_the_segments_exactly_and_twice_the_same(pieces):
    listener, again = hear(*pieces), hear(*pieces)
    turns = listener.turns()
    assert turns == again.turns()
    for segment, _ in listener._heard:
        inside = [turn for turn in turns if segment.start <= turn.start < segment.end]
        assert inside[0].start == segment.start
        assert inside[-1].end == segment.end
        assert all(a.end == b.start and a.track != b.track for a, b in pairwise(inside))
    seen = list(dict.fromkeys(turn.track for turn in turns))
    assert seen == [f"speaker-{i + 1}" for i in range(len(seen))]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.floats(0, 2), st.integers(0, 1000))
def test_viterbi_finds_the_best_of_all_paths(steps, states, switch, seed):
    scores = np.random.default_rng(seed).standard_normal((steps, states))

    def value(path):
        changes = sum(a != b for a, b in pairwise(path))
        return sum(scores[i, k] for i, k in enumerate(path)) - switch * changes

    paths = np.stack(np.meshgrid(*[range(states)] * steps), -1).reshape(-1, steps)
    assert value(list(_viterbi(scores, switch))) == pytest.approx(max(value(list(path)) for path in paths))


@pytest.fixture(scope="module")
def encoder():
    try:
        return VoiceEncoder()
    except AssetError as missing:
        pytest.skip(str(missing))


def vowel(pitch, formants, seconds=3.0, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    wave = sum(
        sum(np.exp(-(((k * pitch - f) / 120) ** 2)) for f in formants) * np.sin(2 * np.pi * k * pitch * t)
        for k in range(1, 40)
    )
    wave = wave * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t + seed)) + 0.01 * rng.standard_normal(t.size)
    return (0.1 * wave / np.abs(wave).max()).astype(np.float32)


@pytest.mark.assets
def test_prints_are_unit_vectors_that_do_not_depend_on_level(encoder):
    wave = vowel(120, (500, 1500, 2500))
    voice = encoder.voice(wave)
    assert voice.prints.shape == (len(voice.centres), SIZE)
    assert voice.width == 1.6
    assert voice.centres[-1] == pytest.approx(3.0 - 0.8)
    np.testing.assert_allclose(np.linalg.norm(voice.prints, axis=1), 1, atol=1e-5)
    quieter = encoder.voice(wave * 0.1)
    quietest = encoder.voice(wave * 0.01)
    np.testing.assert_allclose(quieter.prints, quietest.prints, atol=1e-3)


@pytest.mark.assets
def test_two_made_voices_are_further_apart_than_one(encoder):
    low, low_again = (centroid(encoder.voice(vowel(110, (450, 1300, 2300), seed=s)).prints) for s in (0, 1))
    high = centroid(encoder.voice(vowel(240, (700, 1900, 3100))).prints)
    assert low @ low_again > 0.9 > low @ high


@pytest.mark.assets
@pytest.mark.parametrize("samples", [0, 160, 6399])
def test_short_or_silent_sound_has_no_print(encoder, samples):
    assert len(encoder.voice(np.full(samples, 0.1, np.float32)).prints) == 0
    assert len(encoder.voice(np.zeros(RATE * 2, np.float32)).prints) == 0


@pytest.mark.assets
def test_the_network_equals_its_equations(encoder):
    """The LSTM written out in NumPy (Hochreiter & Schmidhuber, with torch's order of gates) on one window."""
    from safetensors.numpy import load_file

    from affectus import assets
    from affectus.backbones.mel import mel_power

    wave = vowel(150, (500, 1500), seconds=1.6)
    wave = wave * (10 ** (-20 / 20) / np.sqrt(np.mean(wave**2)))  # above the level: no gain
    weights = {name: value.astype(np.float64) for name, value in load_file(assets.path("ge2e")).items()}
    states = mel_power(wave.astype(np.float32), 40).T[:160]

    def logistic(x):
        return 1 / (1 + np.exp(-x))

    for layer in range(3):
        hidden, cell, out = np.zeros(256), np.zeros(256), []
        for x in states:
            z = weights[f"lstm.weight_ih_l{layer}"] @ x + weights[f"lstm.bias_ih_l{layer}"]
            z += weights[f"lstm.weight_hh_l{layer}"] @ hidden + weights[f"lstm.bias_hh_l{layer}"]
            i, f, g, o = np.split(z, 4)
            cell = logistic(f) * cell + logistic(i) * np.tanh(g)
            hidden = logistic(o) * np.tanh(cell)
            out.append(hidden)
        states = out
    vector = np.maximum(0, weights["linear.weight"] @ hidden + weights["linear.bias"])
    np.testing.assert_allclose(encoder.voice(wave).prints[0], vector / np.linalg.norm(vector), atol=1e-4)
