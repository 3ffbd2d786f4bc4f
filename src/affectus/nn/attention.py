"""Attention with several heads and the transformer encoder layer (Vaswani et al. 2017, arXiv:1706.03762).

Parameters have the names and shapes of torch's `MultiheadAttention`, `TransformerEncoderLayer` and
`TransformerEncoder`, so that weights of either load into the other. Unlike torch's, these compute the same with and
without gradients, and a query that may see nothing gets zeros.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectus.errors import ConfigError

Norm = Literal["post", "pre"]
Activation = Literal["relu", "gelu"]


class Attention(nn.Module):
    """Scaled dot-product attention with several heads.

    Each head has softmax(q·kᵀ/√d + mask)·v with projections of its own; the heads side by side are projected once more.

    Args:
        width: Features of queries, keys, values and output.
        heads: Heads, each of width / heads features.
        dropout: Share of the weights that is dropped in training.
        bias: Whether projections have a bias.

    Raises:
        ConfigError: If the heads do not divide the width.
    """

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ConfigError(
                f"{heads} heads of a width of {width}", allowed="a number of heads that divides the width"
            )
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * width, width)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width)) if bias else None
        self.out_proj = nn.Linear(width, width, bias=bias)
        if bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, *, valid: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Attended values; of a query that may see no key, zeros.

        Args:
            query: (b, t, width).
            key: (b, s, width).
            value: (b, s, width).
            valid: (b, s) bool, True where there is a key.
            mask: (t, s), (b, t, s) or (b, heads or 1, t, s): floats are added to the logits, −inf hides a key; of
                booleans, True lets it be seen.

        Returns:
            (b, t, width).
        """
        return self.attend(query, key, value, valid=valid, mask=mask)[0]

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, *, valid: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attended values (b, t, width) and the weights (b, heads, t, s) before dropout; arguments as `forward`."""
        weights = self.in_proj_weight.chunk(3)
        biases = self.in_proj_bias.chunk(3) if self.in_proj_bias is not None else (None,) * 3
        q, k, v = (
            F.linear(x, w, b).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        )
        logits = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)
        weight, blind = shares(hide(logits, valid=valid, mask=mask))
        mixed = (F.dropout(weight, self.dropout, self.training) @ v).transpose(1, 2).flatten(2)
        return self.out_proj(mixed).masked_fill(blind, 0.0), weight


def hide(logits: Tensor, *, valid: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """The logits (b, heads, t, s), −inf where a key may not be seen; `valid` and `mask` as in `Attention`."""
    if mask is not None:
        mask = mask.unsqueeze(1) if mask.dim() == 3 else mask
        logits = logits.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else logits + mask
    return logits if valid is None else logits.masked_fill(~valid[:, None, None], float("-inf"))


def shares(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax over keys, where −inf hides one; zeros for a query that may see none.

    Args:
        logits: (b, heads, t, s).

    Returns:
        Weights of the same shape, and (b, t, 1) bool, True where no head of a query sees a key.
    """
    hidden = logits == float("-inf")
    blind = hidden.all(-1, keepdim=True)
    # A row that is hidden whole would be 0/0, in the gradient too.
    return logits.masked_fill(blind, 0.0).softmax(-1).masked_fill(hidden, 0.0), blind.all(1)


class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward part, each with a skip and a layer norm.

    Args:
        width: Features of a state.
        heads: Attention heads.
        inner: Features inside the feed-forward part.
        dropout: Share of attention weights and of features dropped in training.
        activation: Of the feed-forward part.
        norm: `post`: norm(x + f(x)), as first published; `pre`: x + f(norm(x)).
        epsilon: Of the layer norms.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        inner: int,
        *,
        dropout: float = 0.1,
        activation: Activation = "relu",
        norm: Norm = "post",
        epsilon: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm, self.bend = norm, F.relu if activation == "relu" else F.gelu
        self.self_attn = Attention(width, heads, dropout=dropout)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=epsilon), nn.LayerNorm(width, eps=epsilon)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, *, valid: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """States (b, t, width) from states of the same shape; `valid` (b, t) and `mask` as in `Attention`."""
        if self.norm == "pre":
            x = x + self._attended(self.norm1(x), valid, mask)
            return x + self._fed(self.norm2(x))
        x = self.norm1(x + self._attended(x, valid, mask))
        return self.norm2(x + self._fed(x))

    def _attended(self, x: Tensor, valid: Tensor | None, mask: Tensor | None) -> Tensor:
        return self.dropout(self.self_attn(x, x, x, valid=valid, mask=mask))

    def _fed(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear2(self.dropout(self.bend(self.linear1(x)))))


class Transformer(nn.Module):
    """Transformer layers one after the other.

    Args:
        layers: The layers.
        norm: Norm of what the last one gives, or None.
    """

    def __init__(self, *layers: TransformerLayer, norm: nn.LayerNorm | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = norm

    def forward(self, x: Tensor, *, valid: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """States (b, t, width) from states of the same shape; arguments as `TransformerLayer`."""
        for layer in self.layers:
            x = layer(x, valid=valid, mask=mask)
        return x if self.norm is None else self.norm(x)
