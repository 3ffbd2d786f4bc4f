"""Messages → token ids, by the model's own template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from affectus.backbones.llm.base import Message
from affectus.errors import CheckpointError, InputError


class Prompt:
    """Writes prompts for one model.

    Marks of the template that stand in a message are broken up, so that nobody can end a turn from inside it.

    Args:
        tokenizer: Of the model, with its chat template.
        name: Of the model, for messages.
        window: Tokens that fit.

    Raises:
        CheckpointError: If the model has no chat template.
    """

    def __init__(self, tokenizer: Any, name: str, window: int) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise CheckpointError(
                f"{name!r} has no chat template", remedy="choose a model that was trained to follow instructions"
            )
        self.tokenizer, self.name, self.window = tokenizer, name, window
        self._marks = sorted(tokenizer.get_added_vocab(), key=len, reverse=True)

    def ids(self, messages: Sequence[Message], room: int = 0) -> list[int]:
        """The prompt's tokens.

        Args:
            messages: The chat; a last message of the assistant is left open.
            room: Tokens that must fit behind it.

        Raises:
            InputError: If there is no message, or it does not fit.
        """
        ids = self.tokens(messages)
        if len(ids) + room > self.window:
            raise InputError(
                f"the prompt has {len(ids)} tokens and {room} more are wanted",
                allowed=f"{self.window} tokens together, the window of {self.name}",
                remedy="leave out the oldest turns",
            )
        return ids

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's tokens, however many."""
        return self._written(messages, going_on=bool(messages) and messages[-1].role == "assistant")

    def learned(self, messages: Sequence[Message]) -> tuple[list[int], list[bool]]:
        """The tokens of a whole chat, and which of them the assistant says: its words and the mark that ends them.

        Raises:
            CheckpointError: If the template writes earlier turns otherwise when later ones follow.
        """
        ids = self._written(messages, going_on=False, asking=False)
        said = [False] * len(ids)
        for at, message in enumerate(messages):
            if message.role == "assistant":
                start, spoken = len(self.tokens(messages[:at])), self.tokens(messages[: at + 1])
                if ids[: len(spoken)] != spoken or len(ids) == len(spoken):
                    raise CheckpointError(
                        f"the chat template of {self.name!r} writes a turn otherwise when another follows, so that "
                        "it is not known which tokens are the answer's",
                        remedy="choose a model with a plain template, for example one in ChatML",
                    )
                said[start : len(spoken) + 1] = [True] * (len(spoken) + 1 - start)
        return ids, said

    def _written(self, messages: Sequence[Message], *, going_on: bool, asking: bool = True) -> list[int]:
        if not messages:
            raise InputError("there is no message", allowed="at least one")
        rows = [{"role": message.role, "content": self._harmless(message.content)} for message in messages]
        ids = self.tokenizer.apply_chat_template(
            rows,
            tokenize=True,
            return_dict=False,
            add_generation_prompt=asking and not going_on,
            continue_final_message=going_on,
        )
        return list(ids)

    def options(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each option."""
        found = [list(self.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
        if not found or not all(found):
            raise InputError(f"the options are {list(texts)!r}", allowed="one or more texts that are not empty")
        return found

    def _harmless(self, text: str) -> str:
        for mark in self._marks:
            if mark.strip():
                text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text


def shared(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two sequences have in common at the beginning."""
    for at, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return at
    return min(len(a), len(b))
