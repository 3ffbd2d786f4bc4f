import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.frontends.prosody import DESCRIPTORS, RATE, contours, prosody

NAMES = [d.name for d in DESCRIPTORS]


def voice(pitch, seconds=1.0, harmonics=10, fall=1.0):
    """A buzz like a vocal cord's, harmonic h at amplitude h^-fall."""
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = np.broadcast_to(pitch, time.shape)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return (0.1 * sum(np.sin(h * phase) / h**fall for h in range(1, harmonics + 1))).astype(np.float32)


def of(name, wave):
    return float(prosody(wave)[NAMES.index(name)])


@pytest.mark.parametrize("pitch", [75.0, 118.3, 220.0, 341.7, 480.0])
def test_pitch_of_a_buzz_is_found_within_a_fifth_of_a_semitone(pitch):
    found = contours(voice(pitch)).pitch[10:-10]
    assert not np.isnan(found).any()
    assert np.abs(12 * np.log2(found / pitch)).max() < 0.2


def test_pitch_holds_in_noise():
    wave = voice(160.0) + np.random.default_rng(0).normal(scale=0.02, size=RATE).astype(np.float32)
    assert of("pitch mean", wave) == pytest.approx(12 * np.log2(160 / 27.5), abs=0.3)


def test_glide_moves_at_its_rate():
    wave = voice(100 * 2 ** (np.arange(RATE) / RATE))  # one octave in one second
    assert of("pitch movement", wave) == pytest.approx(12, rel=0.1)
    assert of("pitch range (10–90 %)", wave) == pytest.approx(9.6, rel=0.08)


def test_noise_has_no_pitch_and_voice_is_clearer_than_noisy_voice():
    rng = np.random.default_rng(1)
    noise = rng.normal(scale=0.1, size=RATE).astype(np.float32)
    assert np.isnan(of("pitch mean", noise))
    assert of("voiced share", noise) < 0.05
    assert of("voiced share", voice(150)) > 0.95
    assert of("harmonicity mean", voice(150)) > of("harmonicity mean", voice(150) + 0.1 * noise) + 3


def test_steeper_harmonics_tilt_the_spectrum():
    flat, steep = voice(120, harmonics=40, fall=0.5), voice(120, harmonics=40, fall=2)
    assert of("spectral tilt mean", steep) < of("spectral tilt mean", flat) - 3
    assert of("spectral centroid mean", steep) < of("spectral centroid mean", flat)
    assert of("energy above 1 kHz mean", steep) < of("energy above 1 kHz mean", flat)


@pytest.mark.parametrize("rate", [2, 4, 6])
def test_loudness_peaks_count_syllable_like_bursts(rate):
    time = np.arange(3 * RATE) / RATE
    wave = voice(130, 3.0) * (0.05 + np.sin(np.pi * rate * time) ** 2).astype(np.float32)
    assert of("loudness peaks", wave) == pytest.approx(rate, abs=0.5)


def test_pauses_are_counted_inside_the_speech_only():
    gap = np.zeros(RATE // 2, np.float32)
    buzz = voice(140, 0.75)
    assert of("pause share", np.concatenate([gap, buzz, gap, buzz, gap])) == pytest.approx(0.25, abs=0.05)
    assert of("pause share", np.concatenate([gap, buzz, gap])) < 0.1


@given(st.floats(0.02, 0.9), st.integers(0, 100))
@settings(max_examples=12, deadline=None)
def test_gain_changes_nothing(gain, seed):
    wave = voice(130.0, 0.6) + np.random.default_rng(seed).normal(scale=0.005, size=9600).astype(np.float32)
    assert np.allclose(prosody(wave), prosody(wave * np.float32(gain)), rtol=1e-2, atol=1e-2, equal_nan=True)


def test_a_louder_recording_level_is_known_exactly():
    time = np.arange(RATE) / RATE
    level = contours((0.5 * np.sin(2 * np.pi * 500 * time)).astype(np.float32)).level[10:-10]
    assert np.allclose(level, 20 * np.log10(0.5 / np.sqrt(2)), atol=0.1)


@pytest.mark.parametrize(
    "wave",
    [
        np.zeros(0, np.float32),
        np.zeros(1, np.float32),
        np.zeros(160, np.float32),
        np.zeros(RATE, np.float32),
        np.full(RATE, np.nan, np.float32),
        np.full(RATE, np.inf, np.float32),
    ],
)
def test_silence_and_nothing_have_no_descriptors(wave):
    found = prosody(wave)
    assert found.shape == (len(DESCRIPTORS),)
    assert np.isnan(found).all()


def test_ten_milliseconds_and_broken_samples_give_no_infinities():
    wave = voice(150.0)
    wave[1000:1100] = np.nan
    assert np.isfinite(prosody(wave)).all()
    short = prosody(voice(150.0, 0.01))
    assert not np.isinf(short).any()


def test_long_sound_is_measured_as_the_sum_of_its_blocks():
    wave = voice(150.0, 22.0)
    found = contours(wave)
    assert len(found.pitch) == 1 + len(wave) // 160
    assert np.nanmax(np.abs(found.pitch[10:-10] - 150)) < 1
