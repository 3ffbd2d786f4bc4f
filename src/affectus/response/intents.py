"""What a reply wants to do, and its first words: scored by the language model before it speaks, not generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affectus.backbones.llm import LLM, LLMError, Message
from affectus.response.tables import table

RULE = "rule:intent"
ASK = "ask"
_NOTHING = (Message("user", "N/A"),)
_REMEMBERED = 3  # own replies whose openings are not used again


@dataclass(frozen=True)
class Intent:
    """An intent of a reply, and how the reply begins.

    Args:
        name: For example `console`.
        opening: First words.
        note: What a model is told that begins by itself.
        fallback: What is said when the model gives no usable reply.
        by: Who chose it.
        score: How much likelier the opening is after this dialogue than after none, natural logarithm; None if a rule
            chose.
    """

    name: str
    opening: str
    note: str
    fallback: str
    by: str
    score: float | None = None


class Intents:
    """Ranks the openings of the intents that go with a feeling.

    The score is how much likelier the model finds the opening after this dialogue than after none: contextual
    calibration (Zhao et al. 2021, arXiv:2102.09690) with differences of log-probabilities instead of a fitted map.

    Args:
        llm: The model; with one that can't score, the order of the table holds.
    """

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self._before: dict[str, float] = {}

    def ranked(self, messages: Sequence[Message], feeling: str, own: Sequence[str] = ()) -> list[Intent]:
        """Intents with their openings, the best first; openings of the latest own replies come last.

        Args:
            messages: The dialogue.
            feeling: That the reply shows.
            own: Earlier replies, newest last.
        """
        rows = table("intents")
        suited = [name for name, row in rows.items() if feeling in row["suits"]] or ["acknowledge", ASK]
        pairs = [(name, opening) for name in suited for opening in rows[name]["openings"]]
        scores = self._scores(messages, [opening for _, opening in pairs])
        by = self._llm.name if scores else RULE
        found = [
            Intent(name, opening, rows[name]["note"], rows[name]["fallback"], by, scores.get(opening))
            for name, opening in pairs
        ]
        return sorted(found, key=lambda intent: (_used(intent.opening, own), -(intent.score or 0.0)))

    def _scores(self, messages: Sequence[Message], openings: Sequence[str]) -> dict[str, float]:
        if not self._llm.scores:
            return {}
        try:
            # A model in this process forgets the talk when it looks at another prompt: then once, for all feelings.
            every = [opening for row in table("intents").values() for opening in row["openings"]]
            wanted = every if self._llm.continues else openings
            missing = [opening for opening in wanted if opening not in self._before]
            if missing:
                self._before |= dict(zip(missing, self._llm.score(_NOTHING, missing), strict=True))
            now = self._llm.score(messages, openings)
        except LLMError:  # a server that does not tell; the reply can still be made
            return {}
        return {opening: value - self._before[opening] for opening, value in zip(openings, now, strict=True)}


def _used(opening: str, own: Sequence[str]) -> bool:
    return any(reply.startswith(opening) for reply in own[-_REMEMBERED:])
