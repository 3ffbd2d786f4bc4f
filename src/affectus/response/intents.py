"""What a reply wants to do: scored by the language model before the first word, not generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affectus.backbones.llm import LLM, LLMError, Message
from affectus.response.tables import table

RULE = "rule:intent"
_OPENING = Message("assistant", "I want to")
_NOTHING = (Message("user", "N/A"), _OPENING)


@dataclass(frozen=True)
class Intent:
    """An intent of a reply.

    Args:
        name: For example `console`.
        note: What the model is told.
        fallback: What is said when the model gives no usable reply.
        by: Who chose it.
        lead: By how much it was likelier than the next, natural logarithm; None if a rule chose.
    """

    name: str
    note: str
    fallback: str
    by: str
    lead: float | None = None


class Intents:
    """Chooses among the intents that go with a feeling.

    The score is how much likelier the model finds the phrase after this dialogue than after none (Zhao et al. 2021,
    contextual calibration, arXiv:2102.09690, with differences of log-probabilities instead of a fitted affine map).

    Args:
        llm: The model; one that can't score leaves the choice to the first that suits.
    """

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self._before: dict[str, float] = {}

    def choose(self, messages: Sequence[Message], feeling: str) -> Intent:
        """The intent of the answer to `messages`, one of those that suit a feeling."""
        rows = table("intents")
        suited = [name for name, row in rows.items() if feeling in row["suits"]] or ["acknowledge", "ask"]
        phrases = {name: rows[name]["phrase"] for name in suited}
        scores = self._scores(messages, phrases)
        best = max(suited, key=scores.__getitem__) if scores else suited[0]
        others = [scores[name] for name in suited if name != best] if scores else []
        row = rows[best]
        lead = scores[best] - max(others) if others else None
        return Intent(best, row["note"], row["fallback"], self._llm.name if scores else RULE, lead)

    def _scores(self, messages: Sequence[Message], phrases: dict[str, str]) -> dict[str, float]:
        if not self._llm.scores:
            return {}
        try:
            missing = [phrase for phrase in phrases.values() if phrase not in self._before]
            if missing:
                self._before |= dict(zip(missing, self._llm.score(_NOTHING, missing), strict=True))
            now = self._llm.score([*messages, _OPENING], list(phrases.values()))
        except LLMError:  # a server that stopped telling; the reply can still be made
            return {}
        return {name: value - self._before[phrase] for (name, phrase), value in zip(phrases.items(), now, strict=True)}
