"""Pitch by subharmonic summation (Hermes 1988) and a Viterbi search (Eyben et al. 2016, section 3.1).

A magnitude spectrum is laid on an octave scale, where the harmonics of a pitch stand at fixed distances, and the
shifted spectra are added up. The highest peaks are candidates; the search decides between them and «unvoiced», frame by
frame with a delay of `LAG` frames, so that streams of any length need constant memory. What the papers leave open was
found by feeding openSMILE spectra and candidates made for the purpose and looking at what it chose.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from affectus.frontends.prosody.frames import LONG_BIN, LONG_FFT, RATE

LOWEST, HIGHEST = 55.0, 1000.0  # Hz
VOICED = 0.7  # voicing from which a frame counts as voiced by itself
LAG = 40  # frames

_POINTS = LONG_FFT // 2 + 1
_BOTTOM = 25.0  # Hz, where the octave scale begins; it ends at half the sampling rate
_OCTAVES = np.log2(RATE / 2 / _BOTTOM)
_STEP = _OCTAVES / (_POINTS - 1)  # octaves
_ABREAST = 8  # frames whose spectra are worked on side by side, several by one instruction
_HARMONICS = 15
_COMPRESSION = 0.85  # each harmonic counts this much of the one before
_CANDIDATES = 6
_REACH = 2  # bins beside a spectral peak that belong to it
_HEARING = 31.792, 2.99415  # Hz, middle of the arctangent by which low frequencies are weakened, and its slope there

_DOUBT = 2.0  # cost of a candidate for each factor e that its voicing is below 1
_DOUBTFUL = 0.01  # voicing below which doubt grows no more
_WRONG = 8.0  # cost of voice where voicing is below `VOICED`, and of no voice where it is above
_SWITCH = 10.0  # cost of each change between voiced and unvoiced
_STAY = 1.0  # cost of each further unvoiced frame
_JUMP = 10.0  # cost of a factor e between two frames
_COMFORTABLE = 100.0, 350.0  # Hz, outside of which a candidate costs more
_RISE = 250.0  # Hz above the comfortable range that cost 1
_MOST = 1.2  # what it costs from there on

_SCALE = _BOTTOM * 2 ** (np.arange(_POINTS) * _STEP)  # Hz
_WEIGHT = 0.5 + np.arctan(_HEARING[1] * np.log2(_SCALE / _HEARING[0])) / np.pi
_SHIFT = (np.log2(np.arange(1, _HARMONICS + 1)) * _POINTS / _OCTAVES).astype(np.int64)
_SHARE = _COMPRESSION ** np.arange(_HARMONICS) / _HARMONICS

_KNOTS = np.log2(np.maximum(np.arange(_POINTS), 0.5) * LONG_BIN)  # octaves; bin 0 stands an octave below bin 1
_GAPS = np.diff(_KNOTS)
_LEFT = np.searchsorted(_KNOTS, np.log2(_SCALE[:-1]), side="right") - 1
_LEFT = np.append(_LEFT, _POINTS - 2)  # knot below each point of the octave scale


def _spline_factors() -> np.ndarray:
    """Multipliers for a natural cubic spline, (513, 3): of the right side, of the bend below and of the bend above."""
    factors = np.zeros((_POINTS, 3))
    for i in range(1, _POINTS - 1):
        pivot = 2 * (_GAPS[i - 1] + _GAPS[i]) - _GAPS[i - 1] * factors[i - 1, 2]
        factors[i] = 6 / pivot, _GAPS[i - 1] / pivot, _GAPS[i] / pivot
    return factors


def _spline_shares() -> np.ndarray:
    """How much a point of the octave scale takes of both knots beside it and of the bends there, (513, 4)."""
    gap = _GAPS[_LEFT]
    b = (np.log2(_SCALE) - _KNOTS[_LEFT]) / gap
    a = 1 - b
    return np.stack([a, b, (a**3 - a) * gap**2 / 6, (b**3 - b) * gap**2 / 6], axis=1) * _WEIGHT[:, None]


_INVERSE = 1 / _GAPS
_FACTORS = _spline_factors()
_SHARES = _spline_shares()


@njit(cache=True)
def candidates(magnitude):  # type: ignore[no-untyped-def]
    """Pitches that explain the harmonics of each frame.

    Args:
        magnitude: (t, 513) float32, as `frames.long_magnitudes` gives them.

    Returns:
        (t, 6) Hz, 0 where there are fewer, and (t, 6) voicing: one minus the mean over the height of the summed
        spectrum. The first one is the highest; the others follow in falling order of their highest points.
    """
    hertz = np.zeros((len(magnitude), _CANDIDATES))
    voicing = np.zeros((len(magnitude), _CANDIDATES))
    spectra = np.zeros((magnitude.shape[1], _ABREAST))
    for first in range(0, len(magnitude), _ABREAST):
        count = min(_ABREAST, len(magnitude) - first)
        for t in range(count):
            spectra[:, t] = _peaks_only(magnitude[first + t])
        summed = np.ascontiguousarray(_summed(_octaves(spectra)).T)
        for t in range(count):
            _highest(summed[t], hertz[first + t], voicing[first + t])
    return hertz, voicing


@njit(cache=True)
def _peaks_only(spectrum):  # type: ignore[no-untyped-def]
    """The spectrum near its peaks, before the first and behind the last; zero between; smoothed by ¼ ½ ¼."""
    n = len(spectrum)
    kept = np.zeros(n + 2)
    first, last = n, 0
    for i in range(n):
        left = i == 0 or spectrum[i] > spectrum[i - 1]
        right = i == n - 1 or spectrum[i] >= spectrum[i + 1]
        if left and right:
            first, last = min(first, i), i
            for j in range(max(0, i - _REACH), min(n, i + _REACH + 1)):
                kept[j + 1] = spectrum[j]
    kept[1 : first + 1] = spectrum[:first]
    kept[last + 1 : n + 1] = spectrum[last:]
    out = 0.25 * kept[:-2] + 0.5 * kept[1:-1] + 0.25 * kept[2:]
    out[n - 1] = spectrum[n - 1]
    return out


@njit(cache=True)
def _octaves(spectra):  # type: ignore[no-untyped-def]
    """Spectra (513, frames) on the octave scale by a natural cubic spline over octaves, weighted as the ear does."""
    n, frames = spectra.shape
    bend = np.zeros((n, frames))  # second derivatives at the knots
    for i in range(1, n - 1):
        below, here, above = spectra[i - 1], spectra[i], spectra[i + 1]
        for t in range(frames):
            slopes = (above[t] - here[t]) * _INVERSE[i] - (here[t] - below[t]) * _INVERSE[i - 1]
            bend[i, t] = slopes * _FACTORS[i, 0] - _FACTORS[i, 1] * bend[i - 1, t]
    for i in range(n - 3, 0, -1):
        for t in range(frames):
            bend[i, t] -= _FACTORS[i, 2] * bend[i + 1, t]
    out = np.empty((n, frames))
    for k in range(n):
        i = _LEFT[k]
        near, far, near_bend, far_bend = _SHARES[k, 0], _SHARES[k, 1], _SHARES[k, 2], _SHARES[k, 3]
        for t in range(frames):
            line = near * spectra[i, t] + far * spectra[i + 1, t]
            out[k, t] = max(line + near_bend * bend[i, t] + far_bend * bend[i + 1, t], 0.0)
    return out


@njit(cache=True)
def _summed(octaves):  # type: ignore[no-untyped-def]
    """The spectra (513, frames) with all harmonics of a pitch added up where the pitch is."""
    out = np.zeros_like(octaves)
    flat, frames = out.ravel(), octaves.shape[1]
    for h in range(_HARMONICS):
        share, shifted = _SHARE[h], octaves[_SHIFT[h] :].ravel()
        for k in range(len(shifted)):
            flat[k] += share * shifted[k]
    return flat.reshape(-1, frames)


@njit(cache=True)
def _highest(summed, hertz, voicing):  # type: ignore[no-untyped-def]
    """The six highest points with lower neighbours, of which those in the range of pitch are kept.

    The parabola through a point and its neighbours tells the true height. It does not change the order, but that the
    highest of all changes places with the first.
    """
    point = np.zeros(_CANDIDATES, np.int64)
    n = 0
    for i in range(1, len(summed) - 1):
        if summed[i] > summed[i - 1] and summed[i] > summed[i + 1]:
            j = min(n, _CANDIDATES - 1)
            if n == _CANDIDATES and summed[i] <= summed[point[j]]:
                continue
            while j > 0 and summed[i] > summed[point[j - 1]]:
                point[j] = point[j - 1]
                j -= 1
            point[j] = i
            n = min(n + 1, _CANDIDATES)
    mean = summed.mean()
    height = np.zeros(_CANDIDATES)
    kept = best = 0
    for i in point[:n]:
        left, middle, right = summed[i - 1], summed[i], summed[i + 1]
        shift = 0.5 * (left - right) / (left - 2 * middle + right)
        pitch = _BOTTOM * 2 ** ((i + shift) * _STEP)
        if LOWEST <= pitch <= HIGHEST:
            hertz[kept], height[kept] = pitch, middle - 0.25 * (left - right) * shift
            voicing[kept] = max(0.0, 1 - mean / height[kept])
            if height[kept] > height[best]:
                best = kept
            kept += 1
    hertz[0], hertz[best] = hertz[best], hertz[0]
    voicing[0], voicing[best] = voicing[best], voicing[0]


class Tracker:
    """Chooses a path through the candidates; a frame is decided `LAG` frames later or at the end.

    A path pays for candidates of low voicing, for those below 100 or above 350 Hz, for jumps, and for each change
    between voiced and unvoiced. A jump costs the logarithm of the step, and that of the distance between the candidate
    that is left and the one listed before it, or, where it is the first, once more the step.
    """

    def __init__(self) -> None:
        self._cost = np.zeros(_CANDIDATES + 1)
        self._hertz = np.zeros((0, _CANDIDATES))
        self._back = np.zeros((0, _CANDIDATES + 1), np.int64)
        self._started = False

    def push(self, hertz: np.ndarray, voicing: np.ndarray) -> np.ndarray:
        """Take candidates (t, 6) of the next frames; pitch of the frames that are decided now, Hz, 0 if unvoiced."""
        last = self._hertz[-1] if len(self._hertz) else np.zeros(_CANDIDATES)
        back, decided = _search(hertz, voicing, self._cost, last, self._started, self._hertz, self._back)
        self._started = self._started or len(hertz) > 0
        self._hertz = np.concatenate([self._hertz, hertz])[len(decided) :]
        self._back = np.concatenate([self._back, back])[len(decided) :]
        return decided

    def finish(self) -> np.ndarray:
        """Pitch of all frames that are left."""
        return _trace(self._hertz, self._back, int(np.argmin(self._cost)))


@njit(cache=True)
def _search(hertz, voicing, cost, last, started, held, held_back):  # type: ignore[no-untyped-def]
    n, k = len(hertz), _CANDIDATES + 1
    back = np.zeros((n, k), np.int64)
    everything = np.concatenate((held, hertz))
    pointers = np.concatenate((held_back, back))
    decided = np.zeros(max(0, len(everything) - LAG))
    first = 0
    for t in range(n):
        new = np.empty(k)
        for j in range(k):
            local = _local(hertz[t], voicing[t], j)
            if not started:
                new[j] = local
                continue
            best, origin = np.inf, _CANDIDATES
            for i in range(k):
                total = cost[i] + _change(last, hertz[t], i, j)
                if total < best:
                    best, origin = total, i
            new[j] = best + local
            pointers[len(held) + t, j] = origin
        started = True
        cost[:] = new - new.min()
        last = hertz[t]
        if len(held) + t + 1 > LAG:
            state = int(np.argmin(cost))
            for u in range(len(held) + t, first, -1):
                state = pointers[u, state]
            decided[first] = everything[first, state] if state < _CANDIDATES else 0.0
            first += 1
    back[:] = pointers[len(held) :]
    return back, decided


@njit(cache=True)
def _local(hertz, voicing, state):  # type: ignore[no-untyped-def]
    if state == _CANDIDATES:
        return _WRONG if voicing[0] >= VOICED else 0.0
    pitch = hertz[state]
    if pitch <= 0:
        return np.inf
    low, high = _COMFORTABLE
    effort = 0.0
    if pitch < low:
        effort = (low - pitch) / low
    elif pitch > high:
        effort = (pitch - high) / _RISE if pitch < high + _RISE else _MOST
    wrong = 0.0 if voicing[state] >= VOICED else _WRONG
    return wrong - _DOUBT * np.log(max(voicing[state], _DOUBTFUL)) + effort


@njit(cache=True)
def _change(before, now, i, j):  # type: ignore[no-untyped-def]
    if (i < _CANDIDATES and before[i] <= 0) or (j < _CANDIDATES and now[j] <= 0):
        return np.inf
    if i < _CANDIDATES and j < _CANDIDATES:
        listed = before[i - 1] if i > 0 else now[j]
        return _JUMP * (abs(np.log(now[j] / before[i])) + abs(np.log(before[i] / listed)))
    return _STAY if i == j else _SWITCH


@njit(cache=True)
def _trace(hertz, back, state):  # type: ignore[no-untyped-def]
    out = np.zeros(len(hertz))
    for t in range(len(hertz) - 1, -1, -1):
        if state < _CANDIDATES:
            out[t] = hertz[t, state]
        state = back[t, state]
    return out
