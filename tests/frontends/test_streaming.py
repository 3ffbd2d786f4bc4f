"""Windows of a stream: they do not depend on chunks, look at nothing that follows, and hold little."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus import assets, registry
from affectus.errors import AssetError, InputError
from affectus.frontends.speech.vad import FRAME, RATE, CausalSpeech
from affectus.frontends.streaming import SILENT_WINDOW, Windows, windows
from affectus.media import read_wave
from affectus.sample import Media, Sample
from affectus.timeline import Timeline

CALL = Path(__file__).resolve().parents[2] / "examples" / "call.flac"
SHORT = Windows(window=0.5, hop=0.2, speech=0.1)


def loud(frame):
    return float(np.abs(frame).max() > 0.5)


def chunks(wave, sizes, start=0.0):
    at = turn = 0
    while at < len(wave):
        yield start + at / RATE, wave[at : at + sizes[turn % len(sizes)]]
        at, turn = at + sizes[turn % len(sizes)], turn + 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30_000), st.lists(st.integers(1, 9000), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_windows_are_cut_where_they_are_said_to_be(samples, sizes, seed):
    wave = np.random.default_rng(seed).uniform(-0.6, 0.6, samples).astype(np.float32)
    found = list(windows(chunks(wave, sizes, 7.0), SHORT, loud))
    starts = [at for at in range(0, samples, 3200) if at == 0 or at - 3200 + 8000 < samples]
    assert len(found) == len(starts)
    for at, row in zip(starts, found, strict=True):
        assert row.start == pytest.approx(7 + at / RATE)
        assert row.end == pytest.approx(7 + min(at + 8000, samples) / RATE)
        assert np.array_equal(row.wave, wave[at : at + 8000])


def test_a_window_counts_the_speech_inside_it_alone():
    wave = np.zeros(3 * RATE, np.float32)
    wave[16_000:17_600] = 0.9  # 0.1 s, of which not all frames lie inside
    wave[32_000:40_000] = 0.9
    spoken = [(row.start, row.spoken) for row in windows([(0.0, wave)], SHORT, loud)]
    assert [round(start, 1) for start, yes in spoken if yes] == [0.8, 1.8, 2.0, 2.2, 2.4]


def test_nothing_that_follows_changes_a_window():
    rng = np.random.default_rng(1)
    wave = rng.uniform(-0.9, 0.9, 3 * RATE).astype(np.float32)
    other = np.concatenate([wave[: 2 * RATE], np.zeros(RATE, np.float32)])
    before, after = (list(windows([(0.0, w)], SHORT, loud)) for w in (wave, other))
    ended = [i for i, row in enumerate(before) if row.end <= 2.0]
    assert len(ended) == 8
    assert all(before[i].spoken == after[i].spoken for i in ended)


def test_a_window_is_there_as_soon_as_it_has_ended():
    given_out = []

    def live():
        for at in range(0, 32_000, FRAME):
            given_out.append(at + FRAME)
            yield at / RATE, np.zeros(FRAME, np.float32)

    for row in windows(live(), SHORT, loud):
        assert given_out[-1] - round(row.end * RATE) < FRAME


def test_an_hour_holds_no_more_than_a_minute():
    def peak(seconds):
        tracemalloc.start()
        sound = ((float(s), np.zeros(RATE, np.float32)) for s in range(seconds))
        count = sum(1 for _ in windows(sound, Windows(), lambda frame: 0.0))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return count, most

    (short, low), (long, high) = peak(60), peak(600)
    assert (short, long) == (29, 299)
    assert high < 1.2 * low


@pytest.mark.parametrize(
    ("given_", "named"),
    [
        ({"window": 31}, "window=31"),
        ({"hop": 0.01}, "hop=0.01"),
        ({"hop": 5}, "hop=5"),
        ({"speech": 5.0}, "speech=5.0"),
        ({"threshold": 1.0}, "threshold=1.0"),
    ],
)
def test_windows_out_of_range_are_named(given_, named):
    with pytest.raises(InputError, match=named):
        Windows(**given_)


def test_sound_with_a_gap_is_an_error():
    with pytest.raises(InputError, match=r"begins at 3.000 s"):
        list(windows([(0.0, np.zeros(RATE, np.float32)), (3.0, np.zeros(RATE, np.float32))], SHORT, loud))


@pytest.mark.assets
def test_silero_carries_its_state_and_a_real_call_is_read_as_offline():
    try:
        assets.path("silero-vad")
    except AssetError:
        pytest.skip("the voice activity detector is not here")
    wave = read_wave(CALL, RATE, 0.0, 12.0)
    first, second = CausalSpeech(), CausalSpeech()
    half = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)[:100]
    alone = [first(frame) for frame in half]
    assert alone == [second(frame) for frame in half]
    assert max(alone) > 0.9
    reader = registry.build("voice-head/tiny")
    sample = Sample(id="call", source="call", media=Media("audio", array=wave, rate=RATE))
    whole = reader.read_windows(sample)
    live = Timeline.concat(reader.stream(chunks(wave, [777, 16_000]), source="call"))
    assert len(live) == len(whole) == 5
    assert np.abs(np.nan_to_num(live.scores("emodb-4") - whole.scores("emodb-4"))).max() < 1e-3
    assert [a.flags for a in live] == [a.flags for a in whole]
    assert not all(SILENT_WINDOW in a.flags for a in whole)
