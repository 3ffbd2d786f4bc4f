"""Heads that several systems share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClassificationHead(nn.Module):
    """Dropout, dense layer, tanh, dropout, output: the head of RoBERTa's classifier and of Dawn-SER's regression.

    Args:
        width: Features of the pooled state.
        outputs: Scores.
        dropout: Share of features dropped before each layer.
    """

    def __init__(self, width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, outputs)

    def forward(self, pooled: Tensor) -> Tensor:
        """Scores (b, k), unbounded, from pooled states (b, f)."""
        return self.out_proj(self.dropout(torch.tanh(self.dense(self.dropout(pooled)))))
