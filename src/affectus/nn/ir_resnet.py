"""The residual network of face recognition that ArcFace made common (Deng et al. 2019, arXiv:1801.07698, IR).

Parameters have the names of the widely used PyTorch port. With the defaults it is IR-50 for 40×40 faces, 37.3 M
weights, as in Richet et al. (2024, arXiv:2407.12927).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class Unit(nn.Module):
    """Norm, convolution, PReLU, strided convolution, norm, and a skip (the improved residual unit).

    Args:
        channels: Of the input.
        width: Of the output.
        stride: Of the second convolution and the skip.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = (
            nn.MaxPool2d(1, stride)
            if channels == width
            else nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))
        )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, width, 3, 1, 1, bias=False),
            nn.PReLU(width),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, width, ⌈h / stride⌉, ⌈w / stride⌉) from maps (n, channels, h, w)."""
        return self.res_layer(x) + self.shortcut_layer(x)


class IRResNet(nn.Module):
    """Vectors of length 1 of faces.

    Args:
        units: Units of each stage; the first stage keeps the size, each further one halves it and doubles the channels.
        width: Channels of the first stage.
        size: Height and width of a face.
        features: Numbers of a vector; 0 takes the channels of the last stage.
        dropout: Before the last linear layer.
    """

    def __init__(
        self,
        units: Sequence[int] = (3, 4, 14, 3),
        width: int = 64,
        size: int = 40,
        features: int = 0,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        self.size = size
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width)
        )
        body: list[nn.Module] = []
        channels, side = width, size
        for stage, count in enumerate(units):
            wide, stride = width * 2**stage, 2 if stage else 1
            body += [Unit(wide if i else channels, wide, 1 if i else stride) for i in range(count)]
            channels, side = wide, -(-side // stride)
        self.body = nn.Sequential(*body)
        self.features = features or channels
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(channels * side * side, self.features),
            nn.BatchNorm1d(self.features),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, features) from faces (n, 3, size, size) in [-1, 1]."""
        return F.normalize(self.output_layer(self.body(self.input_layer(x))), dim=1)
