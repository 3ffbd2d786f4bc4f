"""Sound and video → voices, words, faces and people, fused; in constant memory for any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from affectus import progress
from affectus.analysis.fusion import fuse
from affectus.analysis.people import Person, name_people, rename
from affectus.analysis.plan import Source
from affectus.analysis.read import Log, reader
from affectus.analysis.read_dialogue import read_dialogues, spoken
from affectus.analysis.read_text import read_words
from affectus.analysis.settings import Settings
from affectus.media import Fault, blocks, probe
from affectus.sample import Dialogue, Media, Sample, Span
from affectus.taxonomy import scale
from affectus.timeline import Timeline

if TYPE_CHECKING:
    from affectus.frontends.speech.active_speaker import Mouth
    from affectus.frontends.speech.speakers import Turn
    from affectus.frontends.speech.transcript import Sentence

RATE = 16_000  # Hz
RIG = "arkit-52"
TOLD = ("clipped", "non-finite-replaced", "phase-cancelled", "gap", "broken-audio", "timestamps")
"""Faults of sound that stand on the readings they touch; the others speak of the file as a whole."""
_CHUNK = 32  # turns whose sound is held at a time


def read_media(source: Source, settings: Settings, log: Log) -> Timeline:
    """Read a file of sound, pictures or both.

    Args:
        source: The file.
        settings: Choices of the user.
        log: Receives times, faults and remarks.
    """
    info = probe(source.path)
    turns, sentences = _listen(source, settings, log) if info.audio else ([], [])
    words, talk = _words(source, sentences, settings, log)
    parts = [
        _voices(source, turns, settings, log),
        words,
        _faces(source, settings, log) if info.video else Timeline.empty(),
    ]
    people = _people(parts[2], turns, source, log)
    readings = rename(Timeline.concat(parts), people)
    with log.stage("fusion"):
        fused = Timeline.concat([fuse(_of(readings, p), _spans(readings, p)) for p in people])
    return Timeline.concat([fused, readings, _conversation(talk, people, settings, log)])


# -- voices and words --------------------------------------------------------------------------------------------------
def _listen(source: Source, settings: Settings, log: Log) -> tuple[list[Turn], list[Sentence]]:
    """Who speaks when, and what is said: one pass over the sound."""
    from affectus.frontends.speech.speakers import Speakers
    from affectus.frontends.speech.transcript import from_cues, sentences
    from affectus.frontends.speech.vad import SpeechDetector

    listener, passages = Speakers(), []

    def heard() -> Iterator[tuple[Any, np.ndarray]]:
        sound = _timed(blocks(source.path, RATE, faults=log.faults), source, "listening")
        for segment, wave in SpeechDetector().spoken(sound):
            listener.add(segment, wave)
            yield segment, wave

    transcriber = _transcriber(settings, log)
    with log.stage("speech"):
        if transcriber is not None:
            passages = list(transcriber.passages(heard()))
        else:
            for _ in heard():
                pass
        turns = listener.turns(settings.speakers)
    if not turns:
        log.notes.append("no speech was heard")
    if settings.transcript is not None:
        from affectus.formats.subtitles import read_subtitles

        cues = read_subtitles(settings.transcript)
        return turns, from_cues([(c.start, c.end, c.text) for c in cues], turns)
    return turns, sentences(passages, turns)


def _transcriber(settings: Settings, log: Log) -> Any:
    from affectus.frontends.speech.transcript import Transcriber, supports

    if settings.transcript is not None:
        return None
    if not supports(settings.language):
        log.notes.append(
            f"words were not read: the embedded recogniser knows English, not {settings.language!r}; give --transcript"
        )
        return None
    return Transcriber()


def _voices(source: Source, turns: Sequence[Turn], settings: Settings, log: Log) -> Timeline:
    """A reading of each turn."""
    if not turns:
        return Timeline.empty()
    parts, order = [], sorted(turns, key=lambda turn: turn.start)
    with progress.task("voices", len(order)) as advance, log.stage("voice"):
        waves = cut(blocks(source.path, RATE), [(turn.start, turn.end) for turn in order])
        pairs = zip(order, waves, strict=True)
        while chunk := list(islice(pairs, _CHUNK)):
            samples = [
                Sample(
                    id=f"{source.name}@{turn.start:.2f}",
                    source=source.name,
                    track=turn.track,
                    start=turn.start,
                    end=turn.end,
                    media=Media("audio", array=wave, rate=RATE),
                )
                for turn, wave in chunk
            ]
            parts.append(reader(settings.readers["voice"]).read(samples))
            advance(len(chunk))
    return _warned(Timeline.concat(parts), log.faults)


def _warned(readings: Timeline, faults: Sequence[Fault]) -> Timeline:
    """The readings, each with the kinds of the faults of the file that touch its time."""
    flags = [
        list(dict.fromkeys([*(own or ()), *(fault.kind for fault in faults if _touches(fault, start, end))]))
        for own, start, end in zip(*(readings.column(name) for name in ("flags", "start", "end")), strict=True)
    ]
    return readings.set_column("flags", flags)


def _touches(fault: Fault, start: float, end: float) -> bool:
    return fault.kind in TOLD and (
        fault.start is None or fault.end is None or (fault.start < end and fault.end > start)
    )


def cut(sound: Iterable[tuple[float, np.ndarray]], spans: Sequence[tuple[float, float]]) -> Iterator[np.ndarray]:
    """The sound of each span, from blocks in order; holds no more than a span and a block.

    Args:
        sound: (time of the first sample, samples at 16 kHz) without gaps.
        spans: (start, end) seconds, sorted by start.

    Yields:
        One wave a span; shorter where the sound ends before the span does.
    """
    held, origin, ended = np.zeros(0, np.float32), 0, False
    pieces = iter(sound)
    for start, end in spans:
        first, last = round(start * RATE), round(end * RATE)
        while not ended and origin + len(held) < last:
            piece = next(pieces, None)
            if piece is None:
                ended = True
                break
            if not len(held):
                origin = round(piece[0] * RATE)
            held = np.concatenate([held, piece[1]])
            drop = min(max(first - origin, 0), len(held))
            held, origin = held[drop:], origin + drop
        yield held[max(first - origin, 0) : max(last - origin, 0)]


def _words(source: Source, sentences: Sequence[Sentence], settings: Settings, log: Log) -> tuple[Timeline, Dialogue]:
    """A reading of each sentence, and the sentences that can be relied on as a conversation.

    Words that can't be relied on stand there unread, with the reason.
    """
    good = [s for s in sentences if s.readable]
    bad = [s for s in sentences if not s.readable]
    samples = [
        Sample(id=f"{source.name}#{i}", source=source.name, track=s.track, start=s.start, end=s.end, text=s.text)
        for i, s in enumerate(good)
    ]
    read = read_words(samples, settings, log, len(samples)) if samples else Timeline.empty()
    talk = Dialogue(tuple(samples), id=source.name)
    if not bad:
        return read, talk
    log.notes.append(f"{len(bad)} of {len(sentences)} sentences were not read: the transcript can't be relied on there")
    unread = Timeline.build(
        [Span(source.name, s.track, None, s.start, s.end) for s in bad],
        {},
        perspective=None,
        by="whisper-tiny-en",
        modality="text",
        text=[s.text for s in bad],
        flags=[list(s.flags) for s in bad],
    )
    return Timeline.concat([read, unread]), talk


def _conversation(talk: Dialogue, people: Sequence[Person], settings: Settings, log: Log) -> Timeline:
    """A reading of each sentence in its conversation, by the people's names; not fused, as the words are the same."""
    names = {p.speaker: p.name for p in people if p.speaker}
    known = replace(talk, turns=tuple(replace(t, track=names.get(t.track or "", t.track)) for t in talk.turns))
    return read_dialogues([known], settings, log) if spoken(known) else Timeline.empty()


