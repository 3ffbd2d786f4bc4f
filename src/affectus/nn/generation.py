"""Sequences from a network that gives the next token: greedy, by beam, or drawn from the nucleus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

Next = Callable[[Tensor, Tensor], Tensor]
"""(n, t) tokens so far and (n,) the sequence that each row belongs to → (n, vocabulary) logits of the next."""


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a sequence is chosen.

    Args:
        method: `greedy`: the likeliest token each time; `beam`: the likeliest of the sequences that `beams` parallel
            searches find; `nucleus`: drawn from the likeliest tokens that together have `top_p` (Holtzman et al. 2020,
            arXiv:1904.09751).
        longest: Tokens of a sequence, without start and end.
        beams: Searches side by side.
        length_penalty: α of ((5 + length) / 6)^α, by which log-probabilities are divided (Wu et al. 2016,
            arXiv:1609.08144); 0 prefers short ones.
        top_p: Probability of the nucleus.
        temperature: Logits are divided by it before a draw.
        seed: Of the draws.
    """

    method: Literal["greedy", "beam", "nucleus"] = "greedy"
    longest: Annotated[int, Field(ge=1)] = 38
    beams: Annotated[int, Field(ge=1)] = 4
    length_penalty: Annotated[float, Field(ge=0)] = 0.6
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    temperature: Annotated[float, Field(gt=0)] = 1.0
    seed: int = 0


@torch.no_grad()
def generate(
    step: Next, n: int, how: Decoding, *, start: int, end: int, never: tuple[int, ...] = ()
) -> list[list[int]]:
    """Tokens of n sequences, without start and end; each has at least one.

    Args:
        step: Gives the logits of the next token.
        n: Sequences.
        how: The choice.
        start: Token that begins a sequence.
        end: Token that ends one.
        never: Tokens that are never chosen.
    """
    if n == 0:
        return []
    allowed = _allowed(step, end, (start, *never))
    if how.method == "beam":
        return _beam(allowed, n, how, start, end)
    generator = torch.Generator().manual_seed(how.seed)
    tokens, done = torch.full((n, 1), start), torch.zeros(n, dtype=torch.bool)
    for _ in range(how.longest):
        rows = (~done).nonzero()[:, 0]
        logits = allowed(tokens[rows], rows)
        chosen = logits.argmax(1) if how.method == "greedy" else _drawn(logits, how, generator)
        following = torch.full((n,), end)
        following[rows] = chosen
        tokens, done = torch.cat([tokens, following[:, None]], 1), following == end
        if done.all():
            break
    return [_until(row, end) for row in tokens[:, 1:].tolist()]


def _allowed(step: Next, end: int, never: tuple[int, ...]) -> Next:
    """Logits with what may not be chosen at −inf; a sequence doesn't end before it has begun."""

    def allowed(tokens: Tensor, rows: Tensor) -> Tensor:
        logits = step(tokens, rows).float().cpu().clone()
        logits[:, [*never, end] if tokens.shape[1] == 1 else [*never]] = float("-inf")
        return logits

    return allowed


def _until(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end)] if end in tokens else tokens


def _drawn(logits: Tensor, how: Decoding, generator: torch.Generator) -> Tensor:
    p, order = (logits / how.temperature).softmax(1).sort(1, descending=True)
    p = p.masked_fill(p.cumsum(1) - p >= how.top_p, 0.0)  # the token that crosses the bound is still in
    return order.gather(1, torch.multinomial(p, 1, generator=generator))[:, 0]


def _beam(step: Next, n: int, how: Decoding, start: int, end: int) -> list[list[int]]:
    """Beam search; a beam that has ended stays among the others with the score it has."""
    k = how.beams
    tokens = torch.full((n, k, 1), start)
    total = torch.full((n, k), float("-inf"))
    total[:, 0] = 0.0  # all beams begin alike: only one of them may branch first
    done = torch.zeros(n, k, dtype=torch.bool)
    length = torch.zeros(n, k)
    for _ in range(how.longest):
        live = (~done & total.isfinite()).flatten().nonzero()[:, 0]
        logits = step(tokens.flatten(0, 1)[live], live // k)
        size = logits.shape[1]
        gain = torch.full((n * k, size), float("-inf"))
        gain[live] = logits.log_softmax(1)
        gain[done.flatten(), end] = 0.0
        sums = total[..., None] + gain.unflatten(0, (n, k))
        longer = length + (~done).float()
        best = (sums / _penalty(longer, how)[..., None]).flatten(1).topk(k, 1).indices
        beam, token = best // size, best % size
        total = sums.flatten(1).gather(1, best)
        length = longer.gather(1, beam)
        tokens = torch.cat([tokens.take_along_dim(beam[..., None], 1), token[..., None]], 2)
        done = done.gather(1, beam) | (token == end)
        if done.logical_or(total.isinf()).all():
            break
    winner = (total / _penalty(length, how)).argmax(1)
    return [_until(row, end) for row in tokens[torch.arange(n), winner, 1:].tolist()]


def _penalty(length: Tensor, how: Decoding) -> Tensor:
    return ((5 + length) / 6) ** how.length_penalty
