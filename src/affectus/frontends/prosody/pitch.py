"""Pitch by subharmonic summation (Hermes 1988) and a Viterbi search (Eyben et al. 2016, section 3.1).

A magnitude spectrum is laid on an octave scale, where the harmonics of a pitch stand at fixed distances, and the
shifted spectra are added up. The highest peaks are candidates; the search decides between them and «unvoiced», frame by
frame with a delay of `LAG` frames, so that streams of any length need constant memory.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from affectus.frontends.prosody.frames import LONG_BIN, LONG_FFT, RATE

LOWEST, HIGHEST = 55.0, 1000.0  # Hz
VOICED = 0.7  # voicing from which a frame counts as voiced by itself
LAG = 90  # frames

_POINTS = LONG_FFT // 2 + 1
_BOTTOM = 25.0  # Hz, where the octave scale begins; it ends at half the sampling rate
_OCTAVES = np.log2(RATE / 2 / _BOTTOM)
_STEP = _OCTAVES / (_POINTS - 1)  # octaves
_HARMONICS = 15
_COMPRESSION = 0.85  # each harmonic counts this much of the one before
_CANDIDATES = 6
_REACH = 2  # bins beside a spectral peak that belong to it
_HEARING = 32.0  # Hz, middle of the arctangent by which low frequencies are weakened

_DOUBT = 2.0  # cost of a candidate for each factor e that its voicing is below 1
_WRONG = 8.0  # cost of voice where voicing is below `VOICED`, and of no voice where it is above
_SWITCH = 10.0  # cost of each change between voiced and unvoiced
_STAY = 1.0  # cost of each further unvoiced frame
_JUMP = 10.0  # cost of an octave between two frames
_AWAY = 5.0  # cost of an octave from the strongest candidate of the frame before
_COMFORTABLE = 100.0, 350.0  # Hz, outside of which a candidate costs more
_RISE = 250.0  # Hz above the comfortable range that cost 1
_MOST = 1.2

_SCALE = _BOTTOM * 2 ** (np.arange(_POINTS) * _STEP)  # Hz
_PLACE = np.minimum(_SCALE / LONG_BIN, _POINTS - 1 - 1e-9)
_WEIGHT = 0.5 + np.arctan(3 * np.log2(_SCALE / _HEARING)) / np.pi
_SHIFT = (np.log2(np.arange(1, _HARMONICS + 1)) * _POINTS / _OCTAVES).astype(np.int64)
_SHARE = _COMPRESSION ** np.arange(_HARMONICS) / _HARMONICS


def _spline_factors() -> np.ndarray:
    """Multipliers of the elimination for a natural cubic spline on equidistant knots."""
    factors = np.zeros(_POINTS)
    for i in range(1, _POINTS - 1):
        factors[i] = 1 / (4 - factors[i - 1])
    return factors


def _spline_shares() -> np.ndarray:
    """How much a point of the octave scale takes of both knots beside it and of the bends there, (513, 4)."""
    b = (_PLACE - _LEFT)[:, None]
    a = 1 - b
    return np.hstack([a, b, (a**3 - a) / 6, (b**3 - b) / 6]) * _WEIGHT[:, None]


_LEFT = _PLACE.astype(np.int64)
_FACTORS = _spline_factors()
_SHARES = _spline_shares()


@njit(cache=True)
def candidates(magnitude):  # type: ignore[no-untyped-def]
    """Pitches that explain the harmonics of each frame.

    Args:
        magnitude: (t, 513) float32, as `frames.long_magnitudes` gives them.

    Returns:
        (t, 6) Hz in falling order of their sums, 0 where there are fewer, and (t, 6) voicing: one minus the mean over
        the height of the summed spectrum.
    """
    hertz = np.zeros((len(magnitude), _CANDIDATES))
    voicing = np.zeros((len(magnitude), _CANDIDATES))
    for t in range(len(magnitude)):
        summed = _summed(_octaves(_peaks_only(magnitude[t])))
        _highest(summed, hertz[t], voicing[t])
    return hertz, voicing


@njit(cache=True)
def _peaks_only(spectrum):  # type: ignore[no-untyped-def]
    """The spectrum near its peaks, zero elsewhere, smoothed by ¼ ½ ¼."""
    n = len(spectrum)
    kept = np.zeros(n + 2)
    for i in range(n):
        left = i == 0 or spectrum[i] > spectrum[i - 1]
        right = i == n - 1 or spectrum[i] >= spectrum[i + 1]
        if left and right:
            for j in range(max(0, i - _REACH), min(n, i + _REACH + 1)):
                kept[j + 1] = spectrum[j]
    kept[0], kept[n + 1] = kept[1], kept[n]
    return 0.25 * kept[:-2] + 0.5 * kept[1:-1] + 0.25 * kept[2:]


@njit(cache=True)
def _octaves(spectrum):  # type: ignore[no-untyped-def]
    """A spectrum on the octave scale by a natural cubic spline, weighted as the ear does."""
    n = len(spectrum)
    bend = np.zeros(n)  # second derivatives at the knots
    for i in range(1, n - 1):
        bend[i] = (6 * (spectrum[i - 1] - 2 * spectrum[i] + spectrum[i + 1]) - bend[i - 1]) * _FACTORS[i]
    for i in range(n - 3, 0, -1):
        bend[i] -= _FACTORS[i] * bend[i + 1]
    out = np.empty(n)
    for k in range(n):
        i = _LEFT[k]
        near, far = _SHARES[k, 0] * spectrum[i], _SHARES[k, 1] * spectrum[i + 1]
        out[k] = max(near + far + _SHARES[k, 2] * bend[i] + _SHARES[k, 3] * bend[i + 1], 0.0)
    return out


@njit(cache=True)
def _summed(octaves):  # type: ignore[no-untyped-def]
    out = np.zeros(len(octaves))
    for h in range(_HARMONICS):
        shift, share = _SHIFT[h], _SHARE[h]
        for k in range(len(octaves) - shift):
            out[k] += share * octaves[k + shift]
    return out


@njit(cache=True)
def _highest(summed, hertz, voicing):  # type: ignore[no-untyped-def]
    """The six highest peaks of all, of which those in the range of pitch are kept."""
    mean = summed.mean()
    place = np.zeros(_CANDIDATES)
    height = np.zeros(_CANDIDATES)
    for i in range(1, len(summed) - 1):
        left, middle, right = summed[i - 1], summed[i], summed[i + 1]
        if not (middle > left and middle > right):
            continue
        shift = 0.5 * (left - right) / (left - 2 * middle + right)
        top = middle - 0.25 * (left - right) * shift
        j = _CANDIDATES
        while j > 0 and top > height[j - 1]:
            j -= 1
        if j < _CANDIDATES:
            for k in range(_CANDIDATES - 1, j, -1):
                place[k], height[k] = place[k - 1], height[k - 1]
            place[j], height[j] = i + shift, top
    n = 0
    for j in range(_CANDIDATES):
        pitch = _BOTTOM * 2 ** (place[j] * _STEP)
        if height[j] > 0 and LOWEST <= pitch <= HIGHEST:
            hertz[n] = pitch
            voicing[n] = max(0.0, 1 - mean / height[j])
            n += 1


class Tracker:
    """Chooses a path through the candidates; a frame is decided `LAG` frames later or at the end.

    A path pays for candidates of low voicing, for those below 100 or above 350 Hz, for jumps, and for each change
    between voiced and unvoiced.
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
        effort = min((pitch - high) / _RISE, _MOST)
    wrong = 0.0 if voicing[state] >= VOICED else _WRONG
    return wrong - _DOUBT * np.log(max(voicing[state], 1e-9)) + effort


@njit(cache=True)
def _change(before, now, i, j):  # type: ignore[no-untyped-def]
    if (i < _CANDIDATES and before[i] <= 0) or (j < _CANDIDATES and now[j] <= 0):
        return np.inf
    if i < _CANDIDATES and j < _CANDIDATES:
        return _JUMP * abs(np.log2(now[j] / before[i])) + _AWAY * abs(np.log2(now[j] / before[0]))
    return _STAY if i == j else _SWITCH


@njit(cache=True)
def _trace(hertz, back, state):  # type: ignore[no-untyped-def]
    out = np.zeros(len(hertz))
    for t in range(len(hertz) - 1, -1, -1):
        if state < _CANDIDATES:
            out[t] = hertz[t, state]
        state = back[t, state]
    return out
