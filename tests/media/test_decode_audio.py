"""Sound: the exact stretch, whatever the container; and what is wrong with it."""

from __future__ import annotations

import gc
import tracemalloc
import wave
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affectus.errors import FileError, InputError
from affectus.media import Fault, blocks, probe, read_wave, resample
from affectus.media.pcm import downmix_weights
from media_samples import make_audio, make_video, make_wav, tone

LOSSLESS = (".wav", ".flac")
SEEKABLE = (*LOSSLESS, ".mp3", ".ogg", ".opus", ".webm")  # AAC decoders add random noise, see test_aac
TONE_RATE = 48_000


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    for suffix in (*SEEKABLE, ".m4a", ".mp4", ".mkv", ".mov"):
        make_audio(folder / f"talk{suffix}", 6.0, TONE_RATE)
    return folder


def kinds(faults: list[Fault]) -> set[str]:
    return {fault.kind for fault in faults}


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_sound_comes_back(sounds, suffix):
    wave = read_wave(sounds / f"talk{suffix}", TONE_RATE)
    assert wave.dtype == np.float32
    np.testing.assert_allclose(wave, tone(6.0, TONE_RATE), atol=1 / 32768)


@pytest.mark.parametrize("suffix", [".mp3", ".opus", ".webm", ".m4a", ".mkv"])
def test_lossy_sound_is_in_place(sounds, suffix):
    wave, truth = read_wave(sounds / f"talk{suffix}", TONE_RATE), tone(6.0, TONE_RATE)
    assert abs(wave.size - truth.size) < 1500  # AAC pads its last packet
    shifts = [np.dot(wave[100 + s : 100_000 + s], truth[100:100_000]) for s in range(-60, 61)]
    assert abs(int(np.argmax(shifts)) - 60) <= 2, "the sound is shifted"


@pytest.mark.parametrize("suffix", SEEKABLE)
@pytest.mark.parametrize("rate", [16_000, 48_000, 11_025])
def test_a_stretch_equals_the_same_stretch_of_the_whole(sounds, suffix, rate):
    path = sounds / f"talk{suffix}"
    whole = read_wave(path, rate)
    for start, end in [(0.0, 0.5), (0.4321, 1.0), (2.7182, 3.1415), (5.5, None), (5.9, 7.0)]:
        stretch = read_wave(path, rate, start, end)
        expected = whole[round(start * rate) : None if end is None else round(end * rate)]
        assert stretch.shape == expected.shape
        np.testing.assert_allclose(stretch, expected, atol=1e-3 if suffix in (".ogg", ".opus", ".webm") else 2e-6)


@pytest.mark.parametrize("suffix", [".m4a", ".mkv"])
def test_aac_is_in_place_after_seeking(sounds, suffix):
    whole = read_wave(sounds / f"talk{suffix}", TONE_RATE)
    stretch = read_wave(sounds / f"talk{suffix}", TONE_RATE, 3.0, 4.0)
    wanted = whole[3 * TONE_RATE : 4 * TONE_RATE]
    shifts = [np.dot(stretch[100:-100], wanted[100 + s : TONE_RATE - 100 + s]) for s in range(-50, 51)]
    assert int(np.argmax(shifts)) == 50


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.floats(0.05, 8.0),
    start=st.floats(0.0, 5.0),
    length=st.floats(0.1, 7.0),
    suffix=st.sampled_from([".wav", ".mp3"]),
)
def test_blocks_are_the_wave(sounds, seconds, start, length, suffix):
    path = sounds / f"talk{suffix}"
    parts = list(blocks(path, 16_000, seconds, start, start + length))
    wave = read_wave(path, 16_000, start, start + length)
    np.testing.assert_array_equal(np.concatenate([w for _, w in parts]), wave)
    clock = round(start * 16_000)
    for time, part in parts:
        assert time == clock / 16_000
        clock += part.size
    assert {p.size for _, p in parts[:-1]} <= {round(seconds * 16_000)}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.floats(0.1, 5.9), min_size=1, max_size=3, unique=True))
def test_neighbouring_ranges_join_without_seam(sounds, cuts):
    path = sounds / "talk.flac"
    edges = [0.0, *sorted(cuts), None]
    pairs = [(a, b) for a, b in pairwise(edges) if b is None or round(a * 8000) < round(b * 8000)]
    joined = np.concatenate([read_wave(path, 8000, a, b) for a, b in pairs])
    np.testing.assert_allclose(joined, read_wave(path, 8000), atol=2e-6)


