"""Texts of many lengths through an encoder, those of like length together, so that little of the work is padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_TOGETHER = 32  # texts that go through the encoder at once


def states_by_length(encoder: Any, ids: Tensor, valid: Tensor, layers: Sequence[int] = (-1,)) -> Tensor:
    """States of the tokens (n, t, f · layers), those of the layers side by side.

    Where no gradient is wanted the texts go through in order of their length, some at a time, each padded to the
    longest beside it; what lies beyond is 0. The turns of dialogues differ much: of a batch of MELD's, half have less
    than a quarter of the tokens of the longest.

    Args:
        encoder: A transformers encoder.
        ids: (n, t) token ids.
        valid: (n, t) bool, True where a token is.
        layers: Numbers of the layers, 0 for the embeddings, -1 for the last.
    """

    def read(ids: Tensor, valid: Tensor) -> Tensor:
        found = encoder(input_ids=ids, attention_mask=valid.long(), output_hidden_states=True).hidden_states
        return torch.cat([found[i] for i in layers], -1)

    if not torch.compiler.is_exporting() and not len(ids):  # an encoder can't shape what has no rows
        return ids.new_zeros((*ids.shape, len(layers) * encoder.config.hidden_size), dtype=encoder.dtype)
    if torch.compiler.is_exporting() or torch.is_grad_enabled() or len(ids) <= _TOGETHER:
        return read(ids, valid)
    ends = (valid * torch.arange(1, ids.shape[1] + 1, device=ids.device)).amax(1).clamp(min=1)
    order, out = ends.argsort(), None
    for rows in order.split(_TOGETHER):
        end = int(ends[rows[-1]])
        found = read(ids[rows, :end], valid[rows, :end])
        out = found.new_zeros(*ids.shape, found.shape[-1]) if out is None else out
        out[rows, :end] = found
    assert out is not None  # there were more rows than go through at once
    return out
