"""A vocoder in NumPy alone: YIN's pitch, envelopes by linear prediction, pulses of minimum phase and filtered noise.

It needs no compiler. It buzzes more than WORLD, and its envelopes follow the harmonics of high voices.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from affectus.frontends.prosody import contours
from affectus.frontends.speech.prediction import burg
from affectus.frontends.vocoder.parts import BINS, FREQUENCIES, HOP, RATE, Parts

ORDER = 24
"""Poles of an envelope."""
_WINDOW = 480  # samples = 30 ms
_GRAIN = 320  # samples = 20 ms of noise that are shaped at once
_EMPHASIS = 0.97  # first-order, so that the poles do not all go to the low end
_LOW = 80.0  # Hz, about the lowest of speech
_FLOOR = 1e-12  # power, far below the last bit
_NOISY = (2_000.0, 6_000.0)  # Hz between which a voiced sound turns from harmonics to noise
_SIZE = 2 * (BINS - 1)
_BLOCK = 1_000  # frames or pulses at a time


class Lpc:
    """The vocoder that is always there."""

    name = "lpc"

    def analyse(self, wave: np.ndarray) -> Parts:
        """See `Vocoder`."""
        sound = np.asarray(wave, np.float64)
        frames = len(sound) // HOP + 1
        pitch, aperiodicity = _pitch(sound, frames)
        rise = np.clip((FREQUENCIES - _NOISY[0]) / (_NOISY[1] - _NOISY[0]), 0, 1)
        voiced = np.maximum(rise, np.clip(aperiodicity, 0, 1)[:, None])
        noise = np.where(pitch[:, None] > 0, voiced, 1.0)
        return Parts(pitch, _smoothed(_envelopes(sound, frames), pitch), noise, len(sound))

    def synthesise(self, parts: Parts) -> np.ndarray:
        """See `Vocoder`. The noise is always the same, so that the same parts give the same sound."""
        out = np.zeros(parts.samples + 2 * _SIZE)
        for at, grains in _pulses(parts):
            for start, grain in zip(at, grains, strict=True):
                out[start : start + _SIZE] += grain
        return out[: parts.samples] + _hiss(parts)


def _pitch(sound: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Hz (0 unvoiced) and YIN's aperiodicity of every 5 ms, from every 10 ms."""
    found = contours(sound)
    here = np.arange(frames) * HOP / RATE
    there = np.arange(len(found.pitch)) * 0.01
    nearest = np.clip(np.rint(here / 0.01).astype(int), 0, len(there) - 1)
    voiced = ~np.isnan(found.pitch)
    if not voiced.any():
        return np.zeros(frames), np.ones(frames)
    pitch = np.exp(np.interp(here, there[voiced], np.log(found.pitch[voiced])))
    return np.where(voiced[nearest], pitch, 0.0), np.interp(here, there, found.aperiodicity)


def _envelopes(sound: np.ndarray, frames: int) -> np.ndarray:
    """All-pole spectra, (frames, 513) power."""
    emphasised = np.append(sound[:1], sound[1:] - _EMPHASIS * sound[:-1])
    half = _WINDOW // 2
    views = np.lib.stride_tricks.sliding_window_view(np.pad(emphasised, (half, half + HOP)), _WINDOW)[::HOP][:frames]
    window = np.hanning(_WINDOW + 1)[:-1]
    # Poles can't follow the zero of the emphasis: what lies below speech must not be raised when it is taken back.
    turn = np.abs(1 - _EMPHASIS * np.exp(-2j * np.pi * np.maximum(FREQUENCIES, _LOW) / RATE)) ** 2
    out = np.empty((frames, BINS))
    for at in range(0, frames, _BLOCK):
        filters, power = burg(views[at : at + _BLOCK] * window, ORDER)
        gain = np.abs(np.fft.rfft(filters, _SIZE)) ** 2
        out[at : at + _BLOCK] = power[:, None] / (window**2).mean() / gain / turn
    return np.maximum(out, _FLOOR)


