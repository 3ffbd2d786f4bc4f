"""R(2+1)D-18: a ResNet over moving pictures whose convolutions are split into space and time.

Tran et al. (2018), "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR, arXiv:1711.11248.
Parameters have the names and shapes of torchvision's `r2plus1d_18`, so that its Kinetics weights load.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def split_convolution(channels: int, middle: int, width: int, stride: int = 1) -> nn.Sequential:
    """A 3×3 convolution in space to `middle` channels, then one of 3 steps in time to `width`."""
    return nn.Sequential(
        nn.Conv3d(channels, middle, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(),
        nn.Conv3d(middle, width, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
    )


def middle_channels(channels: int, width: int) -> int:
    """Channels between the halves, so that both have as many weights as one 3×3×3 convolution (section 3.5)."""
    return 27 * channels * width // (9 * channels + 3 * width)


class SplitBlock(nn.Module):
    """Two split convolutions with a skip, which is projected where size or channels change.

    Args:
        channels: Of the input.
        width: Of the output.
        stride: Of the first convolution, in space and time.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        middle = middle_channels(channels, width)  # of the second convolution too, as in torchvision
        self.conv1 = nn.Sequential(split_convolution(channels, middle, width, stride), nn.BatchNorm3d(width), nn.ReLU())
        self.conv2 = nn.Sequential(split_convolution(width, middle, width), nn.BatchNorm3d(width))
        self.downsample = (
            nn.Sequential(nn.Conv3d(channels, width, 1, stride, bias=False), nn.BatchNorm3d(width))
            if stride != 1 or channels != width
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, width, t, h, w), half as large with a stride of 2, from maps (n, channels, t, h, w)."""
        out = self.conv2(self.conv1(x))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class VideoResNet(nn.Module):
    """R(2+1)D with an output layer; with the defaults R(2+1)D-18.

    Args:
        outputs: Of the output layer, `fc`.
        blocks: Blocks of each of the four stages.
        width: Channels of the first stage; each further one has twice as many.
        dropout: Share of features dropped before the output layer in training; None has no such layer, and `fc` is
            named as torchvision names it.
    """

    def __init__(
        self,
        outputs: int,
        blocks: Sequence[int] = (2, 2, 2, 2),
        width: int = 64,
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        middle = max(1, 45 * width // 64)
        self.stem = nn.Sequential(
            nn.Conv3d(3, middle, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(middle),
            nn.ReLU(),
            nn.Conv3d(middle, width, (3, 1, 1), 1, (1, 0, 0), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(),
        )
        channels = width
        for stage, count in enumerate(blocks):
            wide = width * 2**stage
            layer = [SplitBlock(wide if i else channels, wide, 2 if stage and not i else 1) for i in range(count)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layer))
            channels = wide
        out = nn.Linear(channels, outputs)
        self.fc = out if dropout is None else nn.Sequential(nn.Dropout(dropout), out)
        self.stages = len(blocks)
        for part in self.modules():
            if isinstance(part, nn.Conv3d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (n, outputs) from pictures (n, 3, t, h, w), RGB; Kinetics weights want each channel standardised."""
        x = self.stem(x)
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3, 4)))
