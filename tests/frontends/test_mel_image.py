"""Sound as a picture."""

import numpy as np

from affectus.frontends.mel_image import MELS, mel_image, noisy, warped

TONE = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 16_000)


def test_a_tone_is_a_bright_band_followed_by_silence() -> None:
    picture = mel_image(TONE, 80)
    assert picture.shape == (MELS, 80)
    assert picture.min() >= 0
    assert picture.max() == 1
    assert set(picture[:, 5:45].argmax(0)) == {int(picture[:, 20].argmax())}
    assert (picture[:, 52:] == 0).all()


def test_a_long_sound_gives_its_middle_and_nothing_gives_a_dark_picture() -> None:
    assert np.array_equal(mel_image(TONE, 20), mel_image(TONE, 51)[:, 15:35])
    assert (mel_image(np.zeros(9000), 30) == 0).all()
    assert (mel_image(np.zeros(0), 30) == 0).all()


def test_training_adds_noise_and_warps() -> None:
    one, two = (mel_image(TONE, 60, np.random.default_rng(seed)) for seed in (1, 2))
    assert np.abs(one - two).mean() > 0.01
    hiss = noisy(TONE, 20.0, np.random.default_rng(0)) - TONE
    assert abs(10 * np.log10(np.square(TONE).mean() / np.square(hiss).mean()) - 20) < 0.3


def test_warping_moves_the_middle_and_keeps_the_ends() -> None:
    line = np.arange(101.0)[None]
    moved = warped(line, 0.2)
    assert np.allclose(moved[0, [0, 70, 100]], [0, 50, 100])
    assert (np.diff(moved[0]) > 0).all()
    assert np.allclose(warped(line, 0.0), line)
