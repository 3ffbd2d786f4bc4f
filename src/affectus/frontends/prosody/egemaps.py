"""eGeMAPSv02, the extended Geneva minimalistic acoustic parameter set, under a licence that lets everybody use it.

Eyben et al. 2016, "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective Computing",
IEEE Transactions on Affective Computing 7(2). Written from the publication; columns, units and conventions are those
that `opensmile` prints, so that either can stand for the other. How close they are: docs/how-to/egemaps.md.

    from affectus.frontends.prosody import egemaps

    egemaps.functionals(samples, 16_000).to_pandas()   # 88 numbers for each segment
    egemaps.descriptors(samples, 16_000).to_pandas()   # 25 numbers for each 10 ms
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from affectus.errors import FileError, InputError
from affectus.frontends.prosody import functionals as summary
from affectus.frontends.prosody.frames import HOP, LONG, RATE, SHORT, count
from affectus.frontends.prosody.index import Features
from affectus.frontends.prosody.names import COLUMN, DESCRIPTORS, FUNCTIONALS
from affectus.frontends.prosody.stream import Smoother, Stream
from affectus.media import Fault, blocks, probe, read_wave
from affectus.media.pcm import SignalCheck
from affectus.media.resampling import check_rate, resample

LONGEST = 60.0  # seconds of a segment of functionals
SHORTEST = LONG / RATE  # seconds
_REMAINDER = 1.0  # seconds; a shorter last piece is shared with the one before
_BLOCK = 30.0  # seconds that are decoded at once
_OFFSET = 0.1  # of the root mean square, from which a constant is an offset
_FLOOR = 1e-20


def descriptors(samples: np.ndarray, rate: int = RATE, *, file: str = "") -> Features:
    """The 25 low-level descriptors of a wave, smoothed over three frames.

    Args:
        samples: (samples,) float in [-1, 1], mono. Values that are not finite count as silence and are flagged.
        rate: Sampling rate, Hz; another one than 16 kHz is resampled.
        file: Name for the index.

    Returns:
        A row for each 10 ms, which covers 20 ms from its start. Columns of voice are 0 (levels of formants −201) where
        there is none.

    Raises:
        InputError: If the wave is not one-dimensional, shorter than 60 ms, or the rate is none of sound.
    """
    wave, flags = _checked(samples, rate)
    stream = Stream()
    rows = Smoother().push(np.concatenate([stream.push(wave), stream.finish()]))[: count(len(wave), LONG) + 1]
    return _descriptor_rows(rows, 0, file, flags)


def functionals(
    samples: np.ndarray, rate: int = RATE, *, file: str = "", segments: Iterable[tuple[float, float]] | None = None
) -> Features:
    """The 88 functionals of a wave or of parts of it.

    Args:
        samples: As for `descriptors`.
        rate: Sampling rate, Hz.
        file: Name for the index.
        segments: (start, end) seconds of each row, at most 60 s long; without it, the whole wave, cut into pieces of
            60 s where it is longer.

    Raises:
        InputError: As for `descriptors`, or if a segment leaves the wave, is shorter than 60 ms or longer than 60 s.
    """
    check_rate(rate)
    whole = np.asarray(samples)
    if segments is None:
        _check_wave(whole, rate)
        bounds = _pieces(len(whole) / rate)
    else:
        bounds = [_inside(a, b, len(whole) / rate) for a, b in segments]
    parts = [_checked(whole[round(a * rate) : round(b * rate)], rate) for a, b in bounds]
    return _functional_rows(bounds, [_summarised(wave) for wave, _ in parts], file, [flags for _, flags in parts])


def descriptors_of(path: Path | str, faults: list[Fault] | None = None) -> Iterator[Features]:
    """Descriptors of a file of any length, block by block in constant memory; several channels are mixed.

    Args:
        path: Sound or video file.
        faults: Receives what is wrong with the sound; complete at the end.

    Raises:
        FileError: If there is no sound, or less than 60 ms of it.
    """
    stream, smoother, given, samples = Stream(), Smoother(), 0, 0
    flags = _band_flags(_stored_rate(path))
    for _, wave in blocks(path, RATE, seconds=_BLOCK, faults=faults):
        samples += len(wave)
        rows = smoother.push(stream.push(wave))
        if len(rows):
            yield _descriptor_rows(rows, given, str(path), flags)
        given += len(rows)
    if not count(samples, LONG):
        raise _too_short(str(path), samples / RATE)
    rows = smoother.push(stream.finish())[: count(samples, LONG) + 1 - given]
    yield _descriptor_rows(rows, given, str(path), flags)


def functionals_of(path: Path | str, segments: Sequence[tuple[float, float]] | None = None) -> Features:
    """Functionals of a file or of segments of it; several channels are mixed.

    Raises:
        FileError: If there is no sound, or less than 60 ms of it.
        InputError: If a segment is not inside the file, shorter than 60 ms or longer than 60 s.
    """
    band = _band_flags(_stored_rate(path))
    bounds, values, flags = [], [], []
    given = _whole(path) if segments is None else ((a, b, _part(path, a, b)) for a, b in segments)
    for start, end, (wave, kinds) in given:
        bounds.append((start, end))
        values.append(_summarised(wave))
        flags.append((*kinds, *band))
    return _functional_rows(bounds, values, str(path), flags)


def _whole(path: Path | str) -> Iterator[tuple[float, float, tuple[np.ndarray, tuple[str, ...]]]]:
    """Pieces of a file with their bounds; a splinter at the end is shared with the piece before."""
    held: tuple[float, np.ndarray] | None = None
    for start, wave in blocks(path, RATE, seconds=LONGEST):
        if held is not None:
            if len(wave) < _REMAINDER * RATE:
                joined = np.concatenate([held[1], wave])
                half = len(joined) // 2
                yield _piece(held[0], joined[:half])
                held = (held[0] + half / RATE, joined[half:])
                continue
            yield _piece(*held)
        held = (start, wave)
    assert held is not None, "blocks gives something or raises"
    if len(held[1]) < LONG:
        raise _too_short(str(path), len(held[1]) / RATE)
    yield _piece(*held)


def _piece(start: float, wave: np.ndarray) -> tuple[float, float, tuple[np.ndarray, tuple[str, ...]]]:
    return start, start + len(wave) / RATE, _checked(wave, RATE)


def _part(path: Path | str, start: float, end: float) -> tuple[np.ndarray, tuple[str, ...]]:
    _inside(start, end, np.inf)
    wave = read_wave(path, RATE, start, end)
    if len(wave) < round((end - start) * RATE) - 1:
        raise InputError(
            f"the segment {start:g}–{end:g} s ends behind the end of {str(path)!r}",
            allowed=f"up to {start + len(wave) / RATE:.3f} s",
        )
    return _checked(wave, RATE)


def _pieces(seconds: float) -> list[tuple[float, float]]:
    starts = list(np.arange(0, seconds, LONGEST))
    if len(starts) > 1 and seconds - starts[-1] < _REMAINDER:
        starts[-1] = (starts[-2] + seconds) / 2
    return list(zip(starts, [*starts[1:], seconds], strict=True))


def _inside(start: float, end: float, seconds: float) -> tuple[float, float]:
    if not (0 <= start < end <= seconds + 0.5 / RATE and end - start + 1e-9 >= SHORTEST and end - start <= LONGEST):
        raise InputError(
            f"the segment {start:g}–{end:g} s",
            allowed=f"{SHORTEST:g}–{LONGEST:g} s long, inside 0–{seconds:g} s",
            remedy="cut longer ones into pieces",
        )
    return start, min(end, seconds)


def _check_wave(samples: np.ndarray, rate: int) -> None:
    if samples.ndim != 1:
        raise InputError(
            f"samples have shape {samples.shape}", allowed="(samples,)", remedy="average or choose the channels first"
        )
    if len(samples) / rate < SHORTEST:
        raise InputError(
            f"the sound lasts {1000 * len(samples) / rate:g} ms",
            allowed="60 ms or more",
            remedy="give a longer stretch",
        )


def _checked(samples: np.ndarray, rate: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Mono float32 at 16 kHz and what is wrong with it."""
    check_rate(rate)
    samples = np.asarray(samples)
    _check_wave(samples, rate)
    check = SignalCheck(rate)
    wave = check.mix(samples.astype(np.float32)[None], np.ones(1, np.float32), 0)
    flags = [fault.kind for fault in check.faults()]
    mean, power = float(wave.mean()), float(np.mean(wave * wave))
    if abs(mean) > _OFFSET * np.sqrt(power) and "constant" not in flags:
        flags.append("dc-offset")
    return resample(wave, rate, RATE), (*flags, *_band_flags(rate))


