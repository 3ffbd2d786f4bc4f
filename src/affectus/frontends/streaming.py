"""Readings of sound of any length while it arrives: the same windows, whether they are cut live or from a whole file.

A window is read by itself, and a detector that looks at nothing that follows decides whether anybody speaks in it. So
what is read live is what is read afterwards, and memory holds one window.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from affectus.errors import InputError
from affectus.frontends.speech.vad import FRAME, RATE, CausalSpeech, frames
from affectus.readout import read_out
from affectus.sample import Media, Sample, Span
from affectus.timeline import Timeline

SILENT_WINDOW = "no-speech"
Chunk = tuple[float, np.ndarray]
Detector = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Windows:
    """How a reader hears sound that does not end, seconds.

    Args:
        window: Length of what one reading hears.
        hop: From the beginning of a window to that of the next.
        speech: Speech that a window must hold to be read.
        threshold: Probability from which a frame of 32 ms is speech.

    Raises:
        InputError: If a value is out of range.
    """

    window: float = 4.0
    hop: float = 2.0
    speech: float = 0.5
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not 0.1 <= self.hop <= self.window <= 30:
            raise InputError(f"window={self.window!r}, hop={self.hop!r}", allowed="0.1 ≤ hop ≤ window ≤ 30 seconds")
        if not 0 < self.speech <= self.window or not 0 < self.threshold < 1:
            raise InputError(
                f"speech={self.speech!r}, threshold={self.threshold!r}",
                allowed="0 < speech ≤ window and 0 < threshold < 1",
            )


class Heard(NamedTuple):
    """One window of sound.

    Args:
        start: Seconds.
        end: Seconds.
        wave: (samples,) float32 at 16 kHz.
        spoken: Whether it holds enough speech to be read.
    """

    start: float
    end: float
    wave: np.ndarray
    spoken: bool


def windows(chunks: Iterable[Chunk], of: Windows, detector: Detector) -> Iterator[Heard]:
    """The windows of a stream, each as soon as its last sample is there; how sound is cut into chunks does not matter.

    Window k begins k hops after the first sample. Where the sound ends behind the last whole window, one shorter window
    follows. A frame counts as speech of the windows that hold all of it.

    Args:
        chunks: (time of the first sample in seconds, (samples,) float in [-1, 1] at 16 kHz), each following the one
            before.
        of: Length and distance of windows.
        detector: Takes a frame (512,), in order, and gives the probability of speech.

    Raises:
        InputError: If a chunk is not one-dimensional or does not follow the one before.
    """
    size, hop, origin = round(of.window * RATE), round(of.hop * RATE), 0.0
    held: deque[tuple[np.ndarray, bool]] = deque()  # frames from `first` on, and whether they are speech
    first = heard = at = covered = 0  # frame held[0]; samples heard; begin of the next window; end of the last

    def cut(end: int) -> Heard:
        skip = at - first * FRAME
        wave = np.concatenate([frame for frame, _ in held])[skip : skip + end - at]
        inside = islice(held, math.ceil(at / FRAME) - first, max(end // FRAME - first, 0))
        seconds = sum(speech for _, speech in inside) * FRAME / RATE
        return Heard(origin + at / RATE, origin + end / RATE, wave, seconds >= of.speech)

    for time, frame in frames(chunks):
        if not heard:
            origin = time
        padded = np.pad(frame, (0, FRAME - len(frame)))
        held.append((frame, detector(padded) >= of.threshold))
        heard += len(frame)
        while heard >= at + size:
            yield cut(at + size)
            at, covered = at + hop, at + size
        while (first + 1) * FRAME <= at and len(held) > 1:
            held.popleft()
            first += 1
    if heard > covered:
        yield cut(heard)


class Streams:
    """What a reader of voices is given to read sound that does not end. Goes before `System` among a class's bases."""

    windows: ClassVar[Windows] = Windows()

    def stream(
        self,
        chunks: Iterable[Chunk],
        *,
        source: str = "stream",
        windows: Windows | None = None,
        detector: Detector | None = None,
    ) -> Iterator[Timeline]:
        """A reading of each window as soon as its last sample is there: one row each, in constant memory.

        Windows without enough speech have a row without scores, flagged `no-speech`. All that is heard of a window is
        the window itself: level, normalisation and pooling are its own.

        Args:
            chunks: (time of the first sample in seconds, (samples,) float in [-1, 1] at 16 kHz), each following the one
                before, of any size; `affectus.media.blocks` gives them.
            source: Name of the sound in the rows.
            windows: Others than those that the reader declares.
            detector: Takes a frame (512,) float32, in order, and gives the probability of speech; by default Silero
                VAD, causal, its state carried from frame to frame, with a look-ahead of 0.

        Raises:
            AssetError: If the detector has not been fetched.
            InputError: If a chunk is not one-dimensional or does not follow the one before.
        """
        for heard in _cut(chunks, windows or self.windows, detector):
            yield self._answer([heard], source)

    def read_windows(
        self,
        sample: Sample,
        *,
        windows: Windows | None = None,
        detector: Detector | None = None,
        batch_size: int = 16,
    ) -> Timeline:
        """What `stream` gives, from sound that is there as a whole: the same windows, many at a time.

        Args:
            sample: With sound.
            windows: As of `stream`.
            detector: As of `stream`.
            batch_size: Windows that are read together.
        """
        start = sample.start if sample.start is not None else sample.media.start if sample.media else 0.0
        whole = [(start, sample.wave(RATE))]
        queue, parts = _cut(whole, windows or self.windows, detector), []
        while batch := list(islice(queue, batch_size)):
            parts.append(self._answer(batch, sample.source or sample.id))
        return Timeline.concat(parts)

    def _answer(self, heard: list[Heard], source: str) -> Timeline:
        """A row each, in order."""
        system = cast(Any, self)
        spans = [Span(source, start=row.start, end=row.end) for row in heard]
        spoken = [i for i, row in enumerate(heard) if row.spoken]
        silent = [i for i, row in enumerate(heard) if not row.spoken]
        parts = []
        if spoken:
            parts.append(system.read([_sample(heard[i], spans[i]) for i in spoken]))
        if silent:
            parts.append(
                read_out(
                    [spans[i] for i in silent],
                    {r.scale: np.full((len(silent), len(r.of)), np.nan, np.float32) for r in system.readouts},
                    system.readouts,
                    by=system.name,
                    modality=system.modality,
                    flags=[[SILENT_WINDOW]] * len(silent),
                )
            )
        return Timeline.concat(parts)[np.argsort([*spoken, *silent])]


def _cut(chunks: Iterable[Chunk], of: Windows, detector: Detector | None) -> Iterator[Heard]:
    return windows(chunks, of, CausalSpeech() if detector is None else detector)


def _sample(heard: Heard, span: Span) -> Sample:
    media = Media("audio", array=heard.wave, rate=RATE)
    return Sample(
        id=f"{span.source}@{heard.start:.2f}", source=span.source, media=media, start=span.start, end=span.end
    )
