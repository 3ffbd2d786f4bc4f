"""McAdams: the formants of a voice are moved by a power of their frequency; nothing is trained.

Patino, Tomashenko, Todisco, Nautsch & Evans 2021, arXiv:2011.01130, the second baseline of the VoicePrivacy challenges:
linear prediction of short frames, the angles of complex poles raised to a coefficient, the residual played through the
new filter. The pitch stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from affectus.card import Card
from affectus.config import Config
from affectus.frontends.speech.prediction import burg
from affectus.frontends.waves import VoiceChanger

WINDOW, HOP = 320, 160  # samples = 20 ms, 10 ms
_BLOCK = 2_000  # frames at a time


@dataclass(frozen=True, kw_only=True)
class McAdamsConfig(Config):
    """Configuration of `McAdams`.

    Args:
        order: Poles of the linear prediction.
        lowest: Smallest coefficient; 1 changes nothing.
        highest: Largest coefficient.
        seed: Word from whose SHA-256 the draws begin when no generator is given, as in the challenge of 2024.
    """

    order: Annotated[int, Field(ge=2, le=100)] = 20
    lowest: Annotated[float, Field(gt=0, le=2)] = 0.5
    highest: Annotated[float, Field(gt=0, le=2)] = 0.9
    seed: str = "VPC2024"


class McAdams(VoiceChanger):
    """Moves formants by the coefficient of McAdams.

    Args:
        config: Order and range of the coefficient.
    """

    Config = McAdamsConfig

    def draw(self, n: int, rng: np.random.Generator | None = None) -> Sequence[float]:
        """Coefficients of n samples, one array of uniform draws in the order of the samples."""
        if rng is None:
            rng = np.random.default_rng(int(hashlib.sha256(self.config.seed.encode()).hexdigest()[:8], 16))
        return rng.uniform(self.config.lowest, self.config.highest, n).tolist()

    def change(self, wave: np.ndarray, choice: Any) -> np.ndarray:
        """See `mcadams`."""
        return mcadams(wave, float(choice), self.config.order)


def mcadams(wave: np.ndarray, coefficient: float, order: int = 20) -> np.ndarray:
    """Sound with the angles φ of complex poles moved to φ^coefficient.

    Args:
        wave: (samples,) float at 16 kHz.
        coefficient: Below 1 formants under 2.5 kHz (1 radian) rise and those above it fall.
        order: Poles.

    Returns:
        (samples,) float64, as the frames add up: the level changes. What lies behind the last complete frame is zero.
    """
    wave = np.asarray(wave, np.float64)
    window = np.sqrt(np.hanning(WINDOW))
    window /= np.sqrt((window**2).sum() / HOP)
    out = np.zeros(len(wave))
    if len(wave) < WINDOW:
        return out
    views = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP]
    for first in range(0, len(views), _BLOCK):
        frames = _moved(views[first : first + _BLOCK] * window, coefficient, order) * window
        for i, frame in enumerate(frames, first):
            out[i * HOP : i * HOP + WINDOW] += frame
    return out


def _moved(frames: np.ndarray, coefficient: float, order: int) -> np.ndarray:
    from scipy.signal import lfilter

    filters, _ = burg(frames, order)
    companion = np.zeros((len(frames), order, order))
    companion[:, 0] = -filters[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1.0
    poles = np.linalg.eigvals(companion).astype(complex)
    angles = np.angle(poles)
    turned = np.abs(poles) * np.exp(1j * np.sign(angles) * np.clip(np.abs(angles) ** coefficient, 0.0, np.pi))
    poles = np.where(poles.imag != 0, turned, poles)
    moved = np.zeros((len(frames), order + 1), complex)
    moved[:, 0] = 1.0
    for i in range(order):
        moved[:, 1 : i + 2] -= poles[:, i, None] * moved[:, : i + 1]
    rows = zip(frames, filters, moved.real, strict=True)
    return np.stack([lfilter([1.0], after, lfilter(before, [1.0], frame)) for frame, before, after in rows])


CARD = Card(
    system="mcadams",
    cls="McAdams",
    roles=("anonymizer",),
    modalities=("voice",),
    unit="turn",
    title="Voices made others by moved formants, without training",
    paper="Patino et al. 2021, Speaker anonymisation using the McAdams coefficient, arXiv:2011.01130",
    licence="Apache-2.0",
    proof="official code",
    limits="The pitch stays: a weak disguise, above all for an attacker who knows the method.",
    weightless=True,
    expected_failures={"check_onnx": "roots of polynomials have no place in a graph"},
)

VARIANTS = {"tiny": McAdamsConfig(order=8), "vpc2024": McAdamsConfig()}
