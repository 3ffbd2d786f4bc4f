"""A language model that says what it is told to: for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from affectus.backbones.llm.base import Message
from affectus.backbones.llm.stops import until
from affectus.errors import LLMError, Unscorable

Answer = str | Exception | Callable[[Sequence[Message]], str]
Likelihood = Mapping[str, float] | Callable[[Sequence[Message], str], float]


class ScriptedLLM:
    """Gives prepared answers, one a call, and keeps what it was asked.

    Args:
        answers: What `generate` gives, in order: a text, a function of the messages, or an error to raise. A single
            one is given again and again.
        likelihood: What `score` gives: log-probabilities by option, or a function of messages and option; None can't
            score.
        name: For records.
        window: Tokens, of which every word is one here.
        continues: What `LLM.continues` is.
    """

    def __init__(
        self,
        answers: Answer | Iterable[Answer] = "",
        likelihood: Likelihood | None = None,
        *,
        name: str = "scripted",
        window: int = 2048,
        continues: bool = False,
    ) -> None:
        self.name, self.window, self.scores, self.continues = name, window, likelihood is not None, continues
        self.asked: list[tuple[Message, ...]] = []
        self._likelihood = likelihood
        self._always = answers if isinstance(answers, str | Exception) or callable(answers) else None
        self._answers = iter(()) if self._always is not None else iter(answers)  # type: ignore[arg-type]

    def count(self, messages: Sequence[Message]) -> int:
        """Words."""
        return sum(len(message.content.split()) for message in messages)

    def generate(
        self,
        messages: Sequence[Message],
        *,
        tokens: int,
        seed: int = 0,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """The next prepared answer, word by word."""
        self.asked.append(tuple(messages))
        answer = self._always if self._always is not None else next(self._answers, None)
        if answer is None:
            raise LLMError(f"the script has {len(self.asked) - 1} answers and was asked once more")
        if isinstance(answer, Exception):
            raise answer
        text = answer if isinstance(answer, str) else answer(messages)
        words = text.split(" ")
        pieces = [word if at == 0 else f" {word}" for at, word in enumerate(words)][:tokens]
        yield from until(pieces, stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """The prepared log-probabilities."""
        self.asked.append(tuple(messages))
        if self._likelihood is None:
            raise Unscorable(f"{self.name} was given no likelihoods")
        if callable(self._likelihood):
            return [self._likelihood(messages, option) for option in options]
        return [self._likelihood[option] for option in options]
