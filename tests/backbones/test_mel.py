from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.backbones import log_mel, mel_power
from affectus.backbones.mel import filters


def noise(samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=samples) * 0.1 * np.sin(np.arange(samples) / 3000)).astype(np.float32)


@pytest.mark.parametrize("samples", [400, 1000, 16_000, 50_001, 480_000])
def test_equal_to_transformers(samples):
    from transformers import WhisperFeatureExtractor

    wave = noise(samples)
    theirs = WhisperFeatureExtractor()(wave, sampling_rate=16_000, padding=False, return_tensors="np").input_features[0]
    ours = log_mel(wave)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("mels", [40, 80, 128])
def test_filters_equal_transformers(mels):
    from transformers.audio_utils import mel_filter_bank

    theirs = mel_filter_bank(201, mels, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney").T
    np.testing.assert_allclose(filters(mels), theirs, atol=1e-12)


def test_a_tone_lies_in_its_band():
    time = np.arange(16_000) / 16_000
    bands = [int(mel_power(np.sin(2 * np.pi * hertz * time)).mean(axis=1).argmax()) for hertz in (200, 1000, 4000)]
    assert bands == sorted(bands)
    assert abs(filters()[bands[1]].argmax() * 40 - 1000) <= 40  # bins are 40 Hz wide


def test_power_grows_with_the_square_of_the_level():
    wave = noise(8000).astype(np.float64)
    np.testing.assert_allclose(mel_power(3 * wave), 9 * mel_power(wave), rtol=1e-9)


def test_blocks_do_not_show():
    wave = noise(160 * 9000)
    whole = mel_power(wave)
    middle = mel_power(wave[160 * 4000 : 160 * 4300])
    np.testing.assert_allclose(whole[:, 4010:4290], middle[:, 10:290], rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2000), st.sampled_from([0.0, 1e-6, 1.0]))
def test_any_length_and_silence_give_finite_frames(samples, level):
    mel = log_mel(np.full(samples, level, np.float32))
    assert mel.shape == (80, max(samples, 400) // 160)
    assert np.isfinite(mel).all()
