"""The 88 functionals of eGeMAPS over the descriptors of one segment (Eyben et al. 2016, sections 3.1 and 4).

Contours are smoothed over three frames. What belongs to voiced or to unvoiced frames is smoothed among these alone.
A mean or deviation of no frame at all is 0, as openSMILE prints it; `egemaps.functionals` marks such segments by flags.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from affectus.frontends.prosody.frames import HOP, LONG, RATE, SHORT
from affectus.frontends.prosody.names import CEPSTRUM, COLUMN, FUNCTIONALS, PLAIN, SPLIT
from affectus.frontends.prosody.smoothing import average, average_of_nonzero

_SECOND = RATE / HOP  # frames
_TURN = 0.1  # of a contour's range, below which a movement is no peak
_HIGHER = 1.05  # times an accepted peak, from which another one takes its place
_SHORTEST = 3  # frames of a stretch with or without voice
_BALANCE = slice(COLUMN[SPLIT[0]], COLUMN["spectralFlux"] + 1)
_CEPSTRUM = slice(COLUMN["spectralFlux"], COLUMN[CEPSTRUM[-1]] + 1)
_LEVELS = [COLUMN[f"F{i}amplitudeLogRelF0"] - PLAIN - 1 for i in (1, 2, 3)]  # among the columns behind the pitch
_UNVOICED_TAIL = (LONG - SHORT) // HOP  # rows at the end that have no long frame


def functionals(rows: np.ndarray, level: float) -> np.ndarray:
    """Summarise a segment.

    Args:
        rows: (t, 25) descriptors before smoothing, all that `stream.Stream` gives of the segment.
        level: Equivalent sound level of the segment, dB of full scale.

    Returns:
        (88,) float64 in the order of `names.FUNCTIONALS`.
    """
    voiced = rows[:, COLUMN["F0semitoneFrom27.5Hz"]] > 0
    heard = max(1, len(rows) - _UNVOICED_TAIL - 1)  # what needs the pitch leaves out the last long frame
    plain = average(_edged(rows[:, :PLAIN]))
    inside = average_of_nonzero(_edged(np.where(voiced[:, None], rows, 0)))[:heard]
    outside = average_of_nonzero(_edged(np.where(voiced[:, None], 0, rows[:, _BALANCE])))[:heard]
    spoken = voiced[:heard, None]

    pitch, loud = inside[:, COLUMN["F0semitoneFrom27.5Hz"]], plain[:, COLUMN["Loudness"]]
    values = [*_contour(pitch[pitch > 0]), *_contour(loud)]
    values += _moments(plain[:, _CEPSTRUM], np.True_)
    quality = inside[:, PLAIN + 1 :]
    quality[:, _LEVELS] = average_of_nonzero(_edged(rows[:, PLAIN + 1 :][:, _LEVELS]))[:heard]
    values += _moments(quality, quality != 0)
    values += _moments(inside[:, 1:PLAIN], spoken)
    values += _moments(outside, ~spoken)[::2]
    values.append(_turns(loud)[1].sum() / (len(loud) / _SECOND))
    values += _segments(voiced[:heard])
    values.append(level)
    assert len(values) == len(FUNCTIONALS)
    return np.asarray(values)


def _edged(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows[:1], rows, rows[-1:]])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _moments(columns: np.ndarray, there: np.ndarray | np.bool_) -> list[float]:
    """Mean of each column, and standard deviation over the mean (negative where the mean is), of what is there."""
    there = np.broadcast_to(there, columns.shape)
    count = np.maximum(there.sum(0), 1)
    mean = np.where(there, columns, 0).sum(0) / count
    deviation = np.sqrt((np.where(there, columns - mean, 0) ** 2).sum(0) / count)
    relative = np.divide(deviation, mean, out=np.zeros_like(mean), where=mean != 0)
    return [float(v) for v in np.stack([mean, relative], axis=1).ravel()]


def _contour(values: np.ndarray) -> list[float]:
    """Moments, percentiles and slopes of a contour."""
    if not len(values):
        return [0.0] * 10
    low, middle, high = (_percentile(np.sort(values), share) for share in (0.2, 0.5, 0.8))
    return [*_moments(values[:, None], np.True_), low, middle, high, high - low, *_slopes(values)]


def _percentile(rising: np.ndarray, share: float) -> float:
    """Linear between the two values beside it; faster than NumPy's for a single contour."""
    place = share * (len(rising) - 1)
    i = int(place)
    above = rising[min(i + 1, len(rising) - 1)]
    return float(rising[i] + (place - i) * (above - rising[i]))


