import numpy as np
import pytest

from affectus.frontends import degrade as conditions
from affectus.frontends.degrade import RATE, degrade


def tone(seconds=1.0, pitch=440.0):
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def test_the_same_draws_give_the_same_copy_and_others_another():
    wave = tone()
    assert np.array_equal(degrade(wave, np.random.default_rng(3)), degrade(wave, np.random.default_rng(3)))
    assert not np.array_equal(
        degrade(wave, np.random.default_rng(3))[:100], degrade(wave, np.random.default_rng(4))[:100]
    )


def test_speed_moves_the_pitch_by_what_it_shortens():
    out = conditions.speed(tone(), np.random.default_rng(0))
    peak = np.abs(np.fft.rfft(out * np.hanning(len(out)))).argmax() * RATE / len(out)
    assert len(out) != RATE
    assert peak == pytest.approx(440 * RATE / len(out), rel=0.005)


def test_noise_stands_at_10_to_35_decibel():
    wave = tone().astype(np.float64)
    for seed in range(10):
        noise = conditions.add_noise(wave, np.random.default_rng(seed)) - wave
        assert 9.99 < 10 * np.log10((wave**2).mean() / (noise**2).mean()) < 35.01


def test_colour_stays_within_12_decibel():
    impulse = np.zeros(4096)
    impulse[2048] = 1.0
    for seed in range(10):
        response = 20 * np.log10(np.abs(np.fft.rfft(conditions.colour(impulse, np.random.default_rng(seed)))) + 1e-12)
        assert np.abs(response).max() < 13


def test_a_room_adds_a_tail_below_the_direct_sound():
    click = np.zeros(RATE)
    click[100] = 1.0
    out = conditions.reverberate(click, np.random.default_rng(1))
    assert out[100] == pytest.approx(1.0)
    assert 0.009 < (out[101:] ** 2).sum() < 0.26
    assert np.abs(out[:100]).max() < 1e-9


@pytest.mark.parametrize("size", [0, 1, 2, 5, 200])
def test_tiny_waves_survive(size):
    for seed in range(20):
        out = degrade(np.ones(size, np.float32), np.random.default_rng(seed))
        assert np.isfinite(out).all()
        assert out.dtype == np.float32
