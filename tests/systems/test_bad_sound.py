"""Sound that is not as it should be: both readers of voices flag what they read, or say by name why they can't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affectus import assets, registry
from affectus.errors import AffectusError
from affectus.media import read_wave, resample
from affectus.sample import Media, Sample
from media_samples import make_wav

pytestmark = pytest.mark.assets
CALL = Path(__file__).parents[2] / "examples" / "call.flac"
RATE = 16_000
REFUSED = {"abstained:out-of-distribution", "abstained:no-speech"}
UNREAD = {"silent", "short", "constant"}


@pytest.fixture(scope="module", params=["affectus/voice-embedded", "dawn-ser/whisper-tiny"])
def reader(request):
    if any(row.state != "ready" for row in assets.listing() if row.asset.group == "default"):
        pytest.skip("the default assets are not fetched")
    if request.param.startswith("dawn"):  # what is flagged does not depend on the head
        return registry.build(request.param).eval()
    if request.param not in registry.checkpoints():
        pytest.skip("the shipped reader is not in this tree")
    return registry.load(request.param)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return level(read_wave(CALL, RATE, 0.5, 3.6))


def level(wave: np.ndarray) -> np.ndarray:
    return (0.1 * wave / np.sqrt((wave**2).mean())).astype(np.float32)


def melody(speech: np.ndarray) -> np.ndarray:
    """Struck strings, each note three partials that die away."""
    rng, time = np.random.default_rng(0), np.arange(RATE // 3) / RATE
    notes = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 12) / 12)
    struck = [sum(np.sin(2 * np.pi * k * note * time) for k in (1, 2, 3)) * np.exp(-4 * time) for note in notes]
    return level(np.concatenate(struck))


def two(speech: np.ndarray) -> np.ndarray:
    other = level(read_wave(CALL, RATE, 4.5, 9.1))
    return speech + other[: len(speech)]


def echoing(speech: np.ndarray) -> np.ndarray:
    return speech + 0.6 * np.concatenate([np.zeros(2400, np.float32), speech])[: len(speech)]


def broken(speech: np.ndarray) -> np.ndarray:
    wave = speech.copy()
    wave[::700] = np.nan
    return wave


def answer(reader, media: Media):
    (reading,) = reader.read([Sample(id="x", media=media)])
    return reading


CASES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int, set[str]]] = {
    "8 kHz": (lambda s: resample(s, RATE, 8000), 8000, {"narrow-band"}),
    "clipping": (lambda s: np.clip(30 * s, -1, 1), RATE, {"clipped"}),
    "silence": (np.zeros_like, RATE, {"silent"}),
    "constant": (lambda s: np.full_like(s, 0.3), RATE, {"silent"}),
    "10 ms": (lambda s: s[8000:8160], RATE, {"short"}),
    "nothing": (lambda s: s[:0], RATE, {"silent"}),
    "offset": (lambda s: s + 0.1, RATE, {"dc-offset"}),
    "NaN": (broken, RATE, {"non-finite-replaced"}),
    "noise": (lambda s: level(np.random.default_rng(0).standard_normal(len(s))), RATE, REFUSED),
    "music": (melody, RATE, REFUSED),
    "two speakers": (two, RATE, {"overlapping-speech"}),
    "echo": (echoing, RATE, {"echo"}),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_told_and_what_can_not_be_read_has_no_answer(reader, speech, name):
    spoil, rate, flags = CASES[name]
    reading = answer(reader, Media("audio", array=spoil(speech).astype(np.float32), rate=rate))
    assert flags & set(reading.flags), reading.flags
    if UNREAD & set(reading.flags):
        assert reading.top is None
    if (UNREAD | REFUSED) & set(reading.flags):
        assert not reading.labels
    assert name in {"two speakers", "noise"} or "overlapping-speech" not in reading.flags


@pytest.mark.parametrize(("rate", "channels"), [(96_000, 1), (16_000, 2), (16_000, 6)])
def test_whole_sound_in_other_forms_is_read_alike(reader, speech, tmp_path, rate, channels):
    wave = np.tile(resample(speech, RATE, rate), (channels, 1)) if channels > 1 else resample(speech, RATE, rate)
    make_wav(tmp_path / "a.wav", wave=wave, rate=rate, codec="pcm_f32le")
    plain = answer(reader, Media("audio", array=speech, rate=RATE))
    other = answer(reader, Media("audio", path=tmp_path / "a.wav"))
    assert set(other.flags) <= {"abstained:out-of-distribution", "derived:ekman-6+neutral"}
    assert other.scores["emodb-4"] == pytest.approx(plain.scores["emodb-4"], abs=0.02)


def test_a_cut_header_is_an_error_with_the_name_of_the_file(reader, speech, tmp_path):
    make_wav(tmp_path / "a.wav", wave=speech, rate=RATE)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:30])
    with pytest.raises(AffectusError, match=r"cut\.wav"):
        answer(reader, Media("audio", path=tmp_path / "cut.wav"))


@pytest.mark.slow
def test_of_three_hours_the_first_ten_minutes_are_read(reader, speech):
    hours = np.zeros(3 * 3600 * 8000, np.float32)
    part = resample(speech, RATE, 8000)
    hours[: len(part)] = part
    assert "over-long" in answer(reader, Media("audio", array=hours, rate=8000)).flags
