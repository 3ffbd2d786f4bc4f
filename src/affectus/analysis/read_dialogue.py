"""Turns of a conversation → a reading of each from what was said before it, beside the reading of its words alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from affectus import progress
from affectus.analysis.english import in_english
from affectus.analysis.read import Log, reader
from affectus.analysis.settings import READERS, Settings
from affectus.registry import checkpoints
from affectus.sample import Dialogue
from affectus.timeline import Timeline

SLOT = "dialogue"
MADE_BY = "affectus train recipes/emotionic/dialogue-embedded.yaml --data FOLDER_OF_MELD"
MOST, CARRIED = 512, 128  # turns that are read together, and how many of them were read before


def first_heard(at: int) -> int:
    """The first turn that is read together with turn `at`; a reading hears at least `CARRIED` turns before its own."""
    step = MOST - CARRIED
    return max(0, (at - CARRIED) // step) * step


def read_dialogues(dialogues: Sequence[Dialogue], settings: Settings, log: Log) -> Timeline:
    """A reading of each turn in its conversation, if there is a reader for that; else a remark says how to get one.

    Conversations of more than `MOST` turns are read in overlapping stretches, so that time grows with their length.

    Args:
        dialogues: Turns in order, with text and, where it is known, the speaker as track.
        settings: The reader, the language, and whether later turns are read too.
        log: Receives times and remarks.
    """
    name = settings.readers[SLOT]
    turns = sum(len(dialogue.turns) for dialogue in dialogues)
    if not turns:
        return Timeline.empty()
    if name == READERS[SLOT] and name not in checkpoints():
        log.notes.append(
            f"each turn was read by itself: {name} is not on this machine; it reads turns in their conversation, and "
            f"`{MADE_BY}` makes it in minutes"
        )
        return Timeline.empty()
    chosen = reader(name)
    ahead = settings.context == "full"
    chosen = chosen.seeing(settings.context) if hasattr(chosen, "seeing") else chosen
    with progress.task("conversations", turns) as advance, log.stage(SLOT):
        parts = []
        for dialogue in dialogues:
            for first, group in groupby(range(len(dialogue.turns)), first_heard):
                own = list(group)
                last = own[-1] + 1 + CARRIED * ahead
                read = chosen.read([replace(dialogue, turns=dialogue.turns[first:last])])
                parts.append(read[own[0] - first : own[-1] + 1 - first])
                advance(len(own))
    heard = "from the whole conversation" if ahead else "from what was said until then"
    log.notes.append(f"{name} read each turn {heard}; its readings stand beside those of the words alone")
    return in_english(Timeline.concat(parts), settings, log)


def spoken(dialogue: Dialogue) -> bool:
    """Whether it is a conversation: more than one turn, and somebody is known to speak."""
    return len(dialogue.turns) > 1 and any(turn.track for turn in dialogue.turns)


def named(dialogue: Dialogue, source: str) -> Dialogue:
    """The dialogue with its turns under the name of a file."""
    return replace(dialogue, turns=tuple(replace(turn, source=source) for turn in dialogue.turns))
