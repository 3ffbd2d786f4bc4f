"""Taking speech apart and putting it together: what a vocoder must keep, and what a change of voice must change."""

import itertools
import sys

import numpy as np
import pytest
from scipy.signal import lfilter

from affectus.errors import InputError, MissingDependency
from affectus.frontends.vocoder import FREQUENCIES, vocoder
from affectus.frontends.vocoder.reshape import OCTAVES, Target, reshape

RATE = 16_000
SAME = Target(pitch=200.0, spread=1.0, tract=np.ones(3), colour=np.zeros(len(OCTAVES)))


def vowel(pitch=120.0, formants=(600, 1200, 2600), seconds=0.8, seed=0, sharp=0.97):
    """Pulses of a gliding pitch through resonances, some noise, silence at the end."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    phase = np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 2 * time))) / RATE
    sound = np.append(0.0, np.diff(np.floor(phase))) + 0.003 * rng.standard_normal(len(time))
    for hertz in formants:
        pole = sharp * np.exp(2j * np.pi * hertz / RATE)
        sound = lfilter([1.0], [1.0, -2 * pole.real, abs(pole) ** 2], sound)
    return np.append(0.3 * sound / np.abs(sound).max(), np.zeros(1600))


@pytest.fixture(params=["lpc", "world"])
def engine(request):
    if request.param == "world":
        pytest.importorskip("pyworld", exc_type=ImportError)
    return vocoder(request.param)


def bands(wave):
    """Level in thirds of an octave, dB."""
    power = np.abs(np.fft.rfft(wave, 2 * RATE)) ** 2
    bins = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    edges = 300 * 2 ** (np.arange(13) / 3)
    return np.array([10 * np.log10(power[(bins >= a) & (bins < b)].sum()) for a, b in itertools.pairwise(edges)])


@pytest.mark.parametrize("pitch", [100.0, 180.0, 280.0])
def test_speech_comes_back(engine, pitch):
    wave = vowel(pitch)
    parts = engine.analyse(wave)
    back = engine.synthesise(parts)
    assert len(back) == len(wave)
    assert parts.envelope.min() > 0
    assert parts.noise.min() >= 0
    assert parts.noise.max() <= 1
    voiced = parts.pitch[20:140]
    assert (voiced > 0).mean() > 0.9
    assert np.median(voiced[voiced > 0]) == pytest.approx(pitch, rel=0.05)
    assert 0.6 < (back**2).mean() / (wave**2).mean() < 1.8
    assert np.abs(bands(back) - bands(wave)).mean() < 3.5
    heard = engine.analyse(back).pitch[20:140]
    assert np.median(heard[heard > 0]) == pytest.approx(pitch, rel=0.05)


def test_another_voice(engine):
    wave = vowel(120.0)
    parts = engine.analyse(wave)
    other = reshape(parts, Target(pitch=240.0, spread=2.0, tract=np.full(3, 1.25), colour=np.zeros(len(OCTAVES))))
    voiced = other.pitch > 0
    assert (voiced == (parts.pitch > 0)).all()
    assert np.median(other.pitch[voiced]) == pytest.approx(240, rel=0.01)
    moved = np.log(other.pitch[voiced] / 240)
    was = np.log(parts.pitch[voiced] / np.median(parts.pitch[voiced]))
    np.testing.assert_allclose(moved, 2 * was, atol=0.01)
    np.testing.assert_allclose(other.envelope.sum(1), parts.envelope.sum(1), rtol=1e-9)
    sound = engine.synthesise(other)
    assert np.isfinite(sound).all()
    assert np.median(engine.analyse(sound).pitch[20:140]) == pytest.approx(240, rel=0.05)


def test_a_shorter_tract_moves_formants_up(engine):
    parts = engine.analyse(vowel(110.0))

    def strongest(changed, low, high):
        mean = np.log(changed.envelope[30:130]).mean(0)
        return FREQUENCIES[(low < FREQUENCIES) & (high > FREQUENCIES)][
            mean[(low < FREQUENCIES) & (high > FREQUENCIES)].argmax()
        ]

    # The long-term spectrum gives way to a usual one, so movement is seen with little of it replaced.
    shorter = reshape(parts, Target(150.0, 1.0, np.full(3, 1.2), np.zeros(len(OCTAVES))), detail=1)
    assert strongest(shorter, 2000, 4000) == pytest.approx(1.2 * strongest(parts, 2000, 3500), rel=0.06)


def test_the_long_term_spectrum_is_no_longer_the_speakers(engine):
    """Two tilts of one vowel become nearly one."""
    wave = vowel(sharp=0.85)
    dull, bright = wave, lfilter([1.0, -0.8], [1.0], wave)
    before = bands(bright) - bands(dull)
    after = np.subtract(*(bands(engine.synthesise(reshape(engine.analyse(w), SAME))) for w in (bright, dull)))
    assert np.ptp(after) < 0.5 * np.ptp(before)


def test_silence_and_noise_have_no_pitch(engine):
    for wave in (np.zeros(8000), 0.1 * np.random.default_rng(0).standard_normal(8000)):
        parts = engine.analyse(wave)
        assert (parts.pitch > 0).mean() < 0.4
        sound = engine.synthesise(reshape(parts, SAME))
        assert np.isfinite(sound).all()


def test_without_pyworld_the_other_is_taken(monkeypatch):
    vocoder.cache_clear()
    monkeypatch.setitem(sys.modules, "pyworld", None)
    try:
        assert vocoder("auto").name == "lpc"
        with pytest.raises(MissingDependency, match=r"affectus\[anonymize\]"):
            vocoder("world")
        with pytest.raises(InputError, match="engine is 'straight'"):
            vocoder("straight")
    finally:
        vocoder.cache_clear()
