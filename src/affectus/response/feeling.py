"""The feeling that a reply is meant to show.

A rule says which feelings a listener may show: joy meets joy, plain talk meets interest, surprise meets interest,
surprise or joy, sadness meets care or shared sadness, other unpleasant feelings meet care. Where it leaves a choice, a
transition that was trained on personalities makes it, if one is on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from affectus.affect import Affect
from affectus.registry import checkpoints, load
from affectus.response.character import Character, Traits
from affectus.response.reading import UNCLEAR, Heard
from affectus.sample import Dialogue, Persona, Sample
from affectus.taxonomy import scale

TRANSITION = "affectus/transition-embedded"
RULE = "rule:empathy"
SCALE = "goemotions-28"
_STARTS = "peld-7"  # features of a turn that a transition starts from
EMPATHY = {  # what may be shown; the rule's own choice stands first
    "joy": ("joy",),
    "surprise": ("curiosity", "surprise", "joy"),
    "neutral": ("curiosity",),
    "sadness": ("caring", "sadness"),
    "fear": ("caring",),
    "anger": ("caring",),
    "disgust": ("caring",),
    UNCLEAR: ("curiosity",),
}
_CALM = "neutral"  # what a transition calls care and interest, for which its scale has no names
_HOSTILE = ("anger", "disgust")  # an agent that is to help does not show them
_NOTHING = "N/A"
_LEAST = 1e-6  # a share that counts as none


class Chooser:
    """Chooses the reply's emotion.

    Of the feelings that the rule allows, the one is shown that the transition holds most likely in comparison with what
    it says to a turn without content and a personality in the middle: by itself it prefers the feelings that were most
    frequent where it learned.

    Args:
        transition: Checkpoint or reader of the next turn's emotion; None leaves every choice to the rule.
        free: Let the transition choose any feeling but anger and disgust.
    """

    def __init__(self, transition: Any = TRANSITION, *, free: bool = False) -> None:
        named = isinstance(transition, str)
        self._transition: Any = transition if not named or transition in checkpoints() else None
        self._free = free
        self._before: Mapping[str, float] | None = None

    def choose(self, dialogue: Dialogue, heard: Heard, character: Character) -> Affect:
        """The feeling to show, with `by` saying who chose it."""
        allowed = EMPATHY[heard.emotion]
        if self._transition is None or (len(allowed) == 1 and not self._free):
            return showing(allowed[0], by=RULE)
        found = self._next(dialogue, character.name, character.persona)
        if found is None or found.top is None:
            return showing(allowed[0], by=RULE)
        if self._free:
            return showing(allowed[0], by=RULE) if found.top in _HOSTILE else found
        before, now = self._indifferent(character.name), found.scores[str(found.target)]
        gain = {}
        for label in allowed:
            name = _named(label)
            gain[label] = now.get(name, 0.0) / max(before.get(name, 1.0), _LEAST)
        return showing(max(gain, key=gain.__getitem__), by=str(found.by))

    def _indifferent(self, name: str) -> Mapping[str, float]:
        """How likely the transition finds each feeling after nothing, for nobody in particular."""
        if self._before is None:
            turn = Sample(id="nothing", source="nothing", item=0, text=_NOTHING, track="you")
            row = self._next(Dialogue((turn,), id="nothing"), name, Persona(name, Traits().model_dump()))
            self._before = row.scores[str(row.target)] if row is not None else {}
        return self._before

    def _next(self, dialogue: Dialogue, name: str, persona: Persona) -> Affect | None:
        """What the transition reads of the turn that is to come; None if it abstains."""
        if isinstance(self._transition, str):
            self._transition = load(self._transition)
        to_come = Sample(id="next", source=dialogue.id, item=len(dialogue.turns), text="", track=name)
        talk = Dialogue((*dialogue.turns, to_come), {**dialogue.persona, name: persona}, dialogue.id)
        row: Affect = self._transition.read([talk])[-1]
        return None if row.abstained else row


def _named(label: str) -> str:
    """A feeling in the words of a transition."""
    return _CALM if label in ("caring", "curiosity") else label


def showing(label: str, by: str, on: str = SCALE) -> Affect:
    """An intended feeling as an `Affect`."""
    scores = dict.fromkeys(scale(on).labels, 0.0) | {label: 1.0}
    return Affect({on: scores}, on, "intended", by=by, modality="text", decided={on: (label,)})


def shown(label: object) -> dict[str, np.ndarray]:
    """Features of a turn of the agent's own that showed a feeling: where a transition starts from.

    Args:
        label: The feeling, for example as a log has it; none that a transition has a word for gives no features.
    """
    labels = scale(_STARTS).labels
    name = _named(label) if isinstance(label, str) else None
    return {_STARTS: np.eye(len(labels), dtype=np.float32)[labels.index(name)]} if name in labels else {}
