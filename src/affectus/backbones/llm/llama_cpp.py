"""A language model in this process through llama.cpp (package `xllamacpp`): the fast way on a processor.

The runtime listens on a port of this machine (127.0.0.1), which is not used here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from affectus.backbones.llm.base import TOP_P, Message
from affectus.backbones.llm.prompt import Prompt
from affectus.backbones.llm.stops import until
from affectus.backbones.loading import tokenizer
from affectus.errors import CheckpointError, LLMError, require

LISTED = 2000  # likeliest tokens that are asked for at once when options are scored
_FORCED = 1e4  # added to a logit to make sure that this token comes; the log-probability told is the unforced one
_SMALL = 500_000_000  # bytes of a model for which a step is too short to be shared


class LlamaCppLLM:
    """Generates and scores; keys and values of the last prompt are kept.

    The log-probability of an option is that of its tokens one after the other. Those of a first token are read off the
    list of the likeliest; a token that is not listed is forced, and its own log-probability is told.

    Args:
        weights: GGUF file.
        ref: Reference whose tokenizer and chat template belong to it.
        name: For records.
        window: Tokens of prompt and answer together; keys and values for them take memory.
        threads: By default `OMP_NUM_THREADS`, else the processor's cores, at most 8; but a model below half a gigabyte
            then writes with one, since it is done with a step before a second one has woken: the embedded model wrote
            52 to 61 tokens a second with one and 21 to 24 with two (benchmarks/chat_speed.py).

    Raises:
        MissingDependency: If xllamacpp is not installed.
        CheckpointError: If the file can't be loaded.
    """

    scores = continues = True

    def __init__(
        self, weights: Path, ref: str, name: str | None = None, window: int = 2048, threads: int | None = None
    ) -> None:
        # Threads that wait must sleep: on a busy machine those that spin take the time of the one they wait for.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        llama: Any = require("xllamacpp", extra="chat", purpose="the embedded language model")
        self.name, self.window = name or ref, window
        self._prompt = Prompt(tokenizer(ref), self.name, window)
        settings = llama.CommonParams()
        settings.model.path = str(weights)
        settings.n_ctx, settings.n_parallel, settings.ui, settings.verbosity = window, 1, False, -1
        settings.cpuparams.n_threads = threads or _writing(weights.stat().st_size)
        settings.cpuparams_batch.n_threads = threads or _threads()
        try:
            self._server = llama.Server(settings)
        except Exception as error:  # the runtime has no error classes of its own
            raise CheckpointError(f"{str(weights)!r} can't be loaded: {error}", allowed="a GGUF file") from error

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of the prompt."""
        return len(self._prompt.tokens(messages))

    def generate(
        self,
        messages: Sequence[Message],
        *,
        tokens: int,
        seed: int = 0,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """See `LLM.generate`."""
        request = {
            "prompt": self._prompt.ids(messages, tokens),
            "max_tokens": tokens,
            "temperature": temperature,
            "top_p": TOP_P,
            "top_k": 0,
            "min_p": 0.0,
            "seed": seed,
            "stream": True,
        }
        return until(self._pieces(request), stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """See `LLM.score`; each beginning that options share is looked at once."""
        found = self._prompt.options(options)
        prompt = self._prompt.ids(messages, max(map(len, found)))
        followers: dict[tuple[int, ...], set[int]] = {}
        for option in found:
            for at, token in enumerate(option):
                followers.setdefault(tuple(option[:at]), set()).add(token)
        told = {begin: self._following(prompt + list(begin), next_ones) for begin, next_ones in followers.items()}
        return [sum(told[tuple(option[:at])][token] for at, token in enumerate(option)) for option in found]

    def _following(self, ids: list[int], wanted: set[int]) -> dict[int, float]:
        """Log-probabilities of some tokens after `ids`."""
        known: dict[int, float] = {}
        if len(wanted) > 1:
            listed = self._first(ids, listed=LISTED)["top_logprobs"]
            known = {row["id"]: row["logprob"] for row in listed if row["id"] in wanted}
        for token in sorted(wanted - set(known)):
            row = self._first(ids, listed=1, force=token)
            if row["id"] != token:
                raise LLMError(f"{self.name} gave token {row['id']} where {token} was forced")
            known[token] = row["logprob"]
        return known

    def _first(self, ids: list[int], listed: int, force: int | None = None) -> dict[str, Any]:
        """What llama.cpp tells of the first token after `ids`."""
        request: dict[str, Any] = {"prompt": ids, "max_tokens": 1, "temperature": 0.0, "logprobs": listed}
        if force is not None:
            request["logit_bias"] = [[force, _FORCED]]
        answer = self._server.handle_completions(request)
        try:
            row: dict[str, Any] = answer["choices"][0]["logprobs"]["content"][0]
        except (KeyError, IndexError, TypeError):
            raise LLMError(f"{self.name} could not score: {_fault(answer)}") from None
        return row

    def _pieces(self, request: dict[str, Any]) -> Iterator[str]:
        chunks: SimpleQueue[Any] = SimpleQueue()
        left = threading.Event()

        def hand_over(chunk: Any) -> bool:
            chunks.put(chunk)
            return left.is_set()  # True ends the answer

        def work() -> None:
            try:
                self._server.handle_completions(request, hand_over)
                chunks.put(None)
            except Exception as error:  # handed to the thread that waits
                chunks.put(error)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            while (chunk := chunks.get()) is not None:
                if isinstance(chunk, Exception) or "choices" not in chunk:
                    raise LLMError(f"{self.name} gave no answer: {_fault(chunk)}")
                if text := chunk["choices"][0].get("text"):
                    yield text
        finally:
            left.set()
            worker.join()


def _fault(answer: Any) -> str:
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    return str(error.get("message", error) if isinstance(error, dict) else error)[:200]


def _writing(size: int) -> int:
    """Threads for one token after another, of a file of so many bytes."""
    return _threads() if size > _SMALL or os.environ.get("OMP_NUM_THREADS") else 1


def _threads() -> int:
    set_by_user = os.environ.get("OMP_NUM_THREADS", "")
    if set_by_user.isdigit() and int(set_by_user):
        return int(set_by_user)
    import psutil

    return min(8, psutil.cpu_count(logical=False) or os.cpu_count() or 1)