@pytest.mark.parametrize(("stored", "wanted"), [(8_000, 16_000), (96_000, 16_000), (44_100, 16_000), (16_000, 22_050)])
def test_resampling_keeps_a_tone(tmp_path, stored, wanted):
    t = np.arange(2 * stored) / stored
    make_wav(tmp_path / "a.wav", rate=stored, wave=0.5 * np.sin(2 * np.pi * 440 * t))
    wave = read_wave(tmp_path / "a.wav", wanted)
    truth = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * wanted) / wanted)
    assert wave.size == truth.size
    np.testing.assert_allclose(wave[200:-200], truth[200:-200], atol=2e-4)


def test_resample_of_an_array():
    wave = tone(1.0, 44_100)
    assert resample(wave, 44_100, 16_000).shape == (16_000,)
    assert resample(wave, 44_100, 44_100) is wave
    with pytest.raises(InputError, match="shape"):
        resample(wave[None], 44_100, 16_000)
    with pytest.raises(InputError, match="rate is 7"):
        resample(wave, 7, 16_000)


def test_downmix_rule():
    np.testing.assert_allclose(downmix_weights(("FL", "FR")), [0.5, 0.5])
    weights = downmix_weights(("FL", "FR", "FC", "LFE", "BL", "BR"))
    assert weights.sum() == pytest.approx(1.0)
    assert weights[3] == 0
    assert weights[2] / weights[0] == pytest.approx(1 / 0.7071)
    np.testing.assert_allclose(downmix_weights(("c0", "c1", "c2", "c3")), [0.25] * 4)


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_mixed_by_the_rule(tmp_path, channels):
    wave = np.stack([np.full(4000, 0.1 * (c + 1), np.float32) for c in range(channels)])
    wave *= np.sin(np.arange(4000) * 0.05)
    make_wav(tmp_path / "a.wav", rate=16_000, wave=wave)
    names = ("FL", "FR", "FC", "LFE", "BL", "BR")[:channels]
    np.testing.assert_allclose(read_wave(tmp_path / "a.wav"), downmix_weights(names) @ wave, atol=1e-4)
    assert probe(tmp_path / "a.wav").audio.channels == channels


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_sample_formats(tmp_path, codec):
    wave = make_wav(tmp_path / "a.wav", codec=codec)
    np.testing.assert_allclose(read_wave(tmp_path / "a.wav"), wave[0], atol=1 / 120 if codec == "pcm_u8" else 1e-6)


def _faults_of(path, wave, codec="pcm_f32le", **options):
    make_wav(path, wave=wave, codec=codec)
    faults: list[Fault] = []
    out = read_wave(path, faults=faults, **options)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1.0
    return out, faults


def test_a_clean_wave_has_no_faults(tmp_path):
    assert _faults_of(tmp_path / "a.wav", tone(2.0, 16_000))[1] == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_samples_are_replaced_and_told(tmp_path, bad):
    wave = tone(2.0, 16_000)
    wave[8000:8010] = bad
    out, faults = _faults_of(tmp_path / "a.wav", wave)
    assert (out[8000:8010] == 0).all()
    (fault,) = faults
    assert (fault.kind, fault.start, fault.end) == ("non-finite-replaced", 0.5, 8010 / 16_000)


def test_all_nan_is_silent_too(tmp_path):
    assert kinds(_faults_of(tmp_path / "a.wav", np.full(16_000, np.nan))[1]) == {"non-finite-replaced", "silent"}


def test_silence_and_constants(tmp_path):
    assert kinds(_faults_of(tmp_path / "a.wav", np.zeros(16_000))[1]) == {"silent"}
    assert kinds(_faults_of(tmp_path / "b.wav", np.full(16_000, 0.25))[1]) == {"constant"}


def test_clipping(tmp_path):
    loud = np.clip(5 * tone(1.0, 16_000), -1, 1)
    assert kinds(_faults_of(tmp_path / "b.wav", loud, "pcm_s16le")[1]) == {"clipped"}
    _, faults = _faults_of(tmp_path / "c.wav", 20_000 * tone(1.0, 16_000))
    assert kinds(faults) == {"clipped"}
    assert "beyond full scale" in faults[0].text


def test_channels_that_cancel(tmp_path):
    wave = tone(1.0, 16_000)
    assert kinds(_faults_of(tmp_path / "a.wav", np.stack([wave, -wave]))[1]) == {"phase-cancelled", "silent"}


