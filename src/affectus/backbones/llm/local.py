"""A language model in this process through `transformers`: any causal model of a folder or hub, also for training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectus.backbones.llm.base import TOP_P, Message
from affectus.backbones.llm.prompt import Prompt, shared
from affectus.backbones.llm.stops import until
from affectus.backbones.loading import causal_lm, tokenizer

if TYPE_CHECKING:
    from torch import Tensor


class TransformersLLM:
    """Generates and scores with keys and values kept: of a prompt, only what differs from the last one is computed.

    Args:
        ref: `asset:`, `hf:`, `tiny:` or a folder.
        name: For records; the reference by default.
        model: An already loaded (fine-tuned) `transformers` model instead of the one that `ref` names; the tokenizer
            is that of `ref`.
    """

    scores = continues = True

    def __init__(self, ref: str | Path, name: str | None = None, model: Any = None) -> None:
        self.name = name or str(ref)
        self.model = causal_lm(ref) if model is None else model.eval()
        config = self.model.config
        told = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        self.window = int(told or 2048)
        self._prompt = Prompt(tokenizer(ref), self.name, self.window)
        ends = [self.model.generation_config.eos_token_id, self._prompt.tokenizer.eos_token_id]
        self._ends = {end for row in ends for end in (row if isinstance(row, list) else [row])}
        self._ids: list[int] = []
        self._cache: Any = None

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
        ids = self._prompt.ids(messages, tokens)
        return until(self._pieces(ids, tokens, seed, temperature), stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """See `LLM.score`.

        All options go through the model at once behind the one prompt; each sees the prompt and itself.
        """
        import torch

        found = self._prompt.options(options)
        prompt = self._prompt.ids(messages, max(map(len, found)))
        with torch.inference_mode():
            first = torch.log_softmax(self._next(prompt).float(), -1)
            sums = [float(first[option[0]]) for option in found]
            rows = [(at, place) for at, option in enumerate(found) for place in range(len(option) - 1)]
            if rows:
                later = torch.log_softmax(self._behind(prompt, found, rows).float(), -1)
                for (at, place), row in zip(rows, later, strict=True):
                    sums[at] += float(row[found[at][place + 1]])
        return sums

    def _behind(self, prompt: list[int], found: list[list[int]], rows: list[tuple[int, int]]) -> Tensor:
        """Logits (rows, vocabulary) after each token but the last of every option."""
        import torch

        start = len(prompt)
        option, place = (torch.tensor(column) for column in zip(*rows, strict=True))
        seen = (option[:, None] == option[None]) & (place[None] <= place[:, None])
        mask = torch.zeros(len(rows), start + len(rows))
        mask[:, start:].masked_fill_(~seen, torch.finfo(mask.dtype).min)
        out = self.model(
            input_ids=torch.tensor([[found[at][spot] for at, spot in rows]]),
            position_ids=(start + place)[None],
            attention_mask=mask[None, None].to(self.model.dtype),
            past_key_values=self._cache,
            use_cache=True,
        )
        self._cache.crop(-len(rows))  # a negative number is how many are taken off the end
        return out.logits[0]

    def _next(self, ids: list[int]) -> Tensor:
        """Logits (vocabulary,) of the token after `ids`; keys and values of a common beginning are taken over."""
        import torch
        from transformers import DynamicCache

        kept = shared(self._ids, ids[:-1])
        if not kept:
            self._cache = DynamicCache()
        elif kept < len(self._ids):
            self._cache.crop(kept - len(self._ids))
        self._ids = self._ids[:kept]
        with torch.inference_mode():
            out = self.model(
                input_ids=torch.tensor([ids[kept:]]), past_key_values=self._cache, use_cache=True, logits_to_keep=1
            )
        self._ids = list(ids)
        return out.logits[0, -1]

    def _pieces(self, ids: list[int], tokens: int, seed: int, temperature: float) -> Iterator[str]:
        import torch

        draw = torch.Generator().manual_seed(seed)
        made: list[int] = []
        given = 0
        for _ in range(tokens):
            token = _choose(self._next(ids + made), temperature, draw)
            if token in self._ends:
                break
            made.append(token)
            text = self._prompt.tokenizer.decode(made, skip_special_tokens=True)
            if len(text) > given and not text.endswith("\ufffd"):  # a letter may be several tokens
                yield text[given:]
                given = len(text)


def _choose(logits: Tensor, temperature: float, draw: Any) -> int:
    import torch

    if temperature <= 0:
        return int(logits.argmax())
    chances, order = torch.softmax(logits.float() / temperature, -1).sort(descending=True)
    chances = chances * (chances.cumsum(-1) - chances < TOP_P)
    return int(order[torch.multinomial(chances, 1, generator=draw)])
