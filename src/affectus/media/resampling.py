"""Change of sampling rate, in one go or as a stream, on a time grid that does not depend on where reading began."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from affectus.errors import InputError

LOWEST, HIGHEST = 1_000, 768_000
"""Sampling rates that are taken for sound, Hz."""

_MARGIN = (
    0.1  # seconds on either side that the filter may look at; soxr HQ needs some hundred samples of the lower rate
)


def check_rate(rate: int, name: str = "rate") -> int:
    """The rate, if it is one of sound.

    Raises:
        InputError: If it is not.
    """
    if not isinstance(rate, int | np.integer) or isinstance(rate, bool) or not LOWEST <= rate <= HIGHEST:
        raise InputError(
            f"{name} is {rate!r}", allowed=f"whole Hz between {LOWEST} and {HIGHEST}", remedy="most models want 16000"
        )
    return int(rate)


def resample(wave: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Resample mono sound.

    Args:
        wave: (samples,) float32.
        rate: Its sampling rate, Hz.
        to: The rate wanted, Hz.

    Returns:
        (round(samples · to / rate),) float32 in [-1, 1] if the input is.

    Raises:
        InputError: If a rate is out of range or the wave is not one-dimensional.
    """
    check_rate(rate)
    check_rate(to, "to")
    wave = np.asarray(wave, np.float32)
    if wave.ndim != 1:
        raise InputError(
            f"wave has shape {wave.shape}", allowed="(samples,)", remedy="average or choose the channels first"
        )
    if rate == to or not wave.size:
        return wave
    import soxr

    return _sized(soxr.resample(wave, rate, to, quality="HQ"), round(wave.size * to / rate))


def _sized(wave: np.ndarray, samples: int) -> np.ndarray:
    return np.clip(np.pad(wave[:samples], (0, max(0, samples - wave.size))), -1.0, 1.0)


class Grid:
    """Which stored samples are needed for output samples [first, last) at another rate.

    Output sample i stands at i / to seconds. Reading starts at a stored sample that coincides with an output sample, so
    that the filter is in phase with a reading from the file's start.

    Args:
        rate: Stored rate, Hz.
        to: Output rate, Hz.
        start: First second.
        end: Last second (half-open), None for the rest.
    """

    def __init__(self, rate: int, to: int, start: float, end: float | None) -> None:
        self.rate, self.to = rate, to
        self.first = round(start * to)
        self.last = None if end is None else round(end * to)
        divisor = math.gcd(rate, to)
        period_in, period_out = rate // divisor, to // divisor
        margin = math.ceil(_MARGIN * rate) if rate != to else 0
        periods = max(0, (self.first * rate // to - margin) // period_in)
        self.begin = periods * period_in
        self._skip = self.first - periods * period_out
        self.stop = None if self.last is None else -(-self.last * rate // to) + margin

    def stored(self) -> tuple[int, float]:
        """Indices of the stored samples that the output range itself covers (without the filter's margin)."""
        return self.first * self.rate // self.to, math.inf if self.last is None else -(
            -self.last * self.rate // self.to
        )

    def run(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Output samples from stored samples [begin, stop) in pieces of any length."""
        skip, left = self._skip, math.inf if self.last is None else self.last - self.first
        for piece in self._converted(chunks):
            dropped = min(skip, piece.size)
            skip -= dropped
            piece = piece[dropped:]
            if piece.size > left:
                piece = piece[: int(left)]
            left -= piece.size
            if piece.size:
                yield np.clip(piece, -1.0, 1.0)
            if left <= 0:
                return

    def _converted(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        if self.rate == self.to:
            yield from chunks
            return
        import soxr

        stream = soxr.ResampleStream(self.rate, self.to, 1, dtype="float32", quality="HQ")
        taken = given = 0
        for chunk in chunks:
            taken += chunk.size
            out = stream.resample_chunk(np.ascontiguousarray(chunk, np.float32))
            given += out.size
            yield out
        rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)
        yield rest[: max(0, round(taken * self.to / self.rate) - given)]
