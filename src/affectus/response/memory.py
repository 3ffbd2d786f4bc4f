"""Which turns of a dialogue a model is shown: the newest that fit, and it is said how many are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affectus.backbones.llm import LLM, Message
from affectus.sample import Sample

KEPT = 0.5  # of the room, when a talk outgrows it: what a model has read stays good until the room is full again


@dataclass(frozen=True)
class Shown:
    """What a model is shown.

    Args:
        messages: Scene and turns.
        left_out: Oldest turns that are not shown.
        cut: Whether the beginning of the last turn is left out too.
    """

    messages: tuple[Message, ...]
    left_out: int = 0
    cut: bool = False


def show(llm: LLM, scene: Message, turns: Sequence[Sample], own: str, room: int) -> Shown:
    """The scene and the newest turns, in at most `llm.window - room` tokens.

    Args:
        llm: Counts.
        scene: System message.
        turns: Of the dialogue, at least one.
        own: Name of whose turns are the assistant's.
        room: Tokens to keep free for notes and the reply.
    """
    talk = _messages(turns, own)
    limit = llm.window - room
    longest = llm.count([_told(scene, len(turns))])
    left_out = _outgrown([llm.count([message]) for message in talk], limit - longest)
    if left_out:
        scene = _told(scene, left_out)
    last, cut = talk[-1], False
    while True:
        shown = (scene, *talk[left_out:-1], last)
        if llm.count(shown) <= limit or len(last.content) < 40:
            return Shown(shown, left_out, cut)
        last, cut = Message(last.role, "[…] " + last.content[-len(last.content) // 2 :]), True


def _told(scene: Message, left_out: int) -> Message:
    return Message("system", f"{scene.content} (The {left_out} oldest turns of the talk are left out.)")


def _outgrown(sizes: Sequence[int], limit: int) -> int:
    """How many of the oldest turns are left out.

    Each time that the turns since the last cut are more than the limit, the newest of them are kept that fill `KEPT` of
    it. Earlier cuts don't depend on later turns.
    """
    begin = held = 0
    for at, size in enumerate(sizes):
        held += size
        if held > limit:
            while held > KEPT * limit and begin < at:
                held -= sizes[begin]
                begin += 1
    return begin


def _messages(turns: Sequence[Sample], own: str) -> list[Message]:
    """Turns as messages; neighbouring ones of one side are joined, and several others are told apart by name."""
    others = {turn.track for turn in turns if turn.track != own}
    out: list[Message] = []
    for turn in turns:
        role = "assistant" if turn.track == own else "user"
        text = (turn.text or "").strip()
        text = f"{turn.track}: {text}" if role == "user" and len(others) > 1 and turn.track else text
        if out and out[-1].role == role:
            out[-1] = Message(out[-1].role, f"{out[-1].content}\n{text}")
        else:
            out.append(Message("assistant" if role == "assistant" else "user", text))
    return out
