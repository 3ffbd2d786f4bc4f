"""Where somebody speaks: Silero's voice activity detector over sound of any length, in constant memory.

The network gives one probability for every 32 ms; hysteresis turns them into segments. Nothing depends on how the
sound is cut into blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affectus.errors import InputError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

RATE = 16_000
"""Sampling rate that the detector hears, Hz."""
FRAME = 512
"""Samples of one decision (32 ms)."""
_CONTEXT = 64  # samples of the frame before that the network sees again


@dataclass(frozen=True)
class Segment:
    """A stretch of speech.

    Args:
        start: Seconds.
        end: Seconds, half-open.
        probability: Mean probability of speech over the stretch (without its padding).
    """

    start: float
    end: float
    probability: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.end - self.start


@dataclass(frozen=True)
class Hysteresis:
    """How probabilities become segments; times in seconds, rounded to whole frames.

    Args:
        onset: Speech begins where the probability reaches this.
        offset: Speech goes on while the probability stays at or above this.
        min_speech: Shorter stretches are dropped, unless they are the rest of a segment that was cut.
        min_silence: Shorter pauses do not end a segment.
        padding: Added at both ends; at most half of `min_silence`, so that neighbours never overlap.
        max_length: Longer segments are cut where the probability is lowest within their second half.

    Raises:
        InputError: If a value is out of range.
    """

    onset: float = 0.5
    offset: float = 0.35
    min_speech: float = 0.25
    min_silence: float = 0.3
    padding: float = 0.1
    max_length: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.offset <= self.onset <= 1:
            raise InputError(
                f"thresholds onset={self.onset!r}, offset={self.offset!r}", allowed="0 < offset ≤ onset ≤ 1"
            )
        if not 0 <= 2 * self.padding <= self.min_silence < math.inf:
            raise InputError(
                f"padding={self.padding!r} with min_silence={self.min_silence!r}",
                allowed="0 ≤ padding ≤ min_silence / 2",
            )
        if not 1.0 <= self.max_length <= 3600.0 or not 0 <= self.min_speech < self.max_length:
            raise InputError(
                f"min_speech={self.min_speech!r}, max_length={self.max_length!r}",
                allowed="0 ≤ min_speech < max_length and 1 ≤ max_length ≤ 3600",
            )


@dataclass(frozen=True)
class _Piece:
    first: int  # frame, padding included; may lie before the sound
    last: int  # half-open; may lie behind its end
    probability: float


class _Cutter:
    """Frame probabilities in, pieces out; remembers at most `max_length` seconds."""

    def __init__(self, rule: Hysteresis) -> None:
        def frames(seconds: float) -> int:
            return math.ceil(seconds * RATE / FRAME - 1e-9)

        self.rule = rule
        self.padding = math.floor(rule.padding * RATE / FRAME + 1e-9)
        self.shortest = frames(rule.min_speech)
        self.pause = max(frames(rule.min_silence), 2 * self.padding, 1)
        self.longest = frames(rule.max_length)
        self.count = 0  # frames heard
        self._open: list[float] = []  # probabilities since the start of the open segment
        self._voiced = 0  # length of the open segment up to its last voiced frame
        self._continued = False  # the open segment follows a cut

    @property
    def wanted(self) -> int:
        """First frame that may still belong to a piece."""
        return self.count - len(self._open) - self.padding

    def push(self, probability: float) -> Iterator[_Piece]:
        self.count += 1
        if not self._open:
            if probability >= self.rule.onset:
                self._open, self._voiced = [probability], 1
            return
        self._open.append(probability)
        if probability >= self.rule.offset:
            self._voiced = len(self._open)
        if len(self._open) - self._voiced >= self.pause:
            yield from self.finish()
        elif len(self._open) >= self.longest:
            yield from self._cut()

    def finish(self) -> Iterator[_Piece]:
        """Close the open segment at its last voiced frame."""
        begin, voiced = self.count - len(self._open), self._open[: self._voiced]
        if voiced and (self._continued or len(voiced) >= self.shortest):
            yield self._piece(begin, voiced, after=self.padding)
        self._open, self._voiced, self._continued = [], 0, False

    def _cut(self) -> Iterator[_Piece]:
        half = len(self._open) // 2
        at = half + int(np.argmin(self._open[half:]))
        yield self._piece(self.count - len(self._open), self._open[:at], after=0)
        # Where the weakest place is a beginning pause, no frame after it is voiced yet.
        self._open, self._voiced, self._continued = self._open[at:], max(0, self._voiced - at), True

    def _piece(self, begin: int, probabilities: list[float], after: int) -> _Piece:
        before = 0 if self._continued else self.padding
        return _Piece(begin - before, begin + len(probabilities) + after, float(np.mean(probabilities)))


class CausalSpeech:
    """Silero VAD one frame at a time: a probability depends on what was heard so far and on nothing that follows.

    Between frames it carries the network's recurrent state and the last 64 samples; the look-ahead is 0.

    Args:
        session: An onnxruntime session of the network; by default the fetched asset `silero-vad`.

    Raises:
        AssetError: If the asset has not been fetched.
    """

    def __init__(self, session: InferenceSession | None = None) -> None:
        self._session = session or network()
        self._state, self._context = np.zeros((2, 1, 128), np.float32), np.zeros(_CONTEXT, np.float32)

    def __call__(self, frame: np.ndarray) -> float:
        """Probability of speech in the next frame, (512,) float32 at 16 kHz."""
        output, self._state = self._session.run(
            None,
            {
                "input": np.concatenate([self._context, frame])[None],
                "state": self._state,
                "sr": np.array(RATE, np.int64),
            },
        )
        self._context = frame[-_CONTEXT:]
        return float(output[0, 0])


def network() -> InferenceSession:
    """A session of the fetched asset `silero-vad`."""
    from affectus import assets, backbones

    # Each call is tiny and waits for the one before: a second thread only costs.
    return backbones.session(assets.path("silero-vad"), threads=1)


class SpeechDetector:
    """Silero VAD with its state.

    Args:
        rule: How probabilities become segments.
        session: An onnxruntime session of the network; by default the fetched asset `silero-vad`.

    Raises:
        AssetError: If the asset has not been fetched.
    """

    def __init__(self, rule: Hysteresis | None = None, session: InferenceSession | None = None) -> None:
        self.rule = rule or Hysteresis()
        self._session = session or network()

    def spoken(self, blocks: Iterable[tuple[float, np.ndarray]]) -> Iterator[tuple[Segment, np.ndarray]]:
        """Segments of speech with their sound, as soon as they end.

        Args:
            blocks: (time of the first sample in seconds, (samples,) float in [-1, 1] at 16 kHz), each following the
                one before; `affectus.media.blocks` gives them.

        Yields:
            Segment and its wave, float32.

        Raises:
            InputError: If a block is not one-dimensional or does not follow the one before.
        """
        cutter, listening = _Cutter(self.rule), CausalSpeech(self._session)
        held: list[np.ndarray] = []  # frames that may still belong to a piece
        first = 0  # index of held[0]
        origin = 0.0
        total = 0

        def sound(piece: _Piece) -> tuple[Segment, np.ndarray]:
            begin, end = max(0, piece.first), min(piece.last * FRAME, total)
            wave = np.concatenate(held[begin - first : piece.last - first])[: end - begin * FRAME]
            return Segment(origin + begin * FRAME / RATE, origin + end / RATE, piece.probability), wave

        for number, (time, frame) in enumerate(frames(blocks)):
            if number == 0:
                origin = time
            padded = np.zeros(FRAME, np.float32)
            padded[: frame.size] = frame
            held.append(padded)
            total += frame.size
            yield from map(sound, list(cutter.push(listening(padded))))
            drop = min(cutter.wanted, number + 1) - first
            if drop > 0:
                del held[:drop]
                first += drop
        yield from map(sound, list(cutter.finish()))

    def speech(self, blocks: Iterable[tuple[float, np.ndarray]]) -> Iterator[Segment]:
        """The segments of `spoken` without their sound."""
        return (segment for segment, _ in self.spoken(blocks))


def speech(blocks: Iterable[tuple[float, np.ndarray]], rule: Hysteresis | None = None) -> Iterator[Segment]:
    """Where somebody speaks; see `SpeechDetector.spoken` for the blocks and errors."""
    return SpeechDetector(rule).speech(blocks)


def frames(blocks: Iterable[tuple[float, np.ndarray]]) -> Iterator[tuple[float, np.ndarray]]:
    """The sound in frames of 32 ms, the last one shorter, each with its time; NaN and infinity become silence."""
    rest = np.zeros(0, np.float32)
    origin: float | None = None
    heard = 0
    for time, wave in blocks:
        wave = np.asarray(wave, np.float32)
        if wave.ndim != 1:
            raise InputError(
                f"a block of sound has shape {wave.shape}", allowed="(samples,)", remedy="mix the channels to one"
            )
        origin = time if origin is None else origin
        expected = origin + heard / RATE
        if abs(time - expected) > FRAME / RATE:
            raise InputError(
                f"a block of sound begins at {time:.3f} s",
                allowed=f"{expected:.3f} s",
                remedy="give blocks without gaps, at 16 kHz",
            )
        heard += wave.size
        wave = np.concatenate([rest, np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0)])
        for begin in range(0, wave.size - FRAME + 1, FRAME):
            yield origin, wave[begin : begin + FRAME]
        rest = wave[wave.size - wave.size % FRAME :]
    if rest.size and origin is not None:
        yield origin, rest
