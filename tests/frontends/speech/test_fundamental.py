import importlib.util

import numpy as np
import pytest

from affectus.errors import InputError, MissingDependency
from affectus.frontends.speech.fundamental import best_tracker, fitted, fundamental

TIME = np.arange(16_000) / 16_000
VOICE = sum(np.sin(2 * np.pi * 150 * h * TIME) / h for h in range(1, 6)) * (TIME < 0.6) * 0.2
HAVE = importlib.util.find_spec("amfm_decompy") is not None


@pytest.mark.parametrize(
    "tracker", ["yin", pytest.param("yaapt", marks=pytest.mark.skipif(not HAVE, reason="AMFM-decompy not installed"))]
)
def test_a_voice_has_its_pitch_and_silence_has_none(tracker) -> None:
    found = fundamental(VOICE, tracker)
    assert found.shape == (100,)
    assert found.dtype == np.float32
    assert np.median(found[10:50]) == pytest.approx(150, rel=0.02)
    assert (found[70:] == 0).all()
    assert not fundamental(np.zeros(3200), tracker).any()


def test_a_contour_is_padded_or_cut() -> None:
    assert fitted(np.array([100.0, 110.0]), 4).tolist() == [100, 110, 0, 0]
    assert fitted(np.array([100.0, 110.0, 120.0]), 2).tolist() == [100, 110]


@pytest.mark.skipif(HAVE, reason="AMFM-decompy is installed")
def test_without_its_package_yaapt_is_refused_and_yin_is_best() -> None:
    assert best_tracker() == "yin"
    with pytest.raises(MissingDependency, match=r"affectus\[anonymize\]"):
        fundamental(VOICE, "yaapt")


def test_an_unknown_tracker_is_refused() -> None:
    with pytest.raises(InputError, match="'yapt'"):
        fundamental(VOICE, "yapt")  # type: ignore[arg-type]
