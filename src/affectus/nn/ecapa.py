"""ECAPA-TDNN (Desplanques et al. 2020, arXiv:2005.07143): mel bands of an utterance → a vector of who speaks.

Names and order of the weights are those of SpeechBrain's checkpoints, whose sizes and bands these are.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

RATE = 16_000  # Hz
WINDOW = 400  # samples = 25 ms
HOP = 160  # samples = 10 ms
BANDS = 80
DILATIONS = (2, 3, 4)  # of the blocks
SPAN = 80.0  # dB below the loudest value at which bands are cut off
_FLOOR = 1e-10  # power
_TINY = 1e-12  # variance


@cache
def _filters() -> Tensor:
    """Triangles on the mel scale 2595 log10(1 + f / 700), (201, 80); each is as wide above its centre as below it."""
    highest = 2595 * torch.log10(torch.tensor(1 + RATE / 2 / 700, dtype=torch.float64))
    corners = 700 * (10 ** (torch.linspace(0, 1, BANDS + 2, dtype=torch.float64) * highest / 2595) - 1)
    bins = torch.linspace(0, RATE / 2, WINDOW // 2 + 1, dtype=torch.float64)
    away = (bins[:, None] - corners[1:-1]).abs() / corners.diff()[:-1]
    return (1 - away).clamp(min=0).float()


def bands(wave: Tensor) -> Tensor:
    """Log-mel bands in decibels less their mean over the utterance, (b, samples) at 16 kHz → (b, frames, 80)."""
    window = torch.hamming_window(WINDOW, device=wave.device)
    spectrum = torch.stft(wave, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True)
    power = spectrum.abs().square().transpose(1, 2) @ _filters().to(wave.device)
    decibel = 10 * torch.log10(power.clamp(min=_FLOOR))
    decibel = decibel.clamp(min=decibel.amax((1, 2), keepdim=True) - SPAN)
    return decibel - decibel.mean(1, keepdim=True)


class _Conv(nn.Module):
    """A convolution that keeps the length, its input mirrored at the ends."""

    def __init__(self, size: int, out: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv1d(size, out, kernel, dilation=dilation, padding=padding, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _Norm(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(size)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


class _Layer(nn.Module):
    """Convolution, ReLU, batch norm."""

    def __init__(self, size: int, out: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = _Conv(size, out, kernel, dilation)
        self.norm = _Norm(out)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(torch.relu(self.conv(x)))


class _Groups(nn.Module):
    """Res2Net: the first group of channels passes, each other one is convolved after the result before it was added."""

    def __init__(self, channels: int, kernel: int, dilation: int, groups: int) -> None:
        super().__init__()
        width = channels // groups
        self.blocks = nn.ModuleList(_Layer(width, width, kernel, dilation) for _ in range(groups - 1))

    def forward(self, x: Tensor) -> Tensor:
        first, *rest = x.chunk(len(self.blocks) + 1, 1)
        out = [first]
        for i, (block, part) in enumerate(zip(self.blocks, rest, strict=True)):
            out.append(block(part + out[-1] if i else part))
        return torch.cat(out, 1)


class _Squeeze(nn.Module):
    """Channels weighed by what their means over the utterance say."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _Conv(channels, narrow), _Conv(narrow, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv2(torch.relu(self.conv1(x.mean(2, keepdim=True)))))


class _Block(nn.Module):
    def __init__(self, channels: int, kernel: int, dilation: int, groups: int, squeeze: int) -> None:
        super().__init__()
        self.tdnn1 = _Layer(channels, channels)
        self.res2net_block = _Groups(channels, kernel, dilation, groups)
        self.tdnn2 = _Layer(channels, channels)
        self.se_block = _Squeeze(channels, squeeze)

    def forward(self, x: Tensor) -> Tensor:
        return self.se_block(self.tdnn2(self.res2net_block(self.tdnn1(x)))) + x


class _Pooling(nn.Module):
    """Mean and deviation over time, each channel with attention of its own that knows both over the utterance."""

    def __init__(self, channels: int, attention: int) -> None:
        super().__init__()
        self.tdnn = _Layer(3 * channels, attention)
        self.conv = _Conv(attention, channels)

    def forward(self, x: Tensor) -> Tensor:
        even = torch.full_like(x, 1 / x.shape[2])
        known = [moment.expand_as(x) for moment in self._moments(x, even)]
        weights = torch.softmax(self.conv(torch.tanh(self.tdnn(torch.cat([x, *known], 1)))), 2)
        return torch.cat(self._moments(x, weights), 1)

    @staticmethod
    def _moments(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        mean = (weights * x).sum(2, keepdim=True)
        variance = (weights * (x - mean).square()).sum(2, keepdim=True)
        return mean, variance.clamp(min=_TINY).sqrt()


class Ecapa(nn.Module):
    """The network; the defaults are the sizes of the published anonymiser's encoder.

    Args:
        width: Numbers in a vector.
        channels: Of all layers but the aggregation, which has those of the three blocks together.
        attention: Channels inside the pooling's attention.
        groups: Of channels in a block.
        squeeze: Channels inside a block's squeeze and excitation.
    """

    def __init__(
        self, width: int = 192, channels: int = 512, attention: int = 128, groups: int = 8, squeeze: int = 128
    ) -> None:
        super().__init__()
        blocks = [_Block(channels, 3, dilation, groups, squeeze) for dilation in DILATIONS]
        wide = channels * len(blocks)
        self.blocks = nn.ModuleList([_Layer(BANDS, channels, 5), *blocks])
        self.mfa = _Layer(wide, wide)
        self.asp = _Pooling(wide, attention)
        self.asp_bn = _Norm(2 * wide)
        self.fc = _Conv(2 * wide, width)

    def forward(self, x: Tensor) -> Tensor:
        """Vectors (b, width), of any length, from bands (b, frames, 80)."""
        x = x.transpose(1, 2)
        states = []
        for block in self.blocks:
            x = block(x)
            states.append(x)
        return self.fc(self.asp_bn(self.asp(self.mfa(torch.cat(states[1:], 1))))).squeeze(2)
