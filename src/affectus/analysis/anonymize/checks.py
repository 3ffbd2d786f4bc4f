"""What must hold of a changed voice before it is written."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from affectus.errors import FileError, OutputError
from affectus.frontends.speech import Segment, Speakers, SpeechDetector, Voice, VoiceEncoder

RATE = 16_000  # Hz
MOVED = 0.75
"""Cosine of the voice prints of a stretch of speech before and after, above which a verifier would still take them for
one speaker: about where GE2E's false acceptances and rejections balance on unchanged EMO-DB and RAVDESS. Such a result
is not written."""
STRANGE = 0.7
"""Cosine below which no further voice is drawn. Of pairs of recordings of different speakers of one sex, about two in
three lie below it (unchanged, EMO-DB's speakers 03 08 09 10 11 and RAVDESS's actors 1 to 4). Lower thresholds hid these
speakers about as well, and take more voices."""
_SILENT = 1e-4  # peak
_FULL = 0.999  # of full scale
_SAME = 1e-3  # root mean square of the difference, as a share of the input's
_SPEECH = 0.2  # share of the sound below which there is a remark
_HEARD = 0.4  # seconds of speech that a voice print needs


class Ears(VoiceEncoder):
    """A voice encoder that also keeps the sum of the prints that it heard last."""

    def __init__(self) -> None:
        super().__init__()
        self.last = np.zeros(256)

    def voice(self, wave: np.ndarray, hop: float = 0.4) -> Voice:
        """See `VoiceEncoder.voice`."""
        heard = super().voice(wave, hop)
        self.last = heard.prints.sum(0, dtype=np.float64)
        return heard


@dataclass
class Check:
    """Hears every stretch before and after, and says at the end whether the result may be written."""

    seconds: float = 0.0
    spoken: float = 0.0
    first: float | None = None
    peak: float = 0.0
    full: int = 0
    finite: bool = True
    power: float = 0.0
    difference: float = 0.0
    samples: int = 0
    given: int = 0
    likeness: list[tuple[float, float]] = field(default_factory=list)
    _detector: SpeechDetector = field(default_factory=SpeechDetector)
    _before: Ears = field(default_factory=Ears)
    _after: Ears = field(default_factory=Ears)

    def __post_init__(self) -> None:
        self._speakers = Speakers(encoder=self._before)

    def hear(self, before: np.ndarray, after: np.ndarray) -> None:
        """One stretch: what came in, and what it became, (samples,) each."""
        self.given += len(before)
        self.samples += len(after)
        start = self.seconds
        self.seconds += len(before) / RATE
        if len(before) != len(after):
            return
        self.finite &= bool(np.isfinite(after).all())
        self.peak = max(self.peak, float(np.abs(after).max(initial=0)))
        self.full += int((np.abs(after) >= _FULL).sum())
        self.power += float((before.astype(np.float64) ** 2).sum())
        self.difference += float(((before - after).astype(np.float64) ** 2).sum())
        for segment, wave in self._detector.spoken([(0.0, before)]):
            first = max(0, round(segment.start * RATE))
            placed = Segment(start + segment.start, start + segment.end, segment.probability)
            self.first = placed.start if self.first is None else self.first
            self._speakers.add(placed, wave)
            self._after.voice(after[first : first + len(wave)])
            self.spoken += segment.seconds
            lengths = np.linalg.norm(self._before.last) * np.linalg.norm(self._after.last)
            if lengths > 0:
                self.likeness.append((float(self._before.last @ self._after.last / lengths), segment.seconds))

    @property
    def similarity(self) -> float:
        """Cosine of the voice prints before and after, mean over the stretches of speech by length; NaN without any.

        Prints of a whole recording would be alike however it was changed: over minutes and several voices they come
        near to what all speech has in common.
        """
        if not self.likeness:
            return float("nan")
        cosines, seconds = zip(*self.likeness, strict=True)
        return float(np.average(cosines, weights=seconds))

    @property
    def strange(self) -> bool:
        """Whether the new voice is as unlike the old as that of another person."""
        return self.similarity < STRANGE

    @property
    def moved(self) -> bool:
        """Whether a verifier would take the new voice for another."""
        return self.similarity < MOVED

    def require_speech(self, name: str) -> None:
        """Raise `FileError` if there was no speech to anonymise."""
        if self.spoken < _HEARD:
            raise FileError(
                f"no speech was heard in {name!r} ({self.seconds:.1f} s, {self.spoken:.1f} s of speech)",
                allowed="recordings of speech",
                remedy="music, noise and silence hold no voice to hide; leave the file out",
            )

    def refuse(self, name: str) -> None:
        """Raise `OutputError` with every reason why the result must not be written."""
        reasons = []
        if self.samples != self.given:
            reasons.append(f"it has {self.samples} samples instead of {self.given}")
        if not self.finite:
            reasons.append("it holds values that are not finite")
        if self.peak < _SILENT:
            reasons.append("it is silent")
        if self.full:
            reasons.append(f"{self.full} of its samples are clipped")
        if self.difference <= _SAME**2 * self.power:
            reasons.append("it is the input")
        if not self.moved:
            reasons.append(
                f"the voice is still like the speaker's (cosine {self.similarity:.2f}, below {MOVED} wanted)"
            )
        if reasons:
            raise OutputError(
                f"the anonymised {name!r} was not written: {'; '.join(reasons)}",
                remedy="run again (another voice is drawn), or choose another --method",
            )

    def remarks(self) -> list[str]:
        """What the user should know about a result that is fine."""
        out = []
        share = self.spoken / max(self.seconds, 1e-9)
        if share < _SPEECH:
            out.append(f"little-speech: {share:.0%} of the sound; music and noise went through the voice changer too")
        voices = len({turn.track for turn in self._speakers.turns()}) if self.spoken else 0
        if voices > 1:
            out.append(f"several-voices: about {voices} were heard and all were changed in one way; they stay apart")
        return out
