"""Causal convolutions over time (Bai, Kolter and Koltun 2018, arXiv:1803.01271): no step knows of a later one."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class TemporalBlock(nn.Module):
    """Two dilated convolutions with weight normalisation and a skip, which is projected where channels change.

    Args:
        channels: Of the input.
        width: Of the output.
        kernel: Steps that a convolution sees.
        dilation: Distance between them.
        dropout: Share of features that is dropped after each convolution in training.
    """

    def __init__(self, channels: int, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.before = (kernel - 1) * dilation
        first, second = (nn.Conv1d(size, width, kernel, dilation=dilation) for size in (channels, width))
        self.downsample = nn.Conv1d(channels, width, 1) if channels != width else None
        for layer in (first, second, *([self.downsample] if self.downsample is not None else [])):
            nn.init.xavier_uniform_(layer.weight, gain=2**0.5)
        self.conv1, self.conv2 = weight_norm(first), weight_norm(second)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(b, width, t) from (b, channels, t)."""
        y = x
        for layer in (self.conv1, self.conv2):
            y = self.dropout(F.leaky_relu(layer(F.pad(y, (self.before, 0)))))
        return F.leaky_relu(y + (x if self.downsample is None else self.downsample(x)))


class TemporalNet(nn.Module):
    """Blocks one after the other; block i has dilation 2^i.

    Args:
        channels: Of the input.
        widths: Of each block.
        kernel: Steps that a convolution sees.
        dropout: As in `TemporalBlock`.
    """

    def __init__(self, channels: int, widths: Sequence[int], kernel: int = 5, dropout: float = 0.1) -> None:
        super().__init__()
        sizes = (channels, *widths)
        self.network = nn.Sequential(
            *(TemporalBlock(sizes[i], sizes[i + 1], kernel, 2**i, dropout) for i in range(len(widths)))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b, last of widths, t) from (b, channels, t)."""
        return self.network(x)
