"""Whose voice: the GE2E speaker encoder (Wan et al. 2018, arXiv:1710.10467) with Resemblyzer's weights and conventions.

Linear power in 40 mel bands, windows of 1.6 s brought to at least −30 dBFS, a three-layer LSTM whose last state is
projected and normalised: 256 numbers whose cosine tells voices apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from affectus.backbones.mel import FRAMES_PER_SECOND, HOP, mel_power

MELS = 40
SIZE = 256
LEVEL = -30.0
"""Windows below this level (dB of full scale) are raised to it."""
LONGEST = 160
"""Frames of a window, 1.6 s: what the encoder was trained on."""
SHORTEST = 40
"""Frames below which a voice can't be told (0.4 s)."""
_BATCH = 64


@dataclass(frozen=True)
class Voice:
    """The windows of one stretch of speech.

    Args:
        centres: (windows,) seconds from the start of the stretch, ascending.
        prints: (windows, 256) float32, unit length.
        width: Seconds that each window hears.
    """

    centres: np.ndarray
    prints: np.ndarray
    width: float


class VoiceEncoder:
    """Sound → unit vectors that are near for one voice and far for two.

    Raises:
        AssetError: If the asset `ge2e` has not been fetched.
    """

    def __init__(self) -> None:
        import torch
        from safetensors.torch import load_file
        from torch import nn

        from affectus import assets

        state = load_file(assets.path("ge2e"))
        self._net = nn.ModuleDict({"lstm": nn.LSTM(MELS, SIZE, 3, batch_first=True), "linear": nn.Linear(SIZE, SIZE)})
        self._net.load_state_dict(state, strict=True)
        self._net.eval()
        self._torch = torch

    def voice(self, wave: np.ndarray, hop: float = 0.4) -> Voice:
        """Windows of up to 1.6 s over a stretch of speech; a shorter stretch is one window.

        Args:
            wave: (samples,) float in [-1, 1] at 16 kHz.
            hop: Seconds between windows; a last one always ends with the stretch.

        Returns:
            The windows; none if the stretch is shorter than 0.4 s or silent.
        """
        wave = np.asarray(wave, np.float32)
        frames = wave.size // HOP
        if frames < SHORTEST:
            return Voice(np.zeros(0), np.zeros((0, SIZE), np.float32), 0.0)
        width = min(frames, LONGEST)
        starts = np.arange(0, frames - width + 1, max(1, round(hop * FRAMES_PER_SECOND)))
        if starts[-1] != frames - width:
            starts = np.append(starts, frames - width)
        power = mel_power(wave, MELS).T.astype(np.float32)
        gains = _gains(wave, starts, width)
        heard = gains > 0
        starts, gains = starts[heard], gains[heard]
        views = np.lib.stride_tricks.sliding_window_view(power, width, axis=0)[starts]  # (windows, mels, width)
        prints = self._encode(views.transpose(0, 2, 1), gains)
        return Voice((starts + width / 2) / FRAMES_PER_SECOND, prints, width / FRAMES_PER_SECOND)

    def _encode(self, windows: np.ndarray, gains: np.ndarray) -> np.ndarray:
        torch = self._torch
        out = [np.zeros((0, SIZE), np.float32)]
        with torch.inference_mode(), _one_thread(torch):
            for start in range(0, len(windows), _BATCH):
                batch = windows[start : start + _BATCH] * gains[start : start + _BATCH, None, None]
                state = self._net["lstm"](torch.from_numpy(np.ascontiguousarray(batch, np.float32)))[1][0][-1]
                out.append(torch.relu(self._net["linear"](state)).numpy())
        prints = np.concatenate(out)
        return prints / np.maximum(np.linalg.norm(prints, axis=1, keepdims=True), 1e-9)


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """480 small steps wait for each other: a second thread spins at their barriers and makes them slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _gains(wave: np.ndarray, starts: np.ndarray, width: int) -> np.ndarray:
    """Factor on the power of each window that raises it to `LEVEL`; 0 for silent windows."""
    energy = np.concatenate([[0.0], np.cumsum(wave.astype(np.float64) ** 2)])
    mean = (energy[(starts + width) * HOP] - energy[starts * HOP]) / (width * HOP)
    target = 10 ** (LEVEL / 10)
    return np.where(mean > 1e-10, np.maximum(1.0, target / np.maximum(mean, 1e-10)), 0.0)


def centroid(prints: np.ndarray, weights: Sequence[float] | np.ndarray | None = None) -> np.ndarray:
    """The direction of a group of voice prints: their weighted mean at unit length, (256,) float32."""
    mean = np.average(prints, axis=0, weights=weights)
    return (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