def test_faults_speak_of_the_range_alone(tmp_path):
    wave = tone(4.0, 16_000)
    wave[:32_000] = 0
    make_wav(tmp_path / "a.wav", wave=wave)
    faults: list[Fault] = []
    read_wave(tmp_path / "a.wav", 8_000, 0.5, 1.9, faults=faults)
    assert kinds(faults) == {"silent"}
    faults.clear()
    read_wave(tmp_path / "a.wav", 8_000, 2.0, 3.0, faults=faults)
    assert faults == []


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg", ".m4a", ".mkv", ".webm"])
def test_a_truncated_file_is_an_error_or_told(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    make_audio(path, 6.0, 48_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    faults: list[Fault] = []
    try:
        sound = read_wave(path, faults=faults)
    except FileError:
        assert suffix == ".m4a", "only its index stands at the end"
    else:
        assert 30_000 < sound.size < 70_000
        assert "truncated" in kinds(faults)


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".mkv", ".ogg"])
def test_damage_in_the_middle_keeps_the_rest_in_place(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    truth = make_audio(path, 8.0, 48_000)[0]
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 20] = np.random.default_rng(3).bytes(len(data) // 20)
    path.write_bytes(data)
    faults: list[Fault] = []
    wave = read_wave(path, 48_000, faults=faults)
    assert faults, "the damage went unnoticed"
    if wave.size > 7 * 48_000:  # behind the damage the sound is still in its place
        late = slice(int(6.5 * 48_000), int(6.9 * 48_000))
        shifts = [np.dot(wave[late.start + s : late.stop + s], truth[late]) for s in range(-3000, 3001)]
        assert abs(int(np.argmax(shifts)) - 3000) <= 2 * 1152  # MP3 has no time stamps: frames may be lost or doubled


def test_zero_length_audio(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    with pytest.raises(FileError, match=r"a\.wav.*no audio samples"):
        read_wave(tmp_path / "a.wav")


def test_video_sound_and_silent_video(tmp_path):
    make_video(tmp_path / "a.mp4", 2.0)
    assert read_wave(tmp_path / "a.mp4").size == pytest.approx(32_000, abs=500)
    make_video(tmp_path / "b.mp4", 1.0, audio=False)
    with pytest.raises(FileError, match="holds no sound"):
        read_wave(tmp_path / "b.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_sound_that_begins_late_stays_in_its_place(tmp_path, suffix):
    make_video(tmp_path / f"a{suffix}", 3.0, sound_from=1.0)
    faults: list[Fault] = []
    sound = read_wave(tmp_path / f"a{suffix}", 48_000, faults=faults)
    assert sound.size == pytest.approx(3 * 48_000, abs=1500)
    assert np.abs(sound[:47_000]).max() < 0.01
    truth = tone(2.0, 48_000)[1000:60_000]
    shifts = [np.dot(sound[49_000 + s : 108_000 + s], truth) for s in range(-100, 101)]
    assert abs(int(np.argmax(shifts)) - 100) <= 50
    assert [(f.kind, f.start) for f in faults] == [("gap", 0.0)]
    assert faults[0].end == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(
    ("start", "end"), [(-1, None), (2, 1), (1, 1), (float("nan"), None), (0, float("nan")), (float("inf"), None)]
)
def test_impossible_ranges(sounds, start, end):
    with pytest.raises(InputError, match="start < end"):
        read_wave(sounds / "talk.wav", 16_000, start, end)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".mkv", ".opus"])
def test_a_range_behind_the_end_says_where_the_end_is(sounds, suffix):
    for start in (6.5, 60.0):
        with pytest.raises(InputError, match="behind the end"):
            read_wave(sounds / f"talk{suffix}", 16_000, start)


@pytest.mark.parametrize(
    ("options", "name"), [({"rate": 12}, "rate"), ({"rate": 16_000.0}, "rate"), ({"seconds": 0}, "blocks")]
)
def test_bad_options_are_told_at_the_call(sounds, options, name):
    with pytest.raises(InputError, match=name):
        blocks(sounds / "talk.wav", **options)


def test_memory_does_not_grow_with_length(tmp_path):
    make_wav(tmp_path / "a.wav", wave=np.tile(tone(1.0, 16_000), 60))
    peaks = []
    for end in (20.0, 60.0):
        gc.collect()
        tracemalloc.start()
        for _ in blocks(tmp_path / "a.wav", 8_000, 5.0, end=end):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 200_000


def test_nothing_is_written_to_stderr(tmp_path, capfd):
    path = tmp_path / "a.mp3"
    make_audio(path, 2.0, 48_000)
    data = bytearray(path.read_bytes())
    data[3000:9000] = b"\x55" * 6000
    path.write_bytes(data)
    read_wave(path)
    assert capfd.readouterr().err == ""
