"""A language model on a server that speaks OpenAI's chat protocol: llama.cpp, vLLM, Ollama and others."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urldefrag

from affectus.backbones.llm.base import TOP_P, Message
from affectus.backbones.llm.stops import until
from affectus.errors import InputError, LLMError, Unscorable, require

KEY = "AFFECTUS_LLM_KEY"
LISTED = 20  # the most that the protocol lets one ask for
_BYTES_A_TOKEN = 3  # fewer than English text has, so that the count is from above
_BUSY = {408, 425, 429, 500, 502, 503, 504}


class ServedLLM:
    """Asks a server. A request that fails before the first piece is repeated, each time after a longer pause.

    Args:
        address: Base address with the model's name behind a `#`: `http://localhost:8080/v1#qwen2.5`. Without a name
            the server's first model is taken. A key in the environment variable `AFFECTUS_LLM_KEY` is sent along.
        window: Tokens of prompt and answer together.
        connect: Seconds to wait for a connection.
        patience: Seconds to wait for each next piece.
        attempts: Requests in all before giving up.
        pause: Seconds before the second request; doubled each time.
        transport: How requests travel (httpx); for tests.

    Raises:
        MissingDependency: If httpx is not installed.
        LLMError: If no model is named and the server names none.
    """

    scores = True
    continues = False  # llama.cpp and vLLM do, others do not

    def __init__(
        self,
        address: str,
        *,
        window: int = 4096,
        connect: float = 5.0,
        patience: float = 60.0,
        attempts: int = 3,
        pause: float = 0.5,
        transport: Any = None,
    ) -> None:
        self._httpx: Any = require("httpx", extra="chat", purpose="talking to a language model's server")
        base, model = urldefrag(address)
        key = os.environ.get(KEY)
        self._client = self._httpx.Client(
            base_url=base.rstrip("/") + "/",
            timeout=self._httpx.Timeout(patience, connect=connect),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            transport=transport,
        )
        self._attempts, self._pause = attempts, pause
        self.window, self.address = window, base
        self.model = model or self._only_model()
        self.name = f"{base.rstrip('/')}#{self.model}"

    def count(self, messages: Sequence[Message]) -> int:
        """An estimate from above: a third of the bytes, and eight for each message."""
        return sum(8 + math.ceil(len(message.content.encode()) / _BYTES_A_TOKEN) for message in messages)

    def generate(
        self,
        messages: Sequence[Message],
        *,
        tokens: int,
        seed: int = 0,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """See `LLM.generate`.

        Raises:
            LLMError: If the server is down, too slow, or answers otherwise than the protocol says.
        """
        request = self._request(messages, tokens) | {
            "temperature": temperature,
            "top_p": TOP_P if temperature > 0 else 1.0,
            "seed": seed,
            "stream": True,
        }
        return until(self._pieces(request), stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """The log-probability of each option's first token, -inf where it is not among the server's twenty likeliest.

        Raises:
            Unscorable: If the server gives no log-probabilities, lists no option, or two options begin alike.
        """
        if not options or not all(option.strip() for option in options):
            raise InputError(f"the options are {list(options)!r}", allowed="one or more texts that are not empty")
        request = self._request(messages, 1) | {"temperature": 0.0, "logprobs": True, "top_logprobs": LISTED}
        answer = self._repeated(lambda: self._asked(request))
        try:
            rows = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            listed = [(str(row["token"]).strip().lower(), float(row["logprob"])) for row in rows]
        except (KeyError, IndexError, TypeError, ValueError):
            raise Unscorable(f"{self.name} gives no log-probabilities", remedy="let it answer in words") from None
        likely: dict[str, float] = {}
        for token, value in listed:
            likely[token] = max(value, likely.get(token, -math.inf))
        begun = [[t for t in likely if t and option.strip().lower().startswith(t)] for option in options]
        used = [max(tokens, key=len) for tokens in begun if tokens]
        if not used or len(set(used)) < len(used):
            what = "two options begin with the same token" if used else "no option is among the likeliest tokens"
            raise Unscorable(f"{self.name} can't tell the options apart: {what}", remedy="let it answer in words")
        return [likely[max(tokens, key=len)] if tokens else -math.inf for tokens in begun]

    def _request(self, messages: Sequence[Message], tokens: int) -> dict[str, Any]:
        if not messages:
            raise InputError("there is no message", allowed="at least one")
        needed = self.count(messages) + tokens
        if needed > self.window:
            raise InputError(
                f"prompt and answer take about {needed} tokens",
                allowed=f"{self.window}, the window of {self.name}",
                remedy="leave out the oldest turns",
            )
        rows = [{"role": message.role, "content": message.content} for message in messages]
        open_end = messages[-1].role == "assistant"
        # llama.cpp and Ollama go on with a last message of the assistant by themselves; vLLM wants to be told.
        more = {"add_generation_prompt": False, "continue_final_message": True} if open_end else {}
        return {"model": self.model, "messages": rows, "max_tokens": tokens, **more}

    def _only_model(self) -> str:
        def ask() -> Any:
            return self._read(self._client.get("models"))

        answer = self._repeated(ask)
        try:
            return str(answer["data"][0]["id"])
        except (KeyError, IndexError, TypeError):
            raise LLMError(
                f"{self.address} names no model", remedy=f"name it behind a '#': {self.address}#NAME"
            ) from None

    def _asked(self, request: dict[str, Any]) -> Any:
        return self._read(self._client.post("chat/completions", json=request))

    def _read(self, response: Any) -> Any:
        """The answer as JSON, or an error that says whether asking again may help."""
        if response.status_code != 200:
            raise _Refused(response.status_code, response.text)
        try:
            return response.json()
        except ValueError:
            raise LLMError(f"{self.address} answered something else than JSON: {response.text[:80]!r}") from None

    def _repeated(self, ask: Callable[[], Any]) -> Any:
        """What `ask` gives, asked again while the server is away or busy.

        Raises:
            LLMError: When all attempts failed, with the last reason.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                return ask()
            except (self._httpx.TransportError, _Refused) as error:
                if attempt == self._attempts or (isinstance(error, _Refused) and error.status not in _BUSY):
                    raise self._failed(error, attempt) from error
                time.sleep(self._pause * 2 ** (attempt - 1))
        raise AssertionError("the loop above returns or raises")

    def _failed(self, error: Exception, attempts: int) -> LLMError:
        slow = isinstance(error, self._httpx.TimeoutException)
        reason = "it did not answer in time" if slow else str(error) or type(error).__name__
        again = f" ({attempts} attempts)" if attempts > 1 else ""
        return LLMError(f"{self.address} gives no answer: {reason}{again}", remedy="check that the server runs")

    def _pieces(self, request: dict[str, Any]) -> Iterator[str]:
        response, lines = self._repeated(lambda: self._opened(request))
        with closing(response):
            try:
                for line in lines:
                    if (data := _data(line)) == "[DONE]":
                        return
                    if data is not None and (piece := self._piece(data)):
                        yield piece
            except self._httpx.TransportError as error:
                raise self._failed(error, 1) from error

    def _opened(self, request: dict[str, Any]) -> tuple[Any, Iterator[str]]:
        """A response whose lines are yet to be read."""
        response = self._client.send(self._client.build_request("POST", "chat/completions", json=request), stream=True)
        if response.status_code != 200:
            with closing(response):
                response.read()
                raise _Refused(response.status_code, response.text)
        return response, response.iter_lines()

    def _piece(self, data: str) -> str:
        try:
            row = json.loads(data)
            choices = row["choices"]
            return str(choices[0].get("delta", {}).get("content") or "") if choices else ""
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise LLMError(f"{self.address} answered otherwise than the protocol says: {data[:80]!r}") from None


class _Refused(Exception):
    """The server answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text.strip()[:120]}")
        self.status = status


def _data(line: str) -> str | None:
    """What a line of an event stream carries; None for empty lines, comments and other fields."""
    return line.removeprefix("data:").strip() if line.startswith("data:") else None
