"""What is said, and how sure that is: Whisper tiny.en over speech segments, or a transcript that the caller has.

Speech is handed to the recogniser in groups of at most 28 s, so that memory does not grow and the cost of Whisper's
fixed 30-second window is shared. Words come back with their times and probabilities; sentences are built from them.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from affectus.errors import InputError
from affectus.frontends.speech.vad import RATE, Segment

if TYPE_CHECKING:
    from affectus.frontends.speech.speakers import Turn

LANGUAGES = ("en",)
"""Languages that the embedded recogniser knows."""

LOW_CONFIDENCE = "transcript:low-confidence"
REPETITIVE = "transcript:repetitive"
NO_SPEECH = "transcript:no-speech"
OTHER_LANGUAGE = "transcript:other-language"

# Whisper's own limits (Radford et al. 2022, arXiv:2212.04356, section 4.5).
LEAST_LOG_PROBABILITY = -1.0
MOST_COMPRESSION = 2.4
MOST_NO_SPEECH = 0.6

DOUBT = -0.6
"""Mean log probability of words below which they are taken for another language."""
_FEW_WORDS = 3  # fewer say nothing about the language

_GROUP = 28.0  # seconds; Whisper hears 30
_PAUSE = 0.4  # seconds of silence that stand for a pause between segments of a group
_SENTENCE = 20.0  # seconds; a longer run of words without a full stop is cut
_BREAK = 1.5  # seconds without a word that end a sentence


@dataclass(frozen=True)
class Word:
    """A word with its place and the probability that the recogniser gave it (1 when a person wrote it)."""

    start: float
    end: float
    text: str
    probability: float


@dataclass(frozen=True)
class Passage:
    """What the recogniser made of one stretch of at most 30 seconds.

    Args:
        words: In order of time.
        log_probability: Mean natural logarithm over the tokens.
        compression_ratio: Bytes of the text divided by its size after zlib; high when it repeats itself.
        no_speech_probability: Of the token that says "no speech".
    """

    words: tuple[Word, ...]
    log_probability: float
    compression_ratio: float
    no_speech_probability: float


@dataclass(frozen=True)
class Sentence:
    """Words of one speaker up to a full stop.

    Args:
        start: Seconds.
        end: Seconds, half-open.
        text: As recognised or given.
        track: Who says it, when turns were given.
        words: With times; empty for a given transcript.
        log_probability: Mean natural logarithm of the word probabilities; None for a given transcript.
        flags: Why it should not be read as text (`transcript:…`); empty when it may be.
    """

    start: float
    end: float
    text: str
    track: str | None = None
    words: tuple[Word, ...] = ()
    log_probability: float | None = None
    flags: tuple[str, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether the words can be relied on."""
        return not self.flags


def supports(language: str | None) -> bool:
    """Whether the embedded recogniser knows a language (BCP-47 tag; None is taken for English)."""
    return language is None or language.lower().split("-")[0].split("_")[0] in LANGUAGES


class Transcriber:
    """Whisper tiny.en through CTranslate2, int8, greedy and without sampling: the same sound gives the same words.

    Args:
        language: BCP-47 tag of what is spoken.
        threads: Processor threads; by default `OMP_NUM_THREADS`, else all cores up to four.

    Raises:
        InputError: If the recogniser does not know the language.
        AssetError: If the asset `whisper-tiny-en` has not been fetched.
    """

    def __init__(self, language: str | None = "en", threads: int | None = None) -> None:
        if not supports(language):
            raise InputError(
                f"the embedded recogniser does not know the language {language!r}",
                allowed=", ".join(LANGUAGES),
                remedy="give the words with --transcript FILE.srt, or go without words",
            )
        from affectus import assets

        folder = assets.path("whisper-tiny-en", "ct2")
        from faster_whisper import WhisperModel

        threads = threads or int(os.environ.get("OMP_NUM_THREADS") or 0) or min(4, os.cpu_count() or 1)
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)

    def passages(self, spoken: Iterable[tuple[Segment, np.ndarray]]) -> Iterator[Passage]:
        """Recognise segments of speech.

        Args:
            spoken: Segments in order with their 16 kHz sound, as `SpeechDetector.spoken` gives them.

        Yields:
            Passages in order of time; stretches in which nothing was recognised are left out.
        """
        for group in groups(spoken):
            yield from self._recognise(group)

    def _recognise(self, group: Group) -> Iterator[Passage]:
        heard, _ = self._model.transcribe(
            group.wave,
            language="en",
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            no_speech_threshold=None,
        )
        # The figures belong to a whole decoding, which Whisper hands out in several parts.
        for _, decoding in groupby(heard, key=lambda part: part.seek):
            parts = list(decoding)
            words = tuple(_placed(word, group) for part in parts for word in part.words or () if _spoken(word))
            if words:
                last = parts[-1]
                yield Passage(words, last.avg_logprob, last.compression_ratio, last.no_speech_prob)


@dataclass(frozen=True)
class Group:
    """Neighbouring segments in one wave, with where each of them stands in it."""

    wave: np.ndarray
    segments: tuple[Segment, ...]
    offsets: tuple[float, ...]  # seconds within the wave at which each segment begins


