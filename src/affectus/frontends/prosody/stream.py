"""Descriptors of a stream of sound in constant memory; however the stream is cut, the rows are the same bit for bit.

Frames are computed in blocks that begin at fixed frame numbers. The pitch of a frame is known `pitch.LAG` frames later,
and what needs the pitch follows then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectus.frontends.prosody import spectral
from affectus.frontends.prosody.formants import formants
from affectus.frontends.prosody.frames import (
    HOP,
    LONG,
    SHORT,
    count,
    cut,
    long_magnitudes,
    long_windowed,
    short_spectra,
)
from affectus.frontends.prosody.harmonics import UNVOICED_LEVEL, harmonics
from affectus.frontends.prosody.loudness import bands, loudness
from affectus.frontends.prosody.mfcc import mfcc
from affectus.frontends.prosody.names import COLUMN, DESCRIPTORS, PLAIN
from affectus.frontends.prosody.periods import HISTORY, Periods
from affectus.frontends.prosody.pitch import Tracker, candidates
from affectus.frontends.prosody.smoothing import average, average_of_nonzero

_BLOCK = 256  # frames
_TONE = 27.5  # Hz, semitone 0
_SILENT = 1e-3  # root mean square of a windowed long frame, below which it has no voice
_LEVELS = [COLUMN[f"F{i}amplitudeLogRelF0"] for i in (1, 2, 3)]
_FREQUENCIES = [COLUMN[f"F{i}frequency"] for i in (1, 2, 3)]
_BANDWIDTHS = [COLUMN[f"F{i}bandwidth"] for i in (1, 2, 3)]
_HARMONICS = [COLUMN["HNRdBACF"], COLUMN["logRelF0-H1-H2"], COLUMN["logRelF0-H1-A3"], *_LEVELS]


@dataclass
class _Waiting:
    """A block whose pitch is not known yet: its rows, and of its long frames the magnitudes and whether they sound."""

    first: int
    rows: np.ndarray
    magnitude: np.ndarray
    sounding: np.ndarray


class Stream:
    """Takes samples at 16 kHz and gives rows of 25 descriptors that are not smoothed yet, 100 a second.

    Row i belongs to 20 ms from i · 10 ms; a row comes up to 3.5 s after its sound. Use `push` until the end, then
    `finish` once. Samples must be finite.
    """

    def __init__(self) -> None:
        self._wave = np.empty(0, np.float32)
        self._origin = 0  # number of the first sample that is kept
        self._next = 0  # number of the first frame of the next block
        self._before: np.ndarray | None = None  # magnitudes of the short frame before, (1, 257)
        self._tracker = Tracker()
        self._pitch = np.empty(0)  # of frames from the first waiting block on
        self._waiting: list[_Waiting] = []
        self._periods = Periods()

    def push(self, wave: np.ndarray) -> np.ndarray:
        """Take the next samples; the rows that are complete now, (t, 25) float64."""
        self._wave = np.concatenate([self._wave, np.asarray(wave, np.float32)])
        done = [np.empty((0, len(DESCRIPTORS)))]
        while self._origin + len(self._wave) >= (self._next + _BLOCK - 1) * HOP + LONG:
            self._measure(_BLOCK, _BLOCK)
            done += self._complete()
        return np.concatenate(done)

    def finish(self) -> np.ndarray:
        """The rows that are left: one for each short frame, the last four without voice; none below 60 ms in all."""
        samples = self._origin + len(self._wave)
        if samples < LONG:
            return np.empty((0, len(DESCRIPTORS)))
        self._measure(count(samples, LONG) - self._next, count(samples, SHORT) - self._next)
        self._pitch = np.concatenate([self._pitch, self._tracker.finish()])
        return np.concatenate(self._complete())

    def _measure(self, frames: int, rows: int) -> None:
        """What does not need the pitch, of so many long and short frames; candidates go to the pitch search."""
        wave = self._wave[self._next * HOP - self._origin :]
        spectra = short_spectra(cut(wave, SHORT, rows))
        magnitude = np.abs(spectra)
        power = magnitude * magnitude
        banded = bands(power)
        before = magnitude[:1] if self._before is None else self._before
        raw = np.zeros((rows, len(DESCRIPTORS)))
        raw[:, COLUMN["Loudness"]] = loudness(banded)
        raw[:, COLUMN["alphaRatio"]] = spectral.alpha_ratio(power)
        raw[:, COLUMN["hammarbergIndex"]] = spectral.hammarberg_index(power)
        raw[:, COLUMN["slope0-500"]] = spectral.slope(power, 0, 500)
        raw[:, COLUMN["slope500-1500"]] = spectral.slope(power, 500, 1500)
        raw[:, COLUMN["spectralFlux"]] = spectral.flux(np.concatenate([before, magnitude]))
        raw[:, COLUMN["mfcc1"] : COLUMN["mfcc4"] + 1] = mfcc(banded)
        raw[:, _FREQUENCIES + _BANDWIDTHS] = formants(spectra)
        raw[:, _LEVELS] = UNVOICED_LEVEL
        windowed = long_windowed(cut(wave, LONG, frames))
        sounding = (windowed * windowed).mean(1) >= _SILENT**2
        long = long_magnitudes(windowed)
        self._pitch = np.concatenate([self._pitch, self._tracker.push(*candidates(long))])
        self._waiting.append(_Waiting(self._next, raw, long, sounding))
        self._before = magnitude[-1:]
        self._next += frames

    def _complete(self) -> list[np.ndarray]:
        """Rows of the blocks whose pitch is known by now; sound that nobody needs any more is dropped."""
        done = []
        while self._waiting and len(self._pitch) >= len(self._waiting[0].magnitude):
            block = self._waiting.pop(0)
            frames = len(block.magnitude)
            self._voice(block, np.where(block.sounding, self._pitch[:frames], 0))
            self._pitch = self._pitch[frames:]
            done.append(block.rows)
        needed = (self._waiting[0].first if self._waiting else self._next) * HOP - HISTORY
        if needed > self._origin:
            self._wave, self._origin = self._wave[needed - self._origin :], needed
        return done

    def _voice(self, block: _Waiting, pitch: np.ndarray) -> None:
        """Fill in what needs the pitch."""
        raw, voiced = block.rows[: len(pitch)], pitch > 0
        raw[voiced, COLUMN["F0semitoneFrom27.5Hz"]] = 12 * np.log2(pitch[voiced] / _TONE)
        period = self._periods.push(self._wave, self._origin, block.first, pitch)
        raw[:, [COLUMN["jitterLocal"], COLUMN["shimmerLocaldB"]]] = period
        raw[:, _HARMONICS] = harmonics(block.magnitude, pitch, raw[:, _FREQUENCIES])


class Smoother:
    """Raw rows → rows as openSMILE prints them: means of three, one row more than there are long frames."""

    def __init__(self) -> None:
        self._rows: np.ndarray | None = None  # the last two

    def push(self, rows: np.ndarray) -> np.ndarray:
        """Smooth the next rows (t, 25); one row stays behind for its right neighbour."""
        if not len(rows):
            return rows
        rows = np.concatenate([rows[:1] if self._rows is None else self._rows, rows])
        self._rows = rows[-2:]
        return smoothed(rows)


def smoothed(rows: np.ndarray) -> np.ndarray:
    """Rows (t + 2, 25) averaged with their neighbours, (t, 25)."""
    return np.concatenate([average(rows[:, :PLAIN]), average_of_nonzero(rows[:, PLAIN:])], axis=1)
