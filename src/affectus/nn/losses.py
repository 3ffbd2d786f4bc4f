"""Losses that several systems share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def loss_on(logits: Tensor, gold: Tensor, kind: str) -> Tensor:
    """Loss of one target; rows and labels without gold (NaN) do not count.

    Args:
        logits: (b, k).
        gold: (b, k) scores, NaN where unknown.
        kind: `any-of`: binary cross-entropy, mean over labels; `one-of`: cross-entropy with the gold distribution;
            `level`: squared error.
    """
    known = ~gold.isnan()
    filled = torch.where(known, gold, torch.zeros_like(gold))
    if kind == "one-of":
        rows = known.any(1)
        return -(filled * F.log_softmax(logits, 1)).sum(1)[rows].mean() if rows.any() else logits.sum() * 0
    if kind == "any-of":
        each = F.binary_cross_entropy_with_logits(logits, filled, reduction="none")
    else:
        each = (logits - filled).square()
    return each[known].mean() if known.any() else logits.sum() * 0
