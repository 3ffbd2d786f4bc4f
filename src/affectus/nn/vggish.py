"""VGGish: 128 numbers of a second of sound (Hershey et al. 2017, arXiv:1609.09430), 72.1 M weights.

Parameters have the names of the PyTorch port `torchvggish` of the released weights (Apache-2.0). Its input is made by
`affectus.frontends.vggish_mel`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

BANDS, FRAMES = 64, 96  # of a patch
CLIPPED = 2.0  # whitened features beyond ± this are cut before they become bytes


class VGGish(nn.Module):
    """Convolutions with max pooling, then three linear layers.

    Args:
        widths: Channels of the convolutions, stage by stage; each stage ends in a pooling that halves the size.
        inner: Features of the first two linear layers.
        features: Numbers that come out.
    """

    def __init__(
        self,
        widths: Sequence[Sequence[int]] = ((64,), (128,), (256, 256), (512, 512)),
        inner: int = 4096,
        features: int = 128,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for stage in widths:
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        flat = channels * (FRAMES >> len(widths)) * (BANDS >> len(widths))
        self.embeddings = nn.Sequential(
            nn.Linear(flat, inner), nn.ReLU(), nn.Linear(inner, inner), nn.ReLU(), nn.Linear(inner, features)
        )
        self.size = features

    def forward(self, patches: Tensor) -> Tensor:
        """(n, features) from log-mel patches (n, 96, 64)."""
        maps = self.features(patches[:, None])
        return self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))  # channels last, as TensorFlow lays them


class Whitening(nn.Module):
    """The released post-processing: principal components, whitened and cut to bytes.

    Args:
        features: Numbers of a vector.
    """

    pca_eigen_vectors: Tensor
    pca_means: Tensor

    def __init__(self, features: int = 128) -> None:
        super().__init__()
        self.register_buffer("pca_eigen_vectors", torch.eye(features))
        self.register_buffer("pca_means", torch.zeros(features, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Whole numbers from 0 to 255, (n, features) float, from what `VGGish` gives."""
        whitened = (self.pca_eigen_vectors @ (x.T - self.pca_means)).T
        return ((whitened.clamp(-CLIPPED, CLIPPED) + CLIPPED) * (255 / (2 * CLIPPED))).round()