def _smoothed(envelopes: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Envelopes averaged over the width of a harmonic, which the poles resolve in high voices."""
    step = FREQUENCIES[1]
    total = np.cumsum(np.pad(envelopes, ((0, 0), (1, 0))), axis=1)
    edges = np.arange(BINS + 1)
    out = envelopes.copy()
    for i in np.flatnonzero(pitch > 0):
        half = pitch[i] / step / 2
        low, high = np.maximum(edges[:-1] + 0.5 - half, 0), np.minimum(edges[:-1] + 0.5 + half, BINS)
        out[i] = (np.interp(high, edges, total[i]) - np.interp(low, edges, total[i])) / (high - low)
    return np.maximum(out, _FLOOR)


def _pulses(parts: Parts) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """First samples of grains and the grains, (pulses, 1024), of the harmonic part."""
    times = np.arange(parts.samples) / HOP
    last = len(parts.pitch) - 1
    voiced = parts.pitch > 0
    if not voiced.any() or not parts.samples:
        return
    known = np.flatnonzero(voiced)
    pitch = np.exp(np.interp(times, known, np.log(parts.pitch[known])))
    phase = np.cumsum(pitch) / RATE
    crossing = np.flatnonzero(np.diff(np.floor(phase)) > 0)
    frame = np.minimum(np.rint(crossing / HOP).astype(int), last)
    crossing, frame = crossing[voiced[frame]], frame[voiced[frame]]
    # Where between two samples the phase reaches a whole number.
    late = 1 - (phase[crossing + 1] % 1.0) / (pitch[crossing + 1] / RATE)
    turns = -2j * np.pi * FREQUENCIES / RATE
    for at in range(0, len(crossing), _BLOCK):
        rows = slice(at, at + _BLOCK)
        share = 1 - parts.noise[frame[rows]] ** 2
        power = parts.envelope[frame[rows]] * share * (RATE / pitch[crossing[rows]])[:, None]
        spectrum = _minimum_phase(np.maximum(power, _FLOOR)) * np.exp(turns * np.clip(late[rows], 0, 1)[:, None])
        yield crossing[rows], np.fft.irfft(spectrum, _SIZE)


def _minimum_phase(power: np.ndarray) -> np.ndarray:
    """Power (n, 513) → complex spectra of causal grains, by folding the cepstrum."""
    cepstrum = np.fft.irfft(0.5 * np.log(power), _SIZE)
    cepstrum[:, 1 : _SIZE // 2] *= 2
    cepstrum[:, _SIZE // 2 + 1 :] = 0
    return np.exp(np.fft.rfft(cepstrum, _SIZE))


def _hiss(parts: Parts) -> np.ndarray:
    """The noise part, (samples,): white noise of unit power, shaped every 5 ms."""
    frames = len(parts.pitch)
    half = _GRAIN // 2
    white = np.random.default_rng(0).standard_normal(frames * HOP + _GRAIN)
    window = np.sqrt(np.hanning(_GRAIN + 1)[:-1])
    window /= np.sqrt((window**2).sum() / HOP)
    views = np.lib.stride_tricks.sliding_window_view(white, _GRAIN)[::HOP]
    out = np.zeros(frames * HOP + _SIZE + half)
    for at in range(0, frames, _BLOCK):
        rows = slice(at, min(at + _BLOCK, frames))
        gain = np.sqrt(parts.envelope[rows]) * parts.noise[rows]
        shaped = np.fft.irfft(np.fft.rfft(views[rows] * window, _SIZE) * gain, _SIZE)
        # A real gain spreads a grain to both sides; what went round the end is brought back before the window.
        shaped = shaped[:, :_GRAIN] * window
        for i, grain in enumerate(shaped, at):
            out[i * HOP : i * HOP + _GRAIN] += grain
    return out[half : half + parts.samples]
