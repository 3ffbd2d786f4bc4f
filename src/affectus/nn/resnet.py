"""ResNet of basic blocks (He et al. 2016, arXiv:1512.03385); parameters have torchvision's names and shapes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a skip, which is projected where size or channels change.

    Args:
        channels: Of the input.
        width: Of the output.
        stride: Of the first convolution.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))
            if stride != 1 or channels != width
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, width, h, w), half as large with a stride of 2, from maps (n, channels, h, w)."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A ResNet without its output layer; with the defaults ResNet-18.

    Args:
        blocks: Blocks of each of the four stages.
        width: Channels of the first stage; each further one has twice as many.
    """

    def __init__(self, blocks: Sequence[int] = (2, 2, 2, 2), width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for stage, count in enumerate(blocks):
            wide = width * 2**stage
            layer = [BasicBlock(wide if i else channels, wide, 2 if stage and not i else 1) for i in range(count)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layer))
            channels = wide
        self.stages, self.features = len(blocks), channels

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, width of the last stage), the mean over places, from pictures (n, 3, h, w)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x.mean((2, 3))
