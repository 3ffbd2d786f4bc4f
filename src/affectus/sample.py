"""`Sample` and `Dialogue`: the things that are read. Media are lazy: a path and a range, decoded on every call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from affectus.errors import InputError

if TYPE_CHECKING:
    from affectus.media import Fault
    from affectus.timeline import Timeline


class Span(NamedTuple):
    """Where a reading stands: the index of every timeline. Seconds, half-open."""

    source: str
    track: str | None = None
    item: int | None = None
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Media:
    """A stretch of a media file, or an array that is already in memory.

    Args:
        kind: What it is.
        path: File to decode from.
        array: Instead of a path: wave (samples,) float32 in [-1, 1]; image (h, w, 3) uint8 RGB; frames (t, h, w, 3)
            uint8 RGB;
            signal (channels, samples).
        rate: Samples or frames a second of `array`.
        start: First second of the stretch within the file.
        end: End of the stretch (half-open); None is the end of the file.
    """

    kind: Literal["audio", "video", "image", "signal"]
    path: Path | None = None
    array: np.ndarray | None = field(default=None, repr=False, compare=False)
    rate: float | None = None
    start: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        if (self.path is None) == (self.array is None):
            raise InputError("media need a path or an array", allowed="exactly one of the two")
        if self.array is not None and self.kind in ("audio", "video", "signal") and not self.rate:
            raise InputError(
                f"a {self.kind} array came without its rate", remedy="pass rate=… (samples or frames a second)"
            )


@dataclass(frozen=True, eq=False)
class Sample:
    """One thing to read: any of text, wave, frames, image, signal and precomputed features.

    Args:
        id: Unique within its corpus or file.
        source: File or corpus it came from.
        item: Row, turn or picture number within the source.
        text: Words.
        media: Sound or picture.
        features: Precomputed arrays by name.
        track: Speaker, face or channel.
        start: Seconds within the source, for timed text or a stretch of media.
        end: Seconds, half-open.
        language: BCP-47 tag, when known.
        gold: Labels given by people; one row a judgement, so several where perspectives or raters differ.
        groups: What the sample shares with others, by kind: author, speaker, dialogue, article. A fair split cuts
            through none of them.
    """

    id: str
    source: str = ""
    item: int | None = None
    text: str | None = None
    media: Media | None = None
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    track: str | None = None
    start: float | None = None
    end: float | None = None
    language: str | None = None
    gold: Timeline | None = None
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def span(self) -> Span:
        """The index of readings of this sample."""
        return Span(self.source or self.id, self.track, self.item, self.start, self.end)

    def judged(self, name: str, perspective: str | None = None, by: str | None = None) -> np.ndarray | None:
        """Gold scores on a scale, (k,) float32, or None if there are none.

        Args:
            name: Of the scale.
            perspective: Whose feeling, where the sample has gold from several; the only one is taken as it is.
            by: Who judged; None takes the first.
        """
        if self.gold is None or name not in self.gold.table.column_names:
            return None
        scores = self.gold.scores(name)
        if len(scores) == 1 and by is None:
            return None if np.isnan(scores).all() else scores[0]
        rows = [i for i, row in enumerate(scores) if not np.isnan(row).all()]
        whose, judges = self.gold.column("perspective"), self.gold.column("by")
        if perspective is not None and len({whose[i] for i in rows}) > 1:
            rows = [i for i in rows if whose[i] == perspective]
        rows = [i for i in rows if by is None or judges[i] == by]
        return scores[rows[0]] if rows else None

    def _media(self, *kinds: str) -> Media:
        if self.media is None or self.media.kind not in kinds:
            has = self.media.kind if self.media else "none"
            raise InputError(f"sample {self.id!r} has media {has!r}", allowed=" or ".join(kinds))
        return self.media

    def wave(self, rate: int, faults: list[Fault] | None = None) -> np.ndarray:
        """Mono sound, (samples,) float32 in [-1, 1] at `rate` Hz."""
        media = self._media("audio", "video")
        if media.array is not None and media.kind == "audio":
            from affectus.media import resample

            return resample(np.asarray(media.array, np.float32), int(media.rate or 0), rate)
        if media.path is None:
            raise InputError(f"sample {self.id!r} holds frames without sound", allowed="audio")
        from affectus.media import read_wave

        return read_wave(media.path, rate, media.start, media.end, faults=faults)

    def frames(self, fps: float | None = None, faults: list[Fault] | None = None) -> Iterator[tuple[float, np.ndarray]]:
        """Pictures as (seconds, (h, w, 3) uint8 RGB), at `fps` or as stored."""
        media = self._media("video")
        if media.array is not None:
            step = max(1, round((media.rate or 1) / fps)) if fps else 1
            return ((i / (media.rate or 1), media.array[i]) for i in range(0, len(media.array), step))
        from affectus.media import frames

        assert media.path is not None  # Media holds exactly one of array and path
        return frames(media.path, fps, media.start, media.end, faults=faults)

    def image(self, faults: list[Fault] | None = None) -> np.ndarray:
        """The picture, (h, w, 3) uint8 RGB."""
        media = self._media("image")
        if media.array is not None:
            return media.array
        from affectus.media import read_image

        assert media.path is not None
        return read_image(media.path, faults)

    def signal(self) -> np.ndarray:
        """The signal, (channels, samples)."""
        return np.asarray(self._media("signal").array)


BIG_FIVE = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")


@dataclass(frozen=True)
class Persona:
    """Who speaks: a name, traits in [0, 1] (`BIG_FIVE`) and free attributes."""

    name: str
    traits: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Dialogue:
    """Turns in order. Context is given to a reader as a dialogue; the reading is of each turn."""

    turns: tuple[Sample, ...]
    persona: Mapping[str, Persona] = field(default_factory=dict)
    id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", tuple(self.turns))


Item: TypeAlias = Sample | Dialogue


def as_items(items: Iterable[Item | str] | Item | str) -> list[Item]:
    """Accept plain strings (texts) beside samples and dialogues.

    Raises:
        InputError: For anything else, with its type.
    """
    if isinstance(items, str | Sample | Dialogue):
        items = [items]
    out: list[Item] = []
    for i, item in enumerate(items):
        if isinstance(item, str):
            item = Sample(id=str(i), source="texts", item=i, text=item)
        if not isinstance(item, Sample | Dialogue):
            raise InputError(f"item {i} is a {type(item).__name__}", allowed="Sample, Dialogue or text (str)")
        out.append(item)
    return out


def flatten(items: Iterable[Item]) -> list[Sample]:
    """All samples, turns of dialogues included, in order."""
    return [turn for item in items for turn in (item.turns if isinstance(item, Dialogue) else (item,))]


def conversations(items: Iterable[Item | str]) -> list[Item]:
    """Neighbouring samples of one source as one dialogue, which is how corpora and chats list their turns."""
    out: list[Item] = []
    for (bare, source), group in groupby(
        as_items(items), key=lambda i: (isinstance(i, Sample), getattr(i, "source", ""))
    ):
        found = list(group)
        out += [Dialogue(tuple(s for s in found if isinstance(s, Sample)), id=source)] if bare and source else found
    return out


__all__ = ["BIG_FIVE", "Dialogue", "Item", "Media", "Persona", "Sample", "Span", "as_items", "conversations", "flatten"]
