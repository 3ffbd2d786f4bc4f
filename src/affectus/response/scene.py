"""What the language model is told: the scene, which stays the same, and the notes on one turn."""

from __future__ import annotations

from collections.abc import Sequence

from affectus.backbones.llm import Message
from affectus.response.character import Character
from affectus.response.intents import Intent
from affectus.response.reading import UNCLEAR, Heard

VERSION = 1  # of these wordings; a change moves every measured figure
_HIGH, _LOW = 0.65, 0.35
_MANNERS = {
    "openness": ("curious", "down-to-earth"),
    "conscientiousness": ("careful", "easy-going"),
    "extraversion": ("lively", "quiet"),
    "agreeableness": ("gentle", "blunt"),
    "neuroticism": ("easily touched", "calm"),
}
_NOUNS = {"caring": "care", "curiosity": "interest"}
_ADJECTIVES = {"joy": "glad", "sadness": "sad", "fear": "afraid", "anger": "angry", "disgust": "disgusted",
               "surprise": "surprised"}  # fmt: skip


def setting(character: Character) -> str:
    """The system message: who speaks, how, and within which limits."""
    traits = character.traits.model_dump()
    manners = [pair[value < _LOW] for name, pair in _MANNERS.items() if not _LOW <= (value := traits[name]) <= _HIGH]
    manner = f" You are {', '.join(manners)}." if manners else ""
    return (
        f"You are {character.name}, {character.style}.{manner} Somebody tells you how they are. Answer in one or two "
        "short sentences and show that you understand their feeling."
    )


def note(heard: Heard, feeling: str, intent: Intent) -> str:
    """What the model should know of the last turn."""
    felt = _ADJECTIVES.get(heard.emotion, "")
    if heard.emotion in (UNCLEAR, "neutral") or not felt:
        told = ""
    else:
        told = f"They feel {felt}" + (f" because of: {', '.join(heard.causes)}. " if heard.causes else ". ")
    return f"({told}Show {_NOUNS.get(feeling, feeling)}. {intent.note})"


def with_note(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The messages with a note behind the last turn; it is not a turn of its own, since many templates allow none."""
    *before, last = messages
    return (*before, Message(last.role, f"{last.content}\n\n{text}"))


def opened(messages: Sequence[Message], opening: str) -> tuple[Message, ...]:
    """The messages with the beginning of the reply, which the model goes on with."""
    return (*messages, Message("assistant", opening))
