"""One file with another voice: in constant memory, checked whole, written last."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from affectus.analysis.anonymize.stretches import changed, cut
from affectus.atomic import make_folder, output_errors, writing
from affectus.errors import InputError, OutputError
from affectus.media import Fault, Kind, blocks, sniff
from affectus.sample import Media, Sample

if TYPE_CHECKING:
    from affectus.analysis.anonymize.checks import Check

RATE = 16_000  # Hz of what is written
TRIES = 5
"""Voices that are drawn until one is as unlike the speaker's as another person's; else the least alike is taken."""
_SILENT = 1e-4  # peak below which a stretch is passed on as digital silence
_SHORTEST = 0.1  # seconds of a stretch that can be changed
_CHUNK = RATE  # samples handed to the encoder at once


@dataclass(frozen=True)
class Outcome:
    """An anonymised file.

    Args:
        source: The original.
        target: What was written.
        method: System and variant that changed the voice.
        seconds: Length.
        spoken: Seconds of speech in it.
        first: Second at which speech begins.
        similarity: Cosine of GE2E voice prints before and after.
        tries: Voices that were drawn.
        remarks: Faults of the original and what else the user should know.
    """

    source: Path
    target: Path
    method: str
    seconds: float
    spoken: float
    first: float
    similarity: float
    tries: int
    remarks: tuple[str, ...] = ()


def check_paths(source: Path, target: Path) -> None:
    """Raise `OutputError` if writing the target would destroy the source."""
    same = target.exists() and source.exists() and target.samefile(source)
    if same or target.resolve() == source.resolve():
        raise OutputError(
            f"{str(target)!r} is the input itself", remedy="name another file; the input is never overwritten"
        )
    if target.is_dir():
        raise OutputError(f"{str(target)!r} is a folder", allowed="a file, when the input is a file")


def anonymize_file(
    source: Path,
    target: Path,
    anonymizer: Any,
    *,
    seed: int | None = None,
    advance: Callable[[float], None] = lambda seconds: None,
) -> Outcome:
    """Write a copy of a recording with another voice; a film keeps its picture.

    The sound becomes 16 kHz mono. All of a file gets one voice; every stretch of 10 to 20 s is changed for itself.

    Args:
        source: Sound or film.
        target: File to write; appears whole or not at all.
        anonymizer: An `Anonymizer`.
        seed: Of the voice that is drawn; None draws it from the system's secret source, so that nobody can repeat it.
        advance: Told the seconds that were done.

    Raises:
        FileError: If the source can't be read or holds no speech.
        InputError: If the target's suffix is none for this medium.
        OutputError: If the target is the source, can't be written, or the result failed its checks.
    """
    from affectus.media.encode import check_target, replace_sound, write_sound

    check_paths(source, target)
    kind = sniff(source)
    if kind not in (Kind.AUDIO, Kind.VIDEO):
        raise InputError(f"{str(source)!r} holds {kind.value}", allowed="sound or film")
    check_target(target, kind is Kind.VIDEO)
    make_folder(target.parent)
    with output_errors(target), tempfile.TemporaryFile(dir=target.parent) as held:
        check, faults, tries = _moved(source, held, anonymizer, seed, advance)
        check.refuse(source.name)
        with writing(target, "wb") as file:
            if kind is Kind.VIDEO:
                replace_sound(source, file, target.suffix, _chunks(held), RATE)
            else:
                write_sound(file, target.suffix, _chunks(held), RATE)
    remarks = [*(f"{fault.kind}: {fault.text}" for fault in faults), *check.remarks()]
    name = getattr(anonymizer, "variant", "") or type(anonymizer).__name__
    return Outcome(
        source, target, name, check.seconds, check.spoken, check.first or 0.0, check.similarity, tries, tuple(remarks)
    )


def _moved(
    source: Path, held: IO[bytes], anonymizer: Any, seed: int | None, advance: Callable[[float], None]
) -> tuple[Check, list[Fault], int]:
    """Change the sound until the voice is another person's, at most `TRIES` times; 16-bit samples go to `held`."""
    first = secrets.randbits(62) if seed is None else seed
    nearness: list[float] = []
    for at in range(TRIES):
        check, faults = _change(source, held, anonymizer, (first, at), advance if at == 0 else None)
        check.require_speech(source.name)
        if check.strange:
            return check, faults, at + 1
        nearness.append(check.similarity)
    best = nearness.index(min(nearness))
    if best < TRIES - 1:  # made once more: keeping every try would need room for as many recordings
        check, faults = _change(source, held, anonymizer, (first, best), None)
    return check, faults, TRIES


def _change(
    source: Path, held: IO[bytes], anonymizer: Any, seed: tuple[int, int], advance: Callable[[float], None] | None
) -> tuple[Check, list[Fault]]:
    """The whole sound in one voice, and what was heard of it."""
    from affectus.analysis.anonymize.checks import Check

    faults: list[Fault] = []
    check = Check()
    held.seek(0)
    held.truncate()
    for before, after in _pairs(source, anonymizer, seed, faults):
        check.hear(before, after)
        held.write(_to_pcm(after).tobytes())
        if advance is not None:
            advance(len(before) / RATE)
    return check, faults


def _pairs(
    source: Path, anonymizer: Any, seed: tuple[int, int], faults: list[Fault]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Original and changed sound in step, a stretch at a time."""
    waiting: list[np.ndarray] = []

    def remembered() -> Iterator[np.ndarray]:
        for stretch in cut(blocks(source, RATE, faults=faults)):
            waiting.append(stretch)
            yield stretch

    def change(wave: np.ndarray) -> np.ndarray:
        if len(wave) < _SHORTEST * RATE or np.abs(wave - wave.mean()).max() < _SILENT:
            return np.zeros_like(wave)
        sample = Sample(id=source.name, media=Media("audio", array=wave, rate=RATE))
        # The same draws for every stretch: one file, one voice.
        return anonymizer.anonymize([sample], np.random.default_rng(seed))[0].wave(RATE)

    original = np.zeros(0, np.float32)
    for out in changed(remembered(), change):
        while len(original) < len(out) and waiting:
            original = np.concatenate([original, waiting.pop(0)])
        yield original[: len(out)], out
        original = original[len(out) :]


def _to_pcm(wave: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(np.nan_to_num(wave) * 32767), -32768, 32767).astype("<i2")


def _chunks(held: IO[bytes]) -> Iterator[np.ndarray]:
    held.seek(0)
    while data := held.read(2 * _CHUNK):
        yield np.frombuffer(data, "<i2").astype(np.int16)
