"""From logits of frames to logits of the clip that they are of."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Decision = Literal["vote", "logits", "probabilities"]
_LEAST = 1e-6  # share of votes below which the logarithm is cut


def decided(frames: Tensor, valid: Tensor, how: Decision) -> Tensor:
    """One row of logits a clip; where a clip has no frame, zeros.

    Args:
        frames: (n, t, k) logits.
        valid: (n, t) bool, True where a frame is.
        how: `logits`: their mean; `probabilities`: the logarithm of the mean of their softmax; `vote`: the logarithm of
            the share of frames whose highest label it is. Of labels with equally many votes the first one counts.

    Returns:
        (n, k).
    """
    share = valid.to(frames.dtype) / valid.sum(1, keepdim=True).clamp(min=1)
    if how == "logits":
        return torch.einsum("nt,ntk->nk", share, frames)
    said = frames.softmax(-1) if how == "probabilities" else _votes(frames)
    return torch.einsum("nt,ntk->nk", share, said).clamp(min=_LEAST).log() * valid.any(1, keepdim=True)


def _votes(frames: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(frames.argmax(-1), frames.shape[-1]).to(frames.dtype)
