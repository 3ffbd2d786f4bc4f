"""HiFi-GAN's discriminators and adversarial terms (Kong et al. 2020, arXiv:2010.05646, sections 2.3 and 2.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from affectus.nn.hifigan import SLOPE, same

PERIODS = (2, 3, 5, 7, 11)
SCALES = 3
_PERIOD_CHANNELS = (1, 32, 128, 512, 1024)
_SCALE_LAYERS = (  # channels in and out, kernel, stride, groups
    (1, 128, 15, 1, 1),
    (128, 128, 41, 2, 4),
    (128, 256, 41, 2, 16),
    (256, 512, 41, 4, 16),
    (512, 1024, 41, 4, 16),
    (1024, 1024, 41, 1, 16),
    (1024, 1024, 5, 1, 1),
)


class Judged(NamedTuple):
    """What a discriminator says of a wave.

    Args:
        score: (b, n), 1 is a recording and 0 is made.
        features: What each of its layers gives.
    """

    score: Tensor
    features: list[Tensor]


class _Stack(nn.Module):
    """Convolutions with leaky ReLUs, and a last one that scores."""

    convs: nn.ModuleList
    conv_post: nn.Module

    def judge(self, x: Tensor) -> Judged:
        features = []
        for convolution in self.convs:
            x = F.leaky_relu(convolution(x), SLOPE)
            features.append(x)
        score = self.conv_post(x)
        return Judged(score.flatten(1), [*features, score])


class PeriodDiscriminator(_Stack):
    """Sees samples that lie a period apart, as the columns of a picture."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        pairs = pairwise(_PERIOD_CHANNELS)
        strided = [nn.Conv2d(a, b, (5, 1), (3, 1), padding=(2, 0)) for a, b in pairs]
        last = _PERIOD_CHANNELS[-1]
        self.convs = nn.ModuleList(weight_norm(c) for c in [*strided, nn.Conv2d(last, last, (5, 1), padding=(2, 0))])
        self.conv_post = weight_norm(nn.Conv2d(last, 1, (3, 1), padding=(1, 0)))

    def forward(self, wave: Tensor) -> Judged:
        """Judge waves (b, 1, t); the end is mirrored up to a whole number of periods."""
        wave = F.pad(wave, (0, -wave.shape[2] % self.period), "reflect")
        return self.judge(wave.unflatten(2, (-1, self.period)))


class ScaleDiscriminator(_Stack):
    """Sees the wave as it is, or averaged."""

    def __init__(self, norm: Callable[[nn.Module], nn.Module] = weight_norm) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            norm(nn.Conv1d(a, b, kernel, stride, groups=groups, padding=same(kernel)))
            for a, b, kernel, stride, groups in _SCALE_LAYERS
        )
        self.conv_post = norm(nn.Conv1d(1024, 1, 3, padding=1))

    def forward(self, wave: Tensor) -> Judged:
        """Judge waves (b, 1, t)."""
        return self.judge(wave)


class MultiPeriod(nn.Module):
    """One discriminator a period."""

    def __init__(self) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(PeriodDiscriminator(period) for period in PERIODS)

    def forward(self, wave: Tensor) -> list[Judged]:
        """Judge waves (b, 1, t)."""
        return [judge(wave) for judge in self.discriminators]


class MultiScale(nn.Module):
    """One discriminator of the wave, under spectral normalisation, and others of the wave at a half and a quarter."""

    def __init__(self) -> None:
        super().__init__()
        norms: list[Callable[[nn.Module], nn.Module]] = [spectral_norm, *[weight_norm] * (SCALES - 1)]
        self.discriminators = nn.ModuleList(ScaleDiscriminator(norm) for norm in norms)

    def forward(self, wave: Tensor) -> list[Judged]:
        """Judge waves (b, 1, t)."""
        out = []
        for i, judge in enumerate(self.discriminators):
            wave = F.avg_pool1d(wave, 4, 2, padding=2) if i else wave
            out.append(judge(wave))
        return out


def telling_apart(real: Sequence[Judged], made: Sequence[Judged]) -> Tensor:
    """What discriminators minimise: the sum of mean (1 − D(x))² + mean D(G(s))² (equation 1)."""
    return torch.stack(
        [(1 - r.score).square().mean() + m.score.square().mean() for r, m in zip(real, made, strict=True)]
    ).sum()


def passing(made: Sequence[Judged]) -> Tensor:
    """What the generator minimises against them: the sum of mean (1 − D(G(s)))² (equation 2)."""
    return torch.stack([(1 - m.score).square().mean() for m in made]).sum()


def feature_matching(real: Sequence[Judged], made: Sequence[Judged]) -> Tensor:
    """The sum over all layers of the mean distance between their outputs, twice (equation 4 with λ = 2)."""
    pairs = [p for r, m in zip(real, made, strict=True) for p in zip(r.features, m.features, strict=True)]
    return 2 * torch.stack([(a - b).abs().mean() for a, b in pairs]).sum()
