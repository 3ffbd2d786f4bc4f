"""What a reader of voices is told of a recording, fault by fault; and that no length needs more memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from affectus.errors import FileError
from affectus.frontends.flaws import copied, flaws, upper
from affectus.frontends.hearing import LONGEST, RATE, hear
from affectus.media import read_wave, resample
from affectus.sample import Media, Sample
from media_samples import make_audio, make_wav

CALL = Path(__file__).parents[2] / "examples" / "call.flac"  # real speech


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return 0.5 * read_wave(CALL, RATE, 0.0, 4.0)


def heard(media: Media) -> tuple[np.ndarray, list[str]]:
    return hear(Sample(id="a", media=media))


def flags(path: Path, wave: np.ndarray, rate: int = RATE) -> list[str]:
    make_wav(path, wave=wave, rate=rate, codec="pcm_f32le")
    return heard(Media("audio", path=path))[1]


def test_whole_recordings_have_no_flags(tmp_path: Path, speech: np.ndarray) -> None:
    assert flags(tmp_path / "a.wav", speech) == []
    assert heard(Media("audio", array=speech, rate=RATE))[1] == []


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 96_000])
def test_only_sound_without_an_upper_band_is_narrow(tmp_path: Path, speech: np.ndarray, rate: int) -> None:
    found = flags(tmp_path / "a.wav", resample(speech, RATE, rate), rate)
    assert found == (["narrow-band"] if rate == 8_000 else [])


def test_sound_of_a_telephone_stays_narrow_at_a_higher_rate(speech: np.ndarray) -> None:
    telephone = resample(resample(speech, RATE, 8_000), 8_000, RATE)
    stored = np.round(telephone * 32_768) / 32_768
    assert flaws(speech) == []
    assert flaws(stored.astype(np.float32)) == ["narrow-band"]
    assert upper(np.zeros(RATE, np.float32)) == 1.0


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_heard_as_one(tmp_path: Path, speech: np.ndarray, channels: int) -> None:
    make_wav(tmp_path / "a.wav", wave=np.tile(speech, (channels, 1)), rate=RATE, codec="pcm_f32le")
    wave, found = heard(Media("audio", path=tmp_path / "a.wav"))
    assert found == []
    np.testing.assert_allclose(wave, speech - speech.mean(), atol=1e-4)


def test_channels_that_cancel_each_other_are_told(tmp_path: Path, speech: np.ndarray) -> None:
    assert "phase-cancelled" in flags(tmp_path / "a.wav", np.stack([speech, -speech]))


def test_an_offset_is_told_and_taken_away(tmp_path: Path, speech: np.ndarray) -> None:
    make_wav(tmp_path / "a.wav", wave=0.5 * speech + 0.1, rate=RATE, codec="pcm_f32le")
    wave, found = heard(Media("audio", path=tmp_path / "a.wav"))
    assert found == ["dc-offset"]
    assert abs(wave.mean()) < 1e-6


@pytest.mark.parametrize("delay", [0.03, 0.15, 0.4])
def test_a_copy_behind_the_sound_is_an_echo(speech: np.ndarray, delay: float) -> None:
    behind = np.concatenate([np.zeros(round(delay * RATE), np.float32), speech])[: len(speech)]
    assert copied(speech) < 0.16
    assert copied(speech + 0.4 * behind) == pytest.approx(0.4, abs=0.07)
    telephone = resample(resample(speech + 0.4 * behind, RATE, 8_000), 8_000, RATE)
    assert flaws(telephone + 0.02) == ["dc-offset", "narrow-band", "echo"]


def test_another_voice_is_no_echo(speech: np.ndarray) -> None:
    other = 0.5 * read_wave(CALL, RATE, 4.5, 8.5)
    assert "echo" not in flaws(speech + other)
    assert copied(np.zeros(RATE, np.float32)) == 0.0


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize(
    ("spoil", "flag"),
    [
        (lambda wave: np.clip(30 * wave, -1, 1), "clipped"),
        (lambda wave: np.where(np.arange(len(wave)) % 700 == 0, np.nan, wave), "non-finite-replaced"),
        (lambda wave: np.where(np.arange(len(wave)) < 50, np.inf, wave), "non-finite-replaced"),
        (lambda wave: np.full_like(wave, 0.3), "constant"),
    ],
)
def test_faults_of_files_are_faults_of_arrays(
    tmp_path: Path, speech: np.ndarray, array: bool, spoil, flag: str
) -> None:
    wave = spoil(speech).astype(np.float32)
    if array:
        clean, found = heard(Media("audio", array=resample(wave, RATE, RATE), rate=RATE))
    else:
        make_wav(tmp_path / "a.wav", wave=wave, codec="pcm_f32le")
        clean, found = heard(Media("audio", path=tmp_path / "a.wav"))
    assert flag in found
    assert np.isfinite(clean).all()


def test_a_broken_sample_does_not_spread_when_an_array_is_resampled(speech: np.ndarray) -> None:
    wave = resample(speech, RATE, 44_100).copy()
    wave[20_000] = np.nan
    clean, found = heard(Media("audio", array=wave, rate=44_100))
    assert found == ["non-finite-replaced"]
    np.testing.assert_allclose(clean[9000:], speech[9000:] - speech.mean(), atol=1e-2)


def test_a_header_cut_anywhere_is_a_named_error(tmp_path: Path, speech: np.ndarray) -> None:
    for suffix in (".wav", ".flac"):
        make_audio(tmp_path / f"whole{suffix}", wave=speech[:8000], rate=RATE)
        whole = (tmp_path / f"whole{suffix}").read_bytes()
        for cut in (0, 3, 12, 20, 36, 43):
            path = tmp_path / f"cut{cut}{suffix}"
            path.write_bytes(whole[:cut])
            with pytest.raises(FileError) as told:
                heard(Media("audio", path=path))
            assert path.name in str(told.value)


def test_a_cut_body_is_told(tmp_path: Path, speech: np.ndarray) -> None:
    make_wav(tmp_path / "a.wav", wave=speech, rate=RATE)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:60_000])
    wave, found = heard(Media("audio", path=tmp_path / "a.wav"))
    assert found == ["truncated"]
    assert 25_000 < len(wave) < 35_000


@pytest.mark.slow
@pytest.mark.parametrize("array", [False, True])
def test_hours_are_not_held_in_memory(tmp_path: Path, array: bool) -> None:
    hours, rate = 3, 8_000
    path = tmp_path / "long.raw"
    with path.open("wb") as file:
        for _ in range(hours * 60):
            file.write(np.random.default_rng(0).integers(-3000, 3000, 60 * rate, np.int16).tobytes())
    if array:
        media = Media("audio", array=np.memmap(path, np.int16, "r"), rate=rate)
    else:
        wav = tmp_path / "long.wav"
        _with_header(path, wav, rate)
        media = Media("audio", path=wav)
    tracemalloc.start()
    wave, found = heard(media)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "over-long" in found
    assert len(wave) == LONGEST * RATE
    assert peak < 12 * wave.nbytes  # three hours alone would be 18


def _with_header(raw: Path, wav: Path, rate: int) -> None:
    import wave

    with wave.open(str(wav), "wb") as out, raw.open("rb") as data:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        while block := data.read(1 << 22):
            out.writeframes(block)
    raw.unlink()
