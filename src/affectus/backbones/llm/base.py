"""What every language model can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

Role = Literal["system", "user", "assistant"]
TOP_P = 0.9  # with a temperature, the least likely tokens that make up the last tenth are never drawn


@dataclass(frozen=True)
class Message:
    """One turn of a chat.

    Args:
        role: `system` sets the scene, `user` is answered, `assistant` is what the model said. A last message of the
            assistant is continued, not answered.
        content: Words.
    """

    role: Role
    content: str


@runtime_checkable
class LLM(Protocol):
    """A language model, wherever it runs.

    Args:
        name: What was opened, for records.
        scores: Whether `score` can answer.
        continues: Whether an answer surely goes on with a last message of the assistant; some servers begin anew.
        window: Tokens that a prompt and its answer may have together.
    """

    name: str
    scores: bool
    continues: bool
    window: int

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of a prompt; an estimate from above where the tokenizer is not at hand."""
        ...

    def generate(
        self,
        messages: Sequence[Message],
        *,
        tokens: int,
        seed: int = 0,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """The answer, piece by piece as it comes.

        Args:
            messages: The chat so far.
            tokens: Most tokens of the answer.
            seed: Of the draw. The same calls in the same order give the same answers where the model runs here.
            temperature: 0 takes the likeliest token, more draws from the likeliest nine tenths.
            stop: Texts at which the answer ends; they are not given.

        Raises:
            InputError: If the prompt does not fit into the window.
            LLMError: If no answer comes.
        """
        ...

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """The log-probability of each option as the next words, natural logarithm; the end after it is not counted.

        Options are cut into tokens by themselves, so one that follows a word begins with a space.

        Args:
            messages: The chat so far.
            options: Texts that could come next.

        Raises:
            InputError: If an option is empty, or the prompt does not fit into the window.
            Unscorable: If the model does not tell.
        """
        ...