def _band_flags(rate: int) -> tuple[str, ...]:
    return ("narrow-band",) if rate < RATE else ()


def _stored_rate(path: Path | str) -> int:
    audio = probe(path).audio
    if audio is None:
        raise FileError(f"{str(path)!r} holds no sound", remedy="give a file with an audio track")
    return audio.rate


def _too_short(file: str, seconds: float) -> FileError:
    return FileError(f"{file!r} lasts {1000 * seconds:g} ms", allowed="60 ms or more")


def _summarised(wave: np.ndarray) -> tuple[np.ndarray, bool]:
    """Functionals of a wave at 16 kHz, and whether any of it is voiced."""
    stream = Stream()
    rows = np.concatenate([stream.push(wave), stream.finish()])
    level = 10 * np.log10(float(np.mean(wave.astype(np.float64) ** 2)) + _FLOOR)
    return summary.functionals(rows, level), bool((rows[:, COLUMN["F0semitoneFrom27.5Hz"]] > 0).any())


def _functional_rows(
    bounds: Sequence[tuple[float, float]],
    found: Sequence[tuple[np.ndarray, bool]],
    file: str,
    flags: Sequence[tuple[str, ...]],
) -> Features:
    start, end = (np.array([b[i] for b in bounds], np.float64) for i in (0, 1))
    values = np.array([v for v, _ in found]).reshape(len(found), len(FUNCTIONALS))
    marks = tuple((*f, *(() if voiced else ("unvoiced",))) for (_, voiced), f in zip(found, flags, strict=True))
    return Features((file,) * len(found), start, end, FUNCTIONALS, values, marks)


def _descriptor_rows(rows: np.ndarray, first: int, file: str, flags: tuple[str, ...]) -> Features:
    start = (first + np.arange(len(rows))) * (HOP / RATE)
    return Features((file,) * len(rows), start, start + SHORT / RATE, tuple(DESCRIPTORS), rows, (flags,) * len(rows))
