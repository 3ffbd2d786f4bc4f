"""Orthogonal Householder anonymiser of speaker vectors (Miao et al. 2023, arXiv:2305.18823).

A chain of reflections moves all vectors alike: lengths and angles among them stay, so that voices remain as different
from each other as before, but nobody is where he was. How many reflections the authors chain and how they weigh the
losses is not known here; both are settings.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectus.errors import InputError


class Reflections(nn.Module):
    """Householder reflections H = I − 2 v vᵀ / (vᵀ v), one after the other.

    Args:
        width: Numbers in a vector.
        count: Reflections; their order is that of the rows of `vectors`. Fewer than `width` leave `width − count`
            directions as they are. With random rows a vector keeps a cosine of (1 − 2 / width)^count to itself on
            average: 0.13 for as many as there are numbers, 0.02 for twice as many.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(count, width))

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) → (n, width)."""
        for v in self.vectors:
            x = x - 2 * (x @ v)[:, None] * v / (v @ v)
        return x


class AngularMargin(nn.Module):
    """Classification by angle with an additive margin (Deng et al. 2019, arXiv:1801.07698, equation 3).

    Args:
        width: Numbers in a vector.
        classes: Number of classes.
        margin: Angle in radians that is added to the one to the right class.
        scale: Of the logits.
    """

    def __init__(self, width: int, classes: int, margin: float = 0.2, scale: float = 30.0) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, width))
        self.margin, self.scale = margin, scale

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Mean cross-entropy of vectors (n, width) with class numbers (n,)."""
        cosine = F.linear(F.normalize(x), F.normalize(self.centres)).clamp(-1 + 1e-6, 1 - 1e-6)
        right = F.one_hot(label, len(self.centres)).bool()
        return F.cross_entropy(self.scale * torch.where(right, (cosine.acos() + self.margin).cos(), cosine), label)


class Losses(nn.Module):
    """What the reflections are trained by.

    `told apart`: vectors of one voice stay together after the reflections, and apart from other voices; `new voices`: a
    voice before and after are two classes; `unlike`: the cosine between both, where it is above zero. Below zero there
    is nothing to gain: else the mirror image −x would be the best voice, and it hides nobody.

    Args:
        width: Numbers in a vector.
        speakers: Number of speakers.
        weights: Of the three terms.
    """

    def __init__(self, width: int, speakers: int, weights: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> None:
        super().__init__()
        self.speakers, self.weights = speakers, weights
        self.apart = AngularMargin(width, speakers)
        self.renamed = AngularMargin(width, 2 * speakers)

    def forward(self, original: Tensor, moved: Tensor, speaker: Tensor) -> dict[str, Tensor]:
        """Weighted terms of vectors (n, width) before and after, with speaker numbers (n,)."""
        both, twice = torch.cat([original, moved]), torch.cat([speaker, speaker + self.speakers])
        apart, renamed, alike = self.weights
        return {
            "told apart": apart * self.apart(moved, speaker),
            "new voices": renamed * self.renamed(both, twice),
            "unlike": alike * F.cosine_similarity(original, moved).clamp(min=0).mean(),
        }


def train_reflections(
    reflections: Reflections,
    vectors: np.ndarray,
    speakers: np.ndarray,
    *,
    steps: int = 1000,
    batch: int = 128,
    lr: float = 1e-2,
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
    seed: int = 0,
) -> list[float]:
    """Train reflections on the vectors of many speakers.

    Args:
        reflections: Changed in place.
        vectors: (n, width) of any length.
        speakers: (n,) names or numbers.
        steps: Descents.
        batch: Vectors of a step.
        lr: Of Adam.
        weights: Of the terms of `Losses`.
        seed: Of the classes' first centres and of the draws.

    Returns:
        The total loss of each step.

    Raises:
        InputError: If there are fewer than two speakers.
    """
    names, number = np.unique(speakers, return_inverse=True)
    if len(names) < 2:
        raise InputError(f"the vectors are of {len(names)} speaker", allowed="2 or more")
    x, label = torch.as_tensor(vectors, dtype=torch.float32), torch.as_tensor(number)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        losses = Losses(x.shape[1], len(names), weights)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam([*reflections.parameters(), *losses.parameters()], lr=lr)
    trace = []
    for _ in range(steps):
        rows = torch.as_tensor(rng.integers(0, len(x), batch))
        total = torch.stack(list(losses(x[rows], reflections(x[rows]), label[rows]).values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        trace.append(total.item())
    return trace
