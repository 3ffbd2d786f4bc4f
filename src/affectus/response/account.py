"""What was read of a file, told in sentences: who shows what, when it changes, and which words speak for it.

Every figure and every word told stands in the timeline; no language model has a part in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affectus.affect import Affect
from affectus.errors import InputError, unknown
from affectus.response.reading import causes
from affectus.response.tables import patterns, plain, table, words
from affectus.taxonomy import scale
from affectus.timeline import Timeline

CHANNELS = ("fused", "text", "dialogue", "face", "voice")  # whose readings count where a person has several
NOBODY = "the text"  # name of a track without one
MOST_STRETCHES = 6  # that are told one by one
_MOST_CHANGES = 3
_MOST_WORDS = 3
_MOST_PEOPLE = 3


@dataclass(frozen=True)
class Stretch:
    """Neighbouring readings of one person with one label.

    Args:
        label: What was decided, the first of several.
        rows: The readings.
        lines: What the person said then, as read.
        change: Jensen–Shannon divergence in bits between the first reading and the one before; 0 for the first stretch.
    """

    label: str
    rows: tuple[Affect, ...]
    lines: tuple[Affect, ...]
    change: float

    @property
    def surest(self) -> Affect:
        """The reading with the highest score."""
        return max(self.rows, key=lambda row: row.scores[str(row.target)].get(self.label, 0.0))

    @property
    def words(self) -> tuple[str, ...]:
        """Words that speak for what was read, in their order."""
        found = dict.fromkeys(word for line in self.lines for word in causes(line))
        return tuple(found)[:_MOST_WORDS] if self.label != "neutral" else ()

    @property
    def said(self) -> str:
        """The lines as one text."""
        return " ".join(line.text or "" for line in self.lines).strip()

    @property
    def when(self) -> str:
        """Where it begins: `at 1:05`, or `in part 3` of something without times."""
        first = self.rows[0]
        if first.start is not None:
            return f"at {int(first.start) // 60}:{int(first.start) % 60:02d}"
        return f"in part {(first.item or 0) + 1}"

    def __str__(self) -> str:
        shown = ", ".join(f"“{word}”" for word in self.words)
        return f"{self.label} {self.when}" + (f" ({shown})" if shown else "")


class Account:
    """What was read of one source.

    Of each person the fused readings count, else those of words, dialogue, face or voice, the first that decided
    anything.

    Args:
        timeline: Readings as `affectus.analyze` gives them.
        source: Name of the file; it may be left out where there is only one.

    Raises:
        InputError: If nothing was read, or several sources were and none is named.
        UnknownName: If there is no such source.
    """

    def __init__(self, timeline: Timeline, source: str | None = None) -> None:
        sources = list(dict.fromkeys(name for name in timeline.column("source") if name))
        if not sources:
            raise InputError("there is no reading to talk about", remedy="analyse a file that can be read")
        if source is None and len(sources) > 1:
            raise InputError(
                "the results are of several files", allowed=", ".join(sources), remedy="name one as source"
            )
        if source is not None and source not in sources:
            raise unknown("source", source, sources)
        self.source = source or sources[0]
        held = list(timeline.where(source=self.source))
        self.people = {
            name: story
            for name in sorted({row.track or NOBODY for row in held})
            if (story := _story([row for row in held if (row.track or NOBODY) == name]))
        }

    def __str__(self) -> str:
        return f"{self.source}: {', '.join(self.people)}" if self.people else f"{self.source}: nothing was decided"

    def named(self, text: str) -> list[str]:
        """The people whose names stand in a text."""
        said = f" {' '.join(words(text))} "
        return [name for name in self.people if f" {' '.join(words(name))} " in said]

    def asked(self, text: str) -> str | None:
        """Which of `change`, `why` and `say` a question is about somebody of the file; None if it is another one."""
        said = plain(text)

        def holds(kind: str) -> bool:
            return any(pattern.search(said) for pattern in patterns("questions", f"{kind}.patterns"))

        if not (self.named(text) or holds("others") or holds("told")):
            return None
        return next((kind for kind in ("say", "why", "change") if holds(kind)), None)

    def changes(self, names: Sequence[str]) -> str:
        """What people show, and when it changes most."""
        told = [self._change(name) for name in names[:_MOST_PEOPLE]]
        more = names[_MOST_PEOPLE:]
        return " ".join(told) + (f" Also read: {', '.join(more)}." if more else "")

    def grounds(self, name: str, question: str) -> str:
        """What the reading rests on that a question is about."""
        stretch = self.meant(name, question)
        row = stretch.surest
        score = row.scores[str(row.target)][stretch.label]
        by = ", ".join(dict.fromkeys(str(line.by) for line in stretch.lines))
        basis = ", ".join(f"“{word}”" for word in stretch.words)
        return (
            f"For {name} {row.by} gives {stretch.label} {stretch.when} a score of {score:.2f}."
            + (f" The words that speak for it, by {by}: {basis}." if basis else " No word stands out for it.")
            + (f" What was said: “{stretch.said}”" if stretch.said else "")
        )

    def meant(self, name: str, question: str) -> Stretch:
        """The stretch that a question means: the longest with a feeling it names, else that of the largest change."""
        story, asked = self.people[name], set(words(question))
        more = table("questions")["feelings"]
        fits = [s for s in story if asked & {s.label, *more.get(s.label, ())}]
        return max(fits, key=lambda s: len(s.rows)) if fits else max(story, key=lambda s: s.change)

    def _change(self, name: str) -> str:
        story = self.people[name]
        if len(story) == 1:
            return f"{name} shows one thing only: {story[0]}."
        largest = sorted(story[1:], key=lambda s: -s.change)
        if len(story) <= MOST_STRETCHES:
            at = story.index(largest[0])
            return (
                f"What {name} shows: {', '.join(map(str, story[:-1]))} and {story[-1]}. "
                f"The largest change is from {story[at - 1].label} to {largest[0].label} {largest[0].when}."
            )
        counted = Counter(s.label for s in story for _ in s.rows).most_common(3)
        every = sum(len(s.rows) for s in story)
        shares = ", ".join(f"{label} {n / every:.0%}" for label, n in counted)
        marked = sorted(largest[:_MOST_CHANGES], key=story.index)
        return (
            f"What {name} shows in {every} readings: {shares}. "
            f"The largest of {len(story) - 1} changes: {', '.join(f'to {s}' for s in marked)}."
        )


def _story(rows: Sequence[Affect]) -> tuple[Stretch, ...]:
    """The stretches of one person in order."""
    ordered = sorted(rows, key=lambda row: (row.start if row.start is not None else -1.0, row.item or 0))
    texts = [row for row in ordered if row.modality == "text"]
    sure = [row for row in ordered if row.labels and not row.abstained]
    channel = next((name for name in CHANNELS if any(row.modality == name for row in sure)), None)
    groups: list[list[Affect]] = []
    for row in (row for row in sure if row.modality == channel):
        if groups and groups[-1][-1].labels[0] == row.labels[0]:
            groups[-1].append(row)
        else:
            groups.append([row])
    story, before = [], None
    for group in groups:
        lines = tuple(line for line in texts if any(_together(line, row) for row in group))
        change = _divergence(before, group[0]) if before is not None else 0.0
        story.append(Stretch(group[0].labels[0], tuple(group), lines, change))
        before = group[-1]
    return tuple(story)


def _together(line: Affect, row: Affect) -> bool:
    """Whether a line was said within the stretch of time of a reading, or is the very turn that was read."""
    if line.item is not None or row.item is not None:
        return line.item == row.item
    if line.start is None or row.start is None:
        return False
    middle = (line.start + (line.end if line.end is not None else line.start)) / 2
    return row.start <= middle < (row.end if row.end is not None else row.start + 1e-6)


def _divergence(a: Affect, b: Affect) -> float:
    """Jensen–Shannon divergence (Lin 1991) in bits of two readings on one scale."""
    from scipy.spatial.distance import jensenshannon

    labels = scale(str(b.target)).labels
    p, q = (np.array([row.scores[str(b.target)].get(label, 0.0) for label in labels]) for row in (a, b))
    return float(np.nan_to_num(jensenshannon(p, q, base=2)) ** 2)