# -- faces and people --------------------------------------------------------------------------------------------------
def _faces(source: Source, settings: Settings, log: Log) -> Timeline:
    """Readings of each face and window, and its motion frame by frame."""
    from affectus.frontends.faces import track_faces
    from affectus.media import frames

    with log.stage("face"):
        seen = _timed(frames(source.path, settings.fps, faults=log.faults), source, "looking")
        timeline: Timeline = reader(settings.readers["face"]).read_frames(
            track_faces(seen), source=source.name, window=settings.window
        )
    if not any(timeline.column("track")):
        log.notes.append("no face was found")
    return timeline


def _people(faces: Timeline, turns: Sequence[Turn], source: Source, log: Log) -> list[Person]:
    """Join voices with faces."""
    from affectus.frontends.speech.active_speaker import Loudness, active_speaker

    speakers = list(dict.fromkeys(turn.track for turn in sorted(turns, key=lambda t: t.start)))
    tracks = [t for t in dict.fromkeys(faces.column("track")) if t]
    joined = {}
    if speakers and tracks:
        with log.stage("people"):
            loudness = Loudness.of(blocks(source.path, RATE))
            matches = active_speaker(turns, _mouths(faces, tracks), loudness).matches
        joined = {m.speaker: (m.face, f"{m.reason} (score {m.score:.2f})") for m in matches}
    people = name_people(speakers, tracks, joined)
    log.notes += [f"{p.name} is {p.speaker} and {p.face}: {p.reason}" for p in people if p.speaker and p.face]
    return people


def _mouths(faces: Timeline, tracks: Sequence[str]) -> dict[str, Mouth]:
    """How far each face's mouth is open, from the frame-wise coefficients."""
    from affectus.frontends.speech.active_speaker import Mouth

    moving = faces[faces.column("target") == RIG]
    if not len(moving):
        return {}
    opening = moving.scores(RIG)[:, scale(RIG).index("jawOpen")]
    time, track = moving.column("start"), moving.column("track")
    return {t: Mouth(time[track == t], opening[track == t]) for t in tracks}


def _of(readings: Timeline, person: Person) -> Timeline:
    return readings.where(track=person.name)


def _spans(readings: Timeline, person: Person) -> list[Span]:
    """What is fused for a person: each turn of theirs, and each face window in which they are silent."""
    own = _of(readings, person)
    rows = {
        modality: [
            (a, b)
            for a, b, target in zip(part.column("start"), part.column("end"), part.column("target"), strict=True)
            if target and scale(target).kind != "level" and not np.isnan(a)
        ]
        for modality in ("voice", "text", "face")
        for part in (own.where(modality=modality),)
    }
    spoken = rows["voice"] or rows["text"]
    silent = [(a, b) for a, b in rows["face"] if _shared(a, b, spoken) < 0.5 * (b - a)]
    source = own.column("source")[0] if len(own) else ""
    return [Span(source, person.name, None, float(a), float(b)) for a, b in sorted([*spoken, *silent]) if b > a]


def _shared(start: float, end: float, spans: Sequence[tuple[float, float]]) -> float:
    return sum(max(0.0, min(end, b) - max(start, a)) for a, b in spans)


def _timed(pieces: Iterable[tuple[float, Any]], source: Source, name: str) -> Iterator[tuple[float, Any]]:
    """Pass timed pieces on and move a bar along the length of the file."""
    with progress.task(f"{source.name}: {name}", source.seconds) as advance:
        last = 0.0
        for at, piece in pieces:
            advance(max(at - last, 0.0))
            last = max(at, last)
            yield at, piece
