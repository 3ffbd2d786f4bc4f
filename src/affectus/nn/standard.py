"""Features on one scale, by what was seen of them in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardised(nn.Module):
    """Features less their mean and over their deviation, both over all rows that went through in training so far.

    Unlike batch normalisation it takes a single row in training, and a row never depends on its batch in evaluation or
    but little in training, where moments are joined batch by batch (Chan, Golub and LeVeque 1979).

    Args:
        width: How many features.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("squares", torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) from (n, width); a feature that never differed is only centred."""
        if self.training and len(x):
            self._see(x.detach())
        deviation = (self.squares / self.count.clamp(min=1)).sqrt()
        return (x - self.mean) / torch.where(deviation > 0, deviation, 1.0)

    def _see(self, x: Tensor) -> None:
        mean, total = x.mean(0), self.count + len(x)
        gap = mean - self.mean
        self.squares += ((x - mean) ** 2).sum(0) + gap**2 * self.count * len(x) / total
        self.mean += gap * len(x) / total
        self.count.copy_(total)
