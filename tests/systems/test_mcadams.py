"""McAdams against the outputs of the challenge's code, a slow computation, and what must hold of any coefficient."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from affectus.errors import InputError
from affectus.frontends.speech.prediction import burg
from affectus.registry import build, load
from affectus.roles import Anonymizer
from affectus.sample import Media, Sample
from affectus.systems.mcadams import mcadams

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "emotion-anonymization" / "io.safetensors"


def voice(seconds=1.0, pitch=120.0, seed=0):
    """Pulses through two resonances, with some noise."""
    rng = np.random.default_rng(seed)
    n = int(seconds * 16_000)
    pulses = (np.diff(np.floor(np.arange(n + 1) * pitch / 16_000)) > 0) + 0.01 * rng.standard_normal(n)
    for hertz in (600, 1800):
        pole = 0.97 * np.exp(2j * np.pi * hertz / 16_000)
        pulses = lfilter([1.0], [1.0, -2 * pole.real, abs(pole) ** 2], pulses)
    return 0.3 * pulses / np.abs(pulses).max()


def sample(wave, name="a"):
    return Sample(id=name, media=Media("audio", array=wave.astype(np.float32), rate=16_000), features={"x": np.ones(1)})


@pytest.mark.data
@pytest.mark.parametrize("coefficient", [0.8, 0.55])
def test_the_official_waveforms(coefficient):
    if not REFERENCE.exists():
        pytest.skip("the reference vectors are not here")
    from safetensors.numpy import load_file

    tensors = load_file(REFERENCE)
    wanted, found = tensors[f"mcadams_out_{coefficient}"], mcadams(tensors["mcadams_in"], coefficient)
    assert np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 1e-5


def test_one_frame_computed_by_hand():
    wave = voice(0.02)
    window = np.sqrt(np.hanning(320))
    window /= np.sqrt((window**2).sum() / 160)
    frame = wave * window
    before = slow_burg(frame, 20)
    poles = []
    for pole in np.roots(before):
        if pole.imag:
            angle = min(abs(np.angle(pole)) ** 0.7, np.pi)
            pole = abs(pole) * np.exp(1j * angle * np.sign(pole.imag))
        poles.append(pole)
    wanted = lfilter([1.0], np.poly(poles).real, lfilter(before, [1.0], frame)) * window
    np.testing.assert_allclose(mcadams(wave, 0.7), wanted, atol=1e-9)


def slow_burg(frame, order):
    """The lattice, one reflection after the other, from its definition."""
    forward, backward, filter_ = frame.copy(), frame.copy(), np.ones(1)
    for _ in range(order):
        f, b = forward[1:], backward[:-1]
        k = -2 * (f @ b) / (f @ f + b @ b)
        forward, backward = f + k * b, b + k * f
        padded = np.append(filter_, 0.0)
        filter_ = padded + k * padded[::-1]
    return filter_


def test_burg_finds_the_poles_of_a_known_process():
    rng = np.random.default_rng(1)
    known = np.array([1.0, -1.2, 0.8])
    frames = lfilter([1.0], known, rng.standard_normal((3, 4000)))
    filters, power = burg(frames, 2)
    np.testing.assert_allclose(filters, np.tile(known, (3, 1)), atol=0.05)
    np.testing.assert_allclose(power, 1.0, atol=0.1)


def test_coefficient_one_changes_nothing_inside():
    wave = voice(0.2)
    inner = slice(320, -320)
    np.testing.assert_allclose(mcadams(wave, 1.0)[inner], wave[inner], rtol=0.005, atol=1e-5)


def test_formants_move_and_the_pitch_stays():
    def peak(sound, low, high):
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 16_000))
        smooth = np.convolve(spectrum, np.ones(200), mode="same")
        return low + smooth[low:high].argmax()

    wave = voice(1.0)
    moved = mcadams(wave, 0.8)
    first = 2 * np.pi * 600 / 16_000
    expected = first**0.8 * 16_000 / (2 * np.pi)
    assert peak(wave, 300, 1200) == pytest.approx(600, abs=80)
    assert peak(moved, 300, 1400) == pytest.approx(expected, abs=100)
    lag = [np.correlate(s[2000:6000], s[2000:6000], "full")[4000 + 80 :][:120].argmax() for s in (wave, moved)]
    assert abs(lag[0] - lag[1]) <= 2


def test_the_coefficients_of_the_challenge():
    rng = np.random.default_rng(int(hashlib.sha256(b"VPC2024").hexdigest()[:8], 16))
    assert build("mcadams/vpc2024").draw(5) == rng.uniform(0.5, 0.9, 5).tolist()


def test_it_is_an_anonymizer_and_keeps_length_and_level():
    found = load("mcadams")
    assert isinstance(found, Anonymizer)
    wave = voice(0.7) + 0.1  # with an offset
    out = found.anonymize([sample(wave)], np.random.default_rng(3))
    assert len(out) == 1
    assert not out[0].features, "features would still tell the voice"
    sound = out[0].wave(16_000)
    assert len(sound) == len(wave)
    centred = wave - wave.mean()
    assert np.sqrt((sound**2).mean()) <= np.sqrt((centred**2).mean()) * 1.001
    assert np.abs(sound).max() <= 0.991
    again = found.anonymize([sample(wave)], np.random.default_rng(3))[0].wave(16_000)
    np.testing.assert_array_equal(sound, again)


@pytest.mark.parametrize("wave", [np.zeros(16_000), np.full(160, 0.1), np.zeros(0), np.full(16_000, 0.3)])
def test_nothing_to_change_is_a_named_error(wave):
    with pytest.raises(InputError, match=r"silent|lasts"):
        load("mcadams").anonymize([sample(wave)])


def test_values_that_are_not_finite_become_silence():
    wave = voice(0.5)
    wave[100:120] = np.nan
    assert np.isfinite(load("mcadams").anonymize([sample(wave)])[0].wave(16_000)).all()
