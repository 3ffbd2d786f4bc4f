"""Transformer-XL: relative positions and segments that remember (Dai et al. 2019, arXiv:1901.02860), and its decoder.

The layers norm after each skip. They take any self-attention: `RelativeAttention` for Transformer-XL, where no position
is added to what goes in, or `nn.attention.Attention` for the Transformer of Vaswani et al. (2017), where
`sinusoids` are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectus.errors import ConfigError
from affectus.nn.attention import Attention, hide, shares


def sinusoids(places: Tensor, width: int) -> Tensor:
    """Sines of each place at width / 2 frequencies 10000^(−2c / width), c = 0, 1, …, then their cosines, (…, width).

    Raises:
        ConfigError: If the width is odd.
    """
    if width % 2:
        raise ConfigError(f"sinusoids of width {width}", allowed="an even width")
    rates = torch.arange(0, width, 2, device=places.device, dtype=places.dtype) * (-math.log(10_000.0) / width)
    angles = places[..., None] * rates.exp()
    return torch.cat([angles.sin(), angles.cos()], -1)


def relative_shift(x: Tensor) -> Tensor:
    """From logits by distance to logits by key.

    Args:
        x: (…, t, s + t − 1); column k of query i speaks of the distance s − 1 − k between a query and a key before it.

    Returns:
        (…, t, s): of query i, which stands t − i places before the end of the keys, and key j.
    """
    t, distances = x.shape[-2:]
    # With one column more, rows of the old length begin one place later than the row before each time.
    padded = F.pad(x, (1, 0)).flatten(-2)[..., t:]
    return padded.unflatten(-1, (t, distances))[..., : distances - t + 1]


class RelativeAttention(nn.Module):
    """Attention that knows how far a key is from a query, and not where either stands (section 3.3).

    The logits are (q_i·k_j + q_i·r + u·k_j + v·r) / √d, r = W_r sinusoids(i − j), with vectors u and v of each head.

    Args:
        width: Features of queries, keys, values and output.
        heads: Heads, each of width / heads features.

    Raises:
        ConfigError: If the heads do not divide the width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ConfigError(
                f"{heads} heads of a width of {width}", allowed="a number of heads that divides the width"
            )
        self.width, self.heads = width, heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.place = nn.Linear(width, width, bias=False)
        for linear in (self.query, self.key, self.value, self.output, self.place):
            nn.init.xavier_uniform_(linear.weight)
        self.u = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, width // heads)))
        self.v = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, width // heads)))

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, *, valid: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Attended values (b, t, width); of a query that may see no key, zeros.

        Args:
            query: (b, t, width), the last t of the s places that the keys have.
            key: (b, s, width).
            value: (b, s, width).
            valid: (b, s) bool, True where there is a key.
            mask: As in `Attention`.
        """
        t, s = query.shape[1], key.shape[1]
        distances = torch.arange(s - 1, -t, -1, device=query.device, dtype=query.dtype)
        r = self._split(self.place(sinusoids(distances, self.width))[None])
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(value))
        content = (q + self.u[:, None]) @ k.transpose(-1, -2)
        place = relative_shift((q + self.v[:, None]) @ r.transpose(-1, -2))
        weight, blind = shares(hide((content + place) * q.shape[-1] ** -0.5, valid=valid, mask=mask))
        return self.output((weight @ v).transpose(1, 2).flatten(2)).masked_fill(blind, 0.0)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Memory(NamedTuple):
    """What the layers of a stack keep of the segments before.

    Args:
        states: Of each layer what went into it, (b, m, width); no gradient leads there.
        valid: (b, m) bool, True where there is a state; those there are stand at the end.
    """

    states: tuple[Tensor, ...]
    valid: Tensor


def no_memory(like: Tensor, layers: int) -> Memory:
    """Of nothing, for a batch of states (b, t, width)."""
    return Memory((like[:, :0],) * layers, like.new_zeros(len(like), 0, dtype=torch.bool))


def remember(before: Memory, states: Sequence[Tensor], valid: Tensor, most: int) -> Memory:
    """The memory after one more segment: the last `most` places that are valid, gaps closed.

    Args:
        before: The memory before it.
        states: Of each layer what went into it, (b, t, width).
        valid: (b, t) bool, of the segment.
        most: Places that are kept.
    """
    there = torch.cat([before.valid, valid], 1)
    # Padding of one segment would part it from the next and change distances; a stable sort moves it to the front.
    order = there.long().argsort(dim=1, stable=True)
    order = order[:, max(0, order.shape[1] - most) :]
    kept = tuple(
        torch.cat([old, new], 1).detach().take_along_dim(order[..., None], 1)
        for old, new in zip(before.states, states, strict=True)
    )
    return Memory(kept, there.take_along_dim(order, 1))


class _FeedForward(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        for linear in (self.linear1, self.linear2):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.linear1(x).relu())


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, each with dropout, a skip and then a layer norm.

    Args:
        attention: Called as `Attention` is.
        width: Features of a state.
        inner: Features inside the feed-forward part.
        dropout: Share of features dropped in training.
        epsilon: Of the layer norms.
    """

    def __init__(self, attention: nn.Module, width: int, inner: int, dropout: float, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.self_attn, self.feed = attention, _FeedForward(width, inner)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=epsilon), nn.LayerNorm(width, eps=epsilon)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor, valid: Tensor) -> Tensor:
        """States (b, t, width) from states `x` of the same shape, which look at `seen` (b, s, width), valid (b, s)."""
        x = self.norm1(x + self.dropout(self.self_attn(x, seen, seen, valid=valid)))
        return self.norm2(x + self.dropout(self.feed(x)))