def _slopes(values: np.ndarray) -> list[float]:
    """Mean and deviation of rising slopes and of falling slopes between turning points, per second.

    The stretch behind the last turn counts as one of those that come next, rising behind a dip, with the sign it has;
    the deviation leaves it out but for the count. Without any turn there is one slope, a frame.
    """
    at, kind = _turns(values)
    if not len(at):
        slope = float(values[-1] - values[0]) / len(values)
        return [max(slope, 0.0), 0.0, min(slope, 0.0), 0.0]
    last = len(values) - 1
    places = np.concatenate([[0], at])
    steps = np.diff(values[places]) / np.maximum(np.diff(places), 1) * _SECOND
    rest = (values[last] - values[at[-1]]) / (last - at[-1]) * _SECOND
    out: list[float] = []
    for side, sign in ((True, 1), (False, -1)):
        part = sign * steps[kind == side]
        tail = [rest] if kind[-1] != side else []
        count = len(part) + len(tail)
        mean = (part.sum() + sum(tail)) / count if count else 0.0
        out += [float(mean), float(np.sqrt(((part - mean) ** 2).sum() / count)) if count else 0.0]
    return out


@njit(cache=True)
def _turns(values):  # type: ignore[no-untyped-def]
    """Frames of peaks and dips in turn, and which are peaks.

    A peak rises from where the last dip was first accepted, or from the dip just before, by a tenth of the contour's
    range; a higher one takes its place if it is 5 % higher or rises by that much itself. A dip falls by a tenth from
    the last accepted peak; every lower one takes its place. The first and the last two points are none.
    """
    at, kind = np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)
    n = 0
    if len(values) == 0:
        return at, kind
    least = _TURN * (values.max() - values.min())
    low = dip = peak = values[0]  # the dip just before; the accepted ones
    for i in range(1, len(values) - 2):
        here = values[i]
        if here > values[i - 1] and here > values[i + 1]:
            if n and kind[n - 1]:
                new = here - low > least or (here > _HIGHER * values[at[n - 1]] and here - dip > least)
            else:
                new = here - low > least or here - dip > least
                n += new
            if new:
                at[n - 1], kind[n - 1], peak = i, True, here
        elif here < values[i - 1] and here < values[i + 1]:
            if n and not kind[n - 1]:
                if here < values[at[n - 1]]:
                    at[n - 1] = i
            elif peak - here > least:
                at[n], dip = i, here
                n += 1
            low = here
    return at[:n], kind[:n]


def _segments(voiced: np.ndarray) -> list[float]:
    """Voiced stretches a second, mean and deviation of the lengths of voiced and of unvoiced ones, s."""
    lengths = {value: (_runs(voiced == value) - 1) / _SECOND for value in (True, False)}
    out = [len(lengths[True]) / (len(voiced) / _SECOND)]
    for value in (True, False):
        out += [_mean(lengths[value]), float(lengths[value].std()) if len(lengths[value]) else 0.0]
    return out


def _runs(mask: np.ndarray) -> np.ndarray:
    """Lengths of the stretches of three frames and more; a single frame between two of them does not part them."""
    whole = mask.copy()
    whole[1:-1] |= mask[:-2] & mask[2:]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return lengths[lengths >= _SHORTEST]
