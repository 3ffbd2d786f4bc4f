"""The feeling that a reply is meant to show.

A transition trained on personalities chooses it where one is on this machine; else a rule does: joy meets joy,
surprise and plain talk meet interest, and every unpleasant feeling meets care.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from affectus.affect import Affect
from affectus.registry import checkpoints, load
from affectus.response.character import Character
from affectus.response.reading import UNCLEAR, Heard
from affectus.sample import Dialogue, Sample
from affectus.taxonomy import scale

TRANSITION = "affectus/transition-embedded"
RULE = "rule:empathy"
SCALE = "goemotions-28"
EMPATHY = {
    "joy": "joy",
    "surprise": "curiosity",
    "neutral": "curiosity",
    "sadness": "caring",
    "fear": "caring",
    "anger": "caring",
    "disgust": "caring",
    UNCLEAR: "curiosity",
}
_HOSTILE = ("anger", "disgust")  # a transition may choose them; an agent that is to help does not show them


class Chooser:
    """Chooses the reply's emotion.

    Args:
        transition: Checkpoint or reader of the next turn's emotion; None uses the rule.
    """

    def __init__(self, transition: Any = TRANSITION) -> None:
        named = isinstance(transition, str)
        self._transition = transition if not named or transition in checkpoints() else None

    def choose(self, dialogue: Dialogue, heard: Heard, character: Character) -> Affect:
        """The feeling to show, with `by` saying who chose it."""
        found = self._carried_on(dialogue, character)
        if found is not None and found.top is not None and found.top not in _HOSTILE:
            return found
        return showing(EMPATHY[heard.emotion], by=RULE)

    def _carried_on(self, dialogue: Dialogue, character: Character) -> Affect | None:
        if self._transition is None:
            return None
        if isinstance(self._transition, str):
            self._transition = load(self._transition)
        next_turn = Sample(id="next", source=dialogue.id, item=len(dialogue.turns), text="", track=character.name)
        persona = {**dialogue.persona, character.name: character.persona}
        read = self._transition.read([Dialogue((*dialogue.turns, next_turn), persona, dialogue.id)])
        row: Affect = read[-1]
        return None if row.abstained else row


def showing(label: str, by: str, on: str = SCALE) -> Affect:
    """An intended feeling as an `Affect`."""
    scores = dict.fromkeys(scale(on).labels, 0.0) | {label: 1.0}
    return Affect({on: scores}, on, "intended", by=by, modality="text", decided={on: (label,)})


def shown_before(affect: Affect | None) -> dict[str, np.ndarray]:
    """Features that tell a transition what a turn showed: shares on `peld-7`, if it was chosen on that scale."""
    if affect is None or affect.target != "peld-7":
        return {}
    row = affect.scores["peld-7"]
    return {"peld-7": np.array([row[label] for label in scale("peld-7").labels], np.float32)}
