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
    plain = average(_edged(rows[:, :PLAIN]))
    inside = average_of_nonzero(_edged(np.where(voiced[:, None], rows, 0)))
    outside = average_of_nonzero(_edged(np.where(voiced[:, None], 0, rows[:, :PLAIN])))
    levels = average_of_nonzero(_edged(rows[: len(rows) - _UNVOICED_TAIL + 1]))

    pitch, loud = inside[:, COLUMN["F0semitoneFrom27.5Hz"]], plain[:, COLUMN["Loudness"]]
    values = [*_contour(pitch[pitch > 0]), *_contour(loud)]
    for name in ("spectralFlux", *CEPSTRUM):
        values += _moments(plain[:, COLUMN[name]])
    for name in list(COLUMN)[PLAIN + 1 :]:
        column = (levels if name.endswith("amplitudeLogRelF0") else inside)[:, COLUMN[name]]
        values += _moments(column[column != 0])
    for name in (*SPLIT, "spectralFlux", *CEPSTRUM):
        values += _moments(inside[voiced, COLUMN[name]])
    for name in (*SPLIT, "spectralFlux"):
        values.append(_mean(outside[~voiced, COLUMN[name]]))
    values.append(len(_turns(loud)[0]) / (len(loud) / _SECOND))
    values += _segments(voiced[: len(voiced) - _UNVOICED_TAIL])
    values.append(level)
    assert len(values) == len(FUNCTIONALS)
    return np.asarray(values)


def _edged(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows[:1], rows, rows[-1:]])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _moments(values: np.ndarray) -> list[float]:
    """Mean, and standard deviation over the mean (negative where the mean is)."""
    mean = _mean(values)
    return [mean, float(values.std() / mean) if mean else 0.0]


def _contour(values: np.ndarray) -> list[float]:
    """Moments, percentiles and slopes of a contour."""
    if not len(values):
        return [0.0] * 10
    low, middle, high = (float(v) for v in np.percentile(values, [20, 50, 80]))
    return [*_moments(values), low, middle, high, high - low, *_slopes(values)]


def _slopes(values: np.ndarray) -> list[float]:
    """Mean and deviation of rising slopes and of falling slopes between turning points, per second."""
    turns = np.sort(np.concatenate(_turns(values)))
    step = np.diff(values[turns]) / (np.diff(turns) / _SECOND)
    out: list[float] = []
    for part in (step[step > 0], -step[step < 0]):
        out += [_mean(part), float(part.std()) if len(part) else 0.0]
    return out


@njit(cache=True)
def _turns(values):  # type: ignore[no-untyped-def]
    """Frames of peaks and of dips; between them the contour moves by a tenth of its range at least."""
    least = _TURN * (values.max() - values.min())
    found = np.zeros((2, len(values)), np.int64)
    count = np.zeros(2, np.int64)
    high = low = 0
    rising, falling = True, True  # which movements may be going on; both at the start
    for i in range(len(values)):
        if values[i] > values[high]:
            high = i
        if values[i] < values[low]:
            low = i
        peak = rising and values[high] - values[i] > least
        dip = not peak and falling and values[i] - values[low] > least
        if peak or dip:
            kind = 0 if peak else 1
            found[kind, count[kind]] = high if peak else low
            count[kind] += 1
            rising, falling = dip, peak
            high = low = i
    return found[0, : count[0]], found[1, : count[1]]


def _segments(voiced: np.ndarray) -> list[float]:
    """Voiced stretches a second, mean and deviation of the lengths of voiced and of unvoiced ones, s."""
    lengths = {value: (_runs(voiced == value) - 1) / _SECOND for value in (True, False)}
    out = [len(lengths[True]) / (len(voiced) / _SECOND)]
    for value in (True, False):
        out += [_mean(lengths[value]), float(lengths[value].std()) if len(lengths[value]) else 0.0]
    return out


def _runs(mask: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges[1::2] - edges[::2]
