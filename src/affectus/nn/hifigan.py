"""HiFi-GAN's generator (Kong et al. 2020, arXiv:2010.05646, V1): frames of features → a wave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.1  # of the leaky ReLUs; the last one has torch's own 0.01, as in the authors' code


def same(kernel: int, dilation: int = 1) -> int:
    """Padding at both ends that keeps the length."""
    return dilation * (kernel - 1) // 2


class Residual(nn.Module):
    """Pairs of convolutions, the first of each dilated, each pair added to its input."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()

        def convolution(dilation: int) -> nn.Module:
            return weight_norm(nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=same(kernel, dilation)))

        self.convs1 = nn.ModuleList(convolution(dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(convolution(1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t) → (b, c, t)."""
        for first, second in zip(self.convs1, self.convs2, strict=True):
            x = x + second(F.leaky_relu(first(F.leaky_relu(x, SLOPE)), SLOPE))
        return x


class Generator(nn.Module):
    """Transposed convolutions that make the frames finer, each followed by the mean of residual blocks.

    Args:
        size: Channels of the input.
        channels: Channels after the first convolution; each upsampling halves them.
        rates: How much finer each upsampling makes the frames; their product is the samples of a frame.
        kernels: Of the upsamplings.
        blocks: Kernels of the residual blocks.
        dilations: Of the convolutions in a block.
    """

    def __init__(
        self,
        size: int,
        channels: int = 512,
        rates: Sequence[int] = (5, 4, 2, 2, 2),
        kernels: Sequence[int] = (11, 8, 4, 4, 4),
        blocks: Sequence[int] = (3, 7, 11),
        dilations: Sequence[int] = (1, 3, 5),
    ) -> None:
        super().__init__()
        widths = [channels // 2**i for i in range(len(rates) + 1)]
        self.conv_pre = weight_norm(nn.Conv1d(size, channels, 7, padding=3))
        self.ups = nn.ModuleList(
            weight_norm(nn.ConvTranspose1d(wide, narrow, kernel, rate, padding=(kernel - rate) // 2))
            for wide, narrow, kernel, rate in zip(widths, widths[1:], kernels, rates, strict=False)
        )
        self.resblocks = nn.ModuleList(Residual(width, kernel, dilations) for width in widths[1:] for kernel in blocks)
        self.conv_post = weight_norm(nn.Conv1d(widths[-1], 1, 7, padding=3))
        self.blocks = len(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Features (b, size, t) → wave (b, 1, t · product of rates) in (-1, 1)."""
        x = self.conv_pre(x)
        for i, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, SLOPE))
            blocks: Any = self.resblocks[i * self.blocks : (i + 1) * self.blocks]
            x = torch.stack([block(x) for block in blocks]).mean(0)
        return torch.tanh(self.conv_post(F.leaky_relu(x)))
