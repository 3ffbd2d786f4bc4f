"""Odd media through the whole job: a named error or a flagged result, never a crash and never a confident guess."""

from pathlib import Path

import numpy as np
import pytest

from affectus import analyze, assets, registry
from affectus.errors import FileError
from affectus.media import read_wave, resample
from media_samples import make_audio, make_image, make_video

pytestmark = pytest.mark.assets
RATE = 16_000
CALL = Path(__file__).parents[2] / "examples" / "call.flac"  # real speech


@pytest.fixture(autouse=True)
def models():
    if {"affectus/text-goemotions", "affectus/voice-embedded", "affectus/face-embedded"} - set(registry.checkpoints()):
        pytest.skip("the shipped readers are not in this tree")
    if any(row.state != "ready" for row in assets.listing() if row.asset.group == "default"):
        pytest.skip("the default assets are not fetched")


def outcome(path):
    """What comes out: a timeline, or the error that names the file's trouble."""
    try:
        return analyze(path)
    except FileError as error:
        return error


def refused(result):
    """Whether the file was refused with a remedy."""
    return isinstance(result, FileError) and bool(result.remedy)


def confident(timeline):
    """Readings that decide something and carry no warning about their input."""
    return [a for a in timeline if a.labels and not a.abstained and a.modality != "fused"]


@pytest.mark.parametrize(
    ("name", "wave"),
    [
        ("silent", np.zeros((1, 3 * RATE))),
        ("constant", np.full((1, 3 * RATE), 0.5)),
        ("noise", 0.1 * np.random.default_rng(0).standard_normal((1, 3 * RATE))),
        ("ten-milliseconds", np.full((1, 160), 0.1)),
        ("tone", 0.3 * np.sin(2 * np.pi * 220 * np.arange(3 * RATE) / RATE)[None]),
    ],
)
def test_sound_without_speech_is_not_read(tmp_path, name, wave):
    path = tmp_path / f"{name}.wav"
    make_audio(path, wave=wave.astype(np.float32))
    assert confident(analyze(path)) == []


def test_music_without_speech_is_not_read(tmp_path):
    t, rng = np.arange(2 * RATE) / RATE, np.random.default_rng(0)
    chords = ((220, 277, 330), (247, 311, 370), (196, 247, 294))
    played = np.concatenate([sum(np.sin(2 * np.pi * f * t) for f in chord) * (1 - (2 * t) % 1) for chord in chords])
    drum = rng.standard_normal(len(played)) * (np.arange(len(played)) % (RATE // 4) < RATE // 40)
    make_audio(tmp_path / "music.wav", wave=(0.05 * played + 0.02 * drum).astype(np.float32)[None])
    assert confident(analyze(tmp_path / "music.wav")) == []


@pytest.mark.parametrize(
    ("spoil", "rate", "flag"),
    [
        (lambda wave: wave, 8_000, "narrow-band"),
        (lambda wave: np.clip(40 * wave, -1, 1), RATE, "clipped"),
        (lambda wave: np.clip(40 * wave, -1, 1), 48_000, "clipped"),
        (lambda wave: 0.5 * wave + 0.2, RATE, "dc-offset"),
        (lambda wave: np.where(np.arange(len(wave)) % 997 == 0, np.nan, wave), RATE, "non-finite-replaced"),
        (lambda wave: np.stack([wave, -0.99 * wave]), RATE, "phase-cancelled"),
    ],
)
def test_flaws_of_a_recording_stand_on_each_reading_of_the_voice(tmp_path, spoil, rate, flag):
    speech = resample(read_wave(CALL, RATE, 0.0, 8.0), RATE, rate)
    make_audio(tmp_path / "a.wav", wave=spoil(speech).astype(np.float32), rate=rate, codec="pcm_f32le")
    voices = [a for a in analyze(tmp_path / "a.wav") if a.modality == "voice"]
    assert voices or flag == "phase-cancelled"  # what is left of it may be too little to be speech
    assert all(flag in a.flags for a in voices)


def test_a_recording_as_it_should_be_has_no_such_flag(tmp_path):
    make_audio(tmp_path / "a.wav", wave=read_wave(CALL, RATE, 0.0, 8.0), rate=RATE)
    voices = [a for a in analyze(tmp_path / "a.wav") if a.modality == "voice"]
    assert voices
    assert not {flag for a in voices for flag in a.flags if not flag.startswith(("derived:", "abstained:", "mapped:"))}


@pytest.mark.parametrize("cut", [3, 20, 43])
def test_a_truncated_header_is_refused_with_the_remedy(tmp_path, cut):
    make_audio(tmp_path / "a.wav", seconds=1.0)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:cut])
    assert refused(outcome(tmp_path / "a.wav"))


def test_not_a_number_is_never_read_as_a_feeling(tmp_path):
    path = tmp_path / "nan.wav"
    wave = np.full((1, 2 * RATE), np.nan, np.float32)
    make_audio(path, wave=wave, codec="pcm_f32le")
    result = outcome(path)
    assert refused(result) or confident(result) == []


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (96_000, 2), (48_000, 6)])
def test_any_rate_and_channel_count_is_decoded(tmp_path, rate, channels):
    path = tmp_path / "a.wav"
    make_audio(path, seconds=1.5, rate=rate, channels=channels)
    analyze(path)


@pytest.mark.parametrize("audio", [True, False])
def test_a_video_without_faces_or_speech_gives_no_feeling(tmp_path, audio):
    path = tmp_path / "v.mp4"
    make_video(path, seconds=1.5, audio=audio)
    timeline = analyze(path)
    assert confident(timeline) == []
    assert "no-face" in {flag for a in timeline for flag in a.flags}


def test_a_film_file_that_holds_sound_alone_is_read_as_sound(tmp_path):
    path = tmp_path / "sound.mp4"
    make_audio(path, seconds=1.5, codec="aac")
    assert confident(analyze(path)) == []


@pytest.mark.parametrize(("size", "mode"), [((1, 1), "RGB"), ((64, 64), "RGBA"), ((80, 40), "P"), ((300, 200), "L")])
def test_pictures_without_a_face_are_said_to_have_none(tmp_path, size, mode):
    path = tmp_path / "p.png"
    make_image(path, size=size, mode=mode)
    result = outcome(path)
    assert refused(result) or (confident(result) == [] and "no-face" in result[0].flags)


def test_a_film_with_a_broken_middle_is_read_around_it(tmp_path):
    path = tmp_path / "v.mp4"
    make_video(path, seconds=4.0)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(bytes(data))
    result = outcome(path)
    assert refused(result) or confident(result) == []


def test_a_truncated_film_is_an_error_or_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "v.mkv"
    make_video(path, seconds=3.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    result = outcome(path)
    assert refused(result) or confident(result) == []
