"""What is known of the readers that were used: measured accuracy, abstentions, flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from affectus.analysis.lanes import Lane
from affectus.card import CheckpointCard, Measured
from affectus.page import figure_bar
from affectus.timeline import Timeline

_FLAGS = {
    "abstained:low-confidence": "no label was probable enough to be decided",
    "abstained:no-speech": "hardly any speech was heard in it, so nothing was decided",
    "abstained:out-of-distribution": "unlike anything that the reader was calibrated on, so nothing was decided",
    "small-face": "the face is small in the picture, so its details are missing",
    "no-face": "no face was found, so nothing was read",
    "transcript:low-confidence": "the transcript can't be relied on here, so its words were not read",
    "transcript:no-speech": "what was transcribed is probably no speech, so it was not read",
    "transcript:other-language": "the language is not one that the reader of words knows",
    "transcript:repetitive": "the transcript repeats itself, a sign of invented words, so it was not read",
    "clipped": "the recording is overdriven: loud samples stand at full scale",
    "non-finite-replaced": "samples that were no numbers are taken as silence",
    "phase-cancelled": "the channels cancel each other where they are mixed, so little is left to hear",
    "gap": "nothing was recorded for a while; silence stands there",
    "broken-audio": "a part of the sound could not be decoded; silence stands there",
    "constant": "the recording holds one value throughout, so there is nothing to hear",
    "dc-offset": "the recording has an offset, which was taken away; its loud parts may be cut on one side",
    "narrow-band": "there is nothing above 4 kHz, as on the telephone; the reader learned from whole-band sound",
    "silent": "there is no sound to hear, so nothing was read",
    "short": "there is less than 0.3 s of sound, so nothing was read",
    "overlapping-speech": "several people seem to speak at once, so the reading is nobody's",
    "echo": "the sound comes again after a fixed delay, so several voices at once can't be told from one",
    "over-long": "only the first ten minutes were read",
    "single-modality": "a fused reading that rests on one modality alone",
}


@dataclass(frozen=True)
class Figure:
    """A measured figure as it is shown.

    Args:
        metric: Name of the metric.
        text: Value with its interval.
        bar: Drawing, for figures between 0 and 1.
        data: On what it was measured, and by which protocol.
        note: What else must be said.
    """

    metric: str
    text: str
    bar: Markup | None
    data: str
    note: str


@dataclass(frozen=True)
class ReaderUsed:
    """A reader and how much of the result is from it.

    Args:
        name: Checkpoint.
        title: One line of its card.
        modality: What it read here.
        perspective: Whose feeling it speaks of.
        readings: Number of its readings.
        abstained: Number of those without a decision.
        figures: Headline figures of its card.
    """

    name: str
    title: str
    modality: str
    perspective: str
    readings: int
    abstained: int
    figures: tuple[Figure, ...]


def readers_used(timeline: Timeline, found: Sequence[Lane], cards: Mapping[str, CheckpointCard]) -> list[ReaderUsed]:
    """The readers of a timeline with the headline figures of their cards, in order of appearance."""
    rows = []
    for name in dict.fromkeys(lane.by for lane in found):
        own = [lane for lane in found if lane.by == name]
        card = cards.get(name)
        held = timeline.where(by=name).table["perspective"].unique().to_pylist()
        rows.append(
            ReaderUsed(
                name=name or "unnamed reader",
                title=card.title if card else "",
                modality=", ".join(dict.fromkeys(lane.modality for lane in own)),
                perspective=", ".join(p for p in held if p),
                readings=sum(len(lane) for lane in own),
                abstained=sum(int(lane.abstained.sum()) for lane in own if lane.labelled),
                figures=tuple(_figure(f) for f in card.figures if f.headline) if card else (),
            )
        )
    return rows


def _figure(measured: Measured) -> Figure:
    low, high = measured.low, measured.high
    share = all(0 <= v <= 1 for v in (measured.value, low, high) if v is not None)
    text = f"{measured.value:.3f}" if share else f"{measured.value:.3g}"
    if low is not None and high is not None:
        text += f" ({low:.3f}–{high:.3f})" if share else f" ({low:.3g}–{high:.3g})"
    notes = (measured.interval, measured.note, "" if measured.verified else "published, not run here")
    return Figure(
        metric=measured.metric,
        text=text,
        bar=figure_bar(measured.value, low, high) if share else None,
        data=f"{measured.data}, {measured.split}, n = {measured.n:,}; protocol {measured.protocol}",
        note="; ".join(note for note in notes if note),
    )


def flag_counts(timeline: Timeline, most: int = 40) -> list[tuple[str, str, int]]:
    """The most frequent flags: name, meaning, number of readings that bear it."""
    counts = Counter(flag for flags in timeline.column("flags") for flag in flags or ())
    return [(flag, _meaning(flag), n) for flag, n in counts.most_common(most)]


def _meaning(flag: str) -> str:
    if flag.startswith("derived:"):
        return f"{flag.removeprefix('derived:')} was computed from the labels' probabilities, not read by itself"
    return _FLAGS.get(flag, "")
