"""Decoded samples → mono float32, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectus.media.faults import Fault

SILENCE = 1e-4
"""Peak below which sound counts as silent: −80 dB of full scale, three steps of 16-bit."""

_CLIP_LEVEL = 0.999  # of full scale
_CLIP_RUN = 3  # samples in a row at full scale; single peaks are ordinary
_CLIP_SHARE = 1e-4  # of all samples
_CANCELLED = 1e-3  # energy of the mix ÷ mean energy of the channels (−30 dB)

_FRONT = {"FL": 0.7071, "FR": 0.7071, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0}
_OTHER = 0.5


def planar(frame: Any) -> np.ndarray:
    """Samples of an audio frame, (channels, samples) in the stored type."""
    array = frame.to_ndarray()
    return array if frame.format.is_planar else array.reshape(-1, frame.layout.nb_channels).T


def to_float(array: np.ndarray) -> np.ndarray:
    """Integer samples scaled to [-1, 1); floats as they are. Returns float32."""
    if array.dtype == np.uint8:
        return (array.astype(np.float32) - 128.0) / 128.0
    if array.dtype.kind == "i":
        return array.astype(np.float32) * np.float32(1.0 / -float(np.iinfo(array.dtype).min))
    with np.errstate(over="ignore"):  # a float64 too large becomes inf, which the check replaces
        return array.astype(np.float32)


def downmix_weights(names: tuple[str, ...]) -> np.ndarray:
    """Share of each channel in the mono mix; the shares sum to one, so the mix can't overflow.

    Mono and stereo: the mean. More channels: centre 1, left and right 0.707, surrounds 0.5, low-frequency effects 0
    (the proportions of ITU-R BS.775 folded to one channel), then divided by their sum. Channels without a position:
    the mean.

    Args:
        names: FFmpeg's channel names, for example `("FL", "FR", "FC", "LFE", "BL", "BR")`.

    Returns:
        (channels,) float32.
    """
    if len(names) <= 2 or "FL" not in names:
        return np.full(len(names), 1.0 / max(1, len(names)), np.float32)
    weights = np.array([_FRONT.get(name, _OTHER) for name in names], np.float32)
    return weights / weights.sum()


class SignalCheck:
    """Looks at every stored sample once and says at the end what is wrong with the signal as a whole."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.samples = 0
        self.low = np.inf
        self.high = -np.inf
        self.replaced = 0
        self.clipped = 0
        self.beyond = 0
        self.energy_mix = 0.0
        self.energy_channels = 0.0
        self._replaced_span: tuple[float, float] = (np.inf, -np.inf)
        self._clipped_span: tuple[float, float] = (np.inf, -np.inf)
        self._first = 0
        self._last = 0

    def mix(self, channels: np.ndarray, weights: np.ndarray, position: int) -> np.ndarray:
        """Mono mix, (samples,) float32 finite and in [-1, 1].

        Args:
            channels: (channels, samples) float32.
            weights: (channels,) shares in the mix.
            position: Index of the first sample in the file.
        """
        finite = np.isfinite(channels)
        if not finite.all():
            bad = np.flatnonzero(~finite.all(axis=0))
            self.replaced += bad.size
            self._replaced_span = self._widen(self._replaced_span, position, bad)
            channels = np.where(finite, channels, np.float32(0.0))
        peak = float(np.abs(channels).max(initial=0.0))
        if peak >= _CLIP_LEVEL:
            self._note_clipping(np.abs(channels), position)
            channels = np.clip(channels, -1.0, 1.0)
        mono = channels[0] if len(channels) == 1 else weights @ channels
        if mono.size:
            self._first = self._first if self.samples else position
            self._last = position + mono.size
            self.samples += mono.size
            self.low = min(self.low, float(mono.min()))
            self.high = max(self.high, float(mono.max()))
            if len(channels) > 1:
                self.energy_mix += float(np.dot(mono, mono))
                self.energy_channels += float(np.vdot(channels, channels)) / len(channels)
        return mono

    def _note_clipping(self, level: np.ndarray, position: int) -> None:
        full = (level >= _CLIP_LEVEL).any(axis=0)
        self.beyond += int((level > 1.0001).any(axis=0).sum())
        runs = np.convolve(full, np.ones(_CLIP_RUN, np.int32))[_CLIP_RUN - 1 :] if full.size >= _CLIP_RUN else full
        hits = np.flatnonzero(runs >= _CLIP_RUN) if full.size >= _CLIP_RUN else np.flatnonzero(full)
        if hits.size:
            self.clipped += hits.size
            self._clipped_span = self._widen(self._clipped_span, position, hits)

    def _widen(self, span: tuple[float, float], position: int, where: np.ndarray) -> tuple[float, float]:
        return min(span[0], (position + int(where[0])) / self.rate), max(
            span[1], (position + int(where[-1]) + 1) / self.rate
        )

    def faults(self) -> list[Fault]:
        """What the whole signal suffers from."""
        out: list[Fault] = []
        if not self.samples:
            return out
        whole = self._first / self.rate, self._last / self.rate
        if self.replaced:
            out.append(
                Fault(
                    "non-finite-replaced",
                    *self._replaced_span,
                    f"{self.replaced} samples were NaN or infinite, now zero",
                )
            )
        if self.beyond:
            share = self.beyond / self.samples
            out.append(
                Fault("clipped", *whole, f"{share:.2%} of the samples lie beyond full scale and were cut to [-1, 1]")
            )
        elif self.clipped > _CLIP_SHARE * self.samples:
            out.append(
                Fault(
                    "clipped",
                    *self._clipped_span,
                    f"{self.clipped / self.samples:.2%} of the samples stand at full scale",
                )
            )
        if max(-self.low, self.high) < SILENCE:
            if self.energy_channels > _mean_square(SILENCE) * self.samples:
                out.append(Fault("phase-cancelled", *whole, "the channels cancel each other in the mono mix"))
            out.append(Fault("silent", *whole, f"nothing louder than {SILENCE:g} of full scale"))
        elif self.high - self.low < 1e-6:
            out.append(Fault("constant", *whole, f"every sample is {self.high:.4g}"))
        elif self.energy_mix < _CANCELLED * self.energy_channels:
            out.append(Fault("phase-cancelled", *whole, "the channels cancel each other in the mono mix"))
        return out


def _mean_square(peak: float) -> float:
    return peak * peak