def groups(spoken: Iterable[tuple[Segment, np.ndarray]], longest: float = _GROUP) -> Iterator[Group]:
    """Join segments with short pauses into waves of at most `longest` seconds; a longer segment stands alone."""
    parts: list[np.ndarray] = []
    segments: list[Segment] = []
    offsets: list[float] = []
    size = 0
    for segment, wave in spoken:
        gap = min(_PAUSE, max(0.0, segment.start - segments[-1].end)) if segments else 0.0
        pause = np.zeros(round(gap * RATE), np.float32)
        if segments and size + pause.size + wave.size > longest * RATE:
            yield Group(np.concatenate(parts), tuple(segments), tuple(offsets))
            parts, segments, offsets, size, pause = [], [], [], 0, pause[:0]
        parts += [pause, np.asarray(wave, np.float32)]
        offsets.append((size + pause.size) / RATE)
        segments.append(segment)
        size += pause.size + wave.size
    if segments:
        yield Group(np.concatenate(parts), tuple(segments), tuple(offsets))


def _spoken(word: Any) -> bool:
    return any(letter.isalnum() for letter in word.word)


def _placed(word: Any, group: Group) -> Word:
    start, end = float(word.start), float(word.end)
    middle = (start + end) / 2
    # A word that leans over a pause belongs to the segment of its middle.
    index = max(0, int(np.searchsorted(group.offsets, middle, side="right")) - 1)
    segment, offset = group.segments[index], group.offsets[index]
    first = min(max(segment.start + start - offset, segment.start), segment.end)
    last = min(max(segment.start + end - offset, first), segment.end)
    return Word(first, last, word.word.strip(), float(word.probability))


def sentences(passages: Iterable[Passage], turns: Sequence[Turn] = ()) -> list[Sentence]:
    """Words → sentences: cut at full stops, long pauses and changes of speaker; flagged where they can't be relied on.

    Args:
        passages: From `Transcriber.passages`.
        turns: Who speaks when; a word goes to the turn that it overlaps most, else to the nearest.

    Returns:
        In order of time.
    """
    passages = list(passages)
    owner = _owner(turns)
    foreign = other_language(passages)
    out: list[Sentence] = []
    for passage in passages:
        flags = [*_limits(passage), *([OTHER_LANGUAGE] if foreign else [])]
        held: list[Word] = []
        track: str | None = None
        for word in passage.words:
            speaker = owner(word.start, word.end)
            if held and (
                speaker != track
                or held[-1].text.endswith((".", "?", "!", "…"))
                or word.start - held[-1].end > _BREAK
                or word.end - held[0].start > _SENTENCE
            ):
                out.append(_sentence(held, track, flags))
                held = []
            held, track = [*held, word], speaker
        if held:
            out.append(_sentence(held, track, flags))
    return out


def from_cues(cues: Iterable[tuple[float, float, str]], turns: Sequence[Turn] = ()) -> list[Sentence]:
    """Sentences of a transcript that was given: (start, end, text) in seconds; blank cues are left out."""
    owner = _owner(turns)
    return [
        Sentence(start, end, " ".join(text.split()), owner(start, end))
        for start, end, text in sorted(cues)
        if text.strip()
    ]


def _sentence(words: Sequence[Word], track: str | None, flags: Sequence[str]) -> Sentence:
    log = mean_log(words)
    found = dict.fromkeys(flags)
    if log < LEAST_LOG_PROBABILITY:
        found[LOW_CONFIDENCE] = None
    text = " ".join(word.text for word in words)
    return Sentence(words[0].start, words[-1].end, text, track, tuple(words), log, tuple(found))


def mean_log(words: Sequence[Word]) -> float:
    """Mean natural logarithm of the probabilities of words."""
    return float(np.mean(np.log(np.maximum([word.probability for word in words], 1e-4))))


def _limits(passage: Passage) -> list[str]:
    out = []
    unsure = min(passage.log_probability, mean_log(first_said(passage.words))) < LEAST_LOG_PROBABILITY
    if unsure:
        out.append(LOW_CONFIDENCE)
    if passage.compression_ratio > MOST_COMPRESSION:
        out.append(REPETITIVE)
    if unsure and passage.no_speech_probability > MOST_NO_SPEECH:
        out.append(NO_SPEECH)
    return out


def other_language(passages: Sequence[Passage]) -> bool:
    """Whether a recording is spoken in a language that the recogniser does not know.

    It was trained on English alone and writes English-looking words for anything, but it doubts them. Whisper's limits
    look at one passage and let many such words through, so the doubt is pooled over the words of the recording. The
    threshold parts German from English speech of development speakers (benchmarks/who_speaks.py).
    """
    fresh = [word for passage in passages for word in first_said(passage.words)]
    return len(fresh) >= _FEW_WORDS and mean_log(fresh) < DOUBT


def first_said(words: Sequence[Word]) -> list[Word]:
    """The words that do not merely repeat: a recogniser that runs in circles is ever surer of them.

    A word is a repetition if it and the two words before it were said in this order before.
    """
    plain = [re.sub(r"\W", "", word.text.lower()) for word in words]
    seen: set[tuple[str, ...]] = set()
    out = []
    for i, word in enumerate(words):
        triple = tuple(plain[max(0, i - 2) : i + 1])
        if triple not in seen:
            out.append(word)
        seen.add(triple)
    return out


def _owner(turns: Sequence[Turn]) -> Callable[[float, float], str | None]:
    """Who speaks in a stretch: the turn that overlaps it most, else the nearest one."""
    if not turns:
        return lambda start, end: None
    ordered = sorted(turns, key=lambda turn: turn.start)
    starts = [turn.start for turn in ordered]

    def owner(start: float, end: float) -> str:
        low = max(0, bisect_right(starts, start) - 1)
        near = ordered[low : bisect_right(starts, end) + 1] or ordered[-1:]
        return max(near, key=lambda turn: min(end, turn.end) - max(start, turn.start)).track

    return owner