class DecoderLayer(nn.Module):
    """Self-attention on what is before, attention on an encoder's states and a feed-forward part.

    After each come a skip and a layer norm; the last two have dropout before it.

    Args:
        attention: Self-attention, called as `Attention` is.
        width: Features of a state.
        heads: Of the attention on the encoder's states.
        inner: Features inside the feed-forward part.
        dropout: Share of features dropped in training.
        epsilon: Of the layer norms.
    """

    def __init__(
        self, attention: nn.Module, width: int, heads: int, inner: int, dropout: float, epsilon: float = 1e-6
    ) -> None:
        super().__init__()
        self.self_attn, self.cross_attn = attention, Attention(width, heads)
        self.feed = _FeedForward(width, inner)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width, eps=epsilon) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor, valid: Tensor, read: Tensor, there: Tensor) -> Tensor:
        """States (b, t, width).

        Args:
            x: (b, t, width), the last t places of `seen`.
            seen: (b, s, width).
            valid: (b, s) bool, True where there is a state.
            read: (b, r, width) states of the encoder.
            there: (b, r) bool, True where there is one.
        """
        t, s = x.shape[1], seen.shape[1]
        past = torch.ones(t, s, dtype=torch.bool, device=x.device).tril(s - t)
        x = self.norm1(x + self.self_attn(x, seen, seen, valid=valid, mask=past))
        x = self.norm2(x + self.dropout(self.cross_attn(x, read, read, valid=there)))
        return self.norm3(x + self.dropout(self.feed(x)))


class Stack(nn.Module):
    """Encoder layers, or decoder layers, one after the other, with a memory of the segments before.

    Args:
        layers: `EncoderLayer` or `DecoderLayer`.
        memory: Places that are remembered; 0 remembers none.
    """

    def __init__(self, layers: Sequence[nn.Module], memory: int = 0) -> None:
        super().__init__()
        self.layers, self.memory = nn.ModuleList(layers), memory

    def forward(
        self, x: Tensor, valid: Tensor, before: Memory | None = None, read: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Memory]:
        """States of a segment, and the memory after it.

        Args:
            x: (b, t, width).
            valid: (b, t) bool.
            before: The memory after the segment before; None at the first.
            read: States of an encoder (b, r, width) and where there is one (b, r), for decoder layers.
        """
        before = no_memory(x, len(self.layers)) if before is None else before
        there, entered = torch.cat([before.valid, valid], 1), []
        for layer, kept in zip(self.layers, before.states, strict=True):
            entered.append(x)
            x = layer(x, torch.cat([kept, x], 1), there, *(read or ()))
        return x, remember(before, entered, valid, self.memory)

    def by_segments(self, x: Tensor, valid: Tensor, length: int, read: tuple[Tensor, Tensor]) -> Tensor:
        """States (b, t, width) of decoder layers that see `x` in segments of `length` places, in one if that is 0."""
        parts, memory = [], None
        for piece, there in zip(x.split(length or x.shape[1], 1), valid.split(length or x.shape[1], 1), strict=True):
            states, memory = self(piece, there, memory, read)
            parts.append(states)
        return torch.cat(parts, 1)
