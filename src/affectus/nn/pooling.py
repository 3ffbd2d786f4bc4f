"""One vector a text from the states of its tokens, where a long text came in several windows."""

from __future__ import annotations

import torch
from torch import Tensor


def means(states: Tensor, content: Tensor, owner: Tensor, texts: int) -> Tensor:
    """Mean state over the tokens of each text, (texts, f); 0 of a text without any.

    Args:
        states: (windows, tokens, f).
        content: (windows, tokens) bool, True where a token of the text is.
        owner: (windows,) int64, the text of each window.
        texts: How many.
    """
    share = content.to(states.dtype)
    sums = states.new_zeros(texts, states.shape[-1]).index_add(0, owner, torch.einsum("bt,btf->bf", share, states))
    return sums / states.new_zeros(texts).index_add(0, owner, share.sum(1)).clamp(min=1)[:, None]


def peaks(states: Tensor, content: Tensor, owner: Tensor, texts: int) -> Tensor:
    """Largest value of each feature over the tokens of each text, (texts, f); arguments as `means`."""
    highest = states.masked_fill(~content[..., None].bool(), -torch.inf).amax(1)
    at = owner[:, None].expand_as(highest)
    found = states.new_full((texts, states.shape[-1]), -torch.inf).scatter_reduce(0, at, highest, "amax")
    return torch.where(found.isinf(), 0.0, found)
