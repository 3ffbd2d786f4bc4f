"""Fundamental frequency as a vocoder hears it: hertz every 10 ms, 0 where there is no voice.

YAAPT (Kasi & Zahorian 2002) is what the published anonymiser was trained on; the package AMFM-decompy has it. Without
the package, YIN of `frontends.prosody` takes its place, and says so.
"""

from __future__ import annotations

import importlib.util
import warnings
from typing import Literal

import numpy as np

from affectus.errors import check_option, require
from affectus.frontends.prosody import contours

RATE = 16_000  # Hz
HOP = 160  # samples = 10 ms
Tracker = Literal["yaapt", "yin"]
_HALF = 160  # samples of silence at both ends, so that the first frame of 20 ms is centred on the first sample
_SETTINGS = {"frame_length": 20.0, "frame_space": 10.0, "nccf_thresh1": 0.25, "tda_frame_length": 25.0}


def best_tracker() -> Tracker:
    """The tracker that is at hand: `yaapt` where its package is installed, else `yin`."""
    return "yaapt" if importlib.util.find_spec("amfm_decompy") else "yin"


def fundamental(wave: np.ndarray, tracker: Tracker) -> np.ndarray:
    """Frequency every 10 ms.

    Args:
        wave: (samples,) float at 16 kHz.
        tracker: `yaapt` with the settings of the published anonymiser, or `yin`.

    Returns:
        (samples // 160,) float32 Hz, 0 where unvoiced; zeros where YAAPT fails, as on noise alone.

    Raises:
        MissingDependency: If YAAPT is asked for and not installed.
    """
    check_option("tracker", tracker, ("yaapt", "yin"))
    hertz = _yaapt(wave) if tracker == "yaapt" else np.nan_to_num(contours(wave).pitch)
    return fitted(hertz, len(wave) // HOP)


def fitted(hertz: np.ndarray, frames: int) -> np.ndarray:
    """A contour cut, or filled with silence, to a number of frames; float32."""
    return np.pad(hertz, (0, max(0, frames - len(hertz))))[:frames].astype(np.float32)


def _yaapt(wave: np.ndarray) -> np.ndarray:
    basic = require("amfm_decompy.basic_tools", extra="anonymize", purpose="the pitch tracker YAAPT")
    tracking = require("amfm_decompy.pYAAPT", extra="anonymize", purpose="the pitch tracker YAAPT")
    signal = basic.SignalObj(np.pad(np.asarray(wave, np.float64), _HALF), RATE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it divides by zero wherever there is no voice
        try:
            return np.nan_to_num(tracking.yaapt(signal, **_SETTINGS).samp_values)
        except (ValueError, IndexError, ArithmeticError):
            return np.zeros(0)
