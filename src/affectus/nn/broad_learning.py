"""Broad learning (Chen and Liu 2018, IEEE TNNLS 29(1), doi 10.1109/TNNLS.2017.2716952): wide random nodes, closed form.

Groups of feature nodes Z_i = φ(x W_i + β_i), enhancement nodes H = ξ([Z_1 … Z_n] W + β), and a linear read-out of
A = [Z | H] that is either trained with the rest of a network or solved by ridge regression. More enhancement nodes can
be added to a solution without solving again.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

ADMM_STEPS = 50  # as many as the published code takes


class BroadNodes(nn.Module):
    """Feature nodes and enhancement nodes of features.

    Args:
        width: Features, f.
        groups: Groups of feature nodes.
        nodes: Nodes of a group.
        enhancements: Groups of enhancement nodes.
        enhanced: Nodes of such a group.
        bent: Whether feature nodes go through tanh; enhancement nodes always do.
        fixed: Whether weights are random and stay so. Those of a group are then orthonormal and drawn from `seed`; else
            they are trained.
        seed: Of fixed weights.
    """

    feature_weight: Tensor
    feature_bias: Tensor
    enhancement_weight: Tensor
    enhancement_bias: Tensor

    def __init__(
        self, width: int, groups: int, nodes: int, enhancements: int, enhanced: int, *, bent: bool = False,
        fixed: bool = False, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.nodes, self.bent, self.count = nodes, bent, groups * nodes + enhancements * enhanced
        draw = torch.Generator().manual_seed(seed) if fixed else None
        shapes = {"feature": (width, groups, nodes), "enhancement": (groups * nodes, enhancements, enhanced)}
        for name, (inputs, number, size) in shapes.items():
            weight = torch.cat([torch.zeros(0, inputs), *(_orthonormal(inputs, size, draw) for _ in range(number))])
            bias = torch.rand(number * size, generator=draw) * 2 - 1 if fixed else torch.zeros(number * size)
            for kind, value in (("weight", weight), ("bias", bias)):
                if fixed:
                    self.register_buffer(f"{name}_{kind}", value)
                else:
                    self.register_parameter(f"{name}_{kind}", nn.Parameter(value))

    def forward(self, x: Tensor) -> Tensor:
        """Nodes (…, count) of features (…, f)."""
        z = nn.functional.linear(x, self.feature_weight, self.feature_bias)
        z = z.tanh() if self.bent else z
        return torch.cat([z, nn.functional.linear(z, self.enhancement_weight, self.enhancement_bias).tanh()], -1)

    @torch.no_grad()
    def refine(self, x: Tensor, penalty: float) -> None:
        """Take for the weights of each group those of a sparse auto-encoder of x (n, f) that starts from them."""
        groups = zip(self.feature_weight.split(self.nodes), self.feature_bias.split(self.nodes), strict=True)
        for weight, bias in groups:
            weight.copy_(sparse_codes(nn.functional.linear(x, weight, bias), x, penalty))


def _orthonormal(inputs: int, nodes: int, draw: torch.Generator | None) -> Tensor:
    """Random weights (nodes, inputs), orthonormal along the shorter side."""
    drawn = torch.randn(max(inputs, nodes), min(inputs, nodes), generator=draw)
    q = torch.linalg.qr(drawn)[0]
    return q.T.contiguous() if inputs >= nodes else q


def sparse_codes(z: Tensor, x: Tensor, penalty: float, steps: int = ADMM_STEPS) -> Tensor:
    """W (k, f) that is least in ½·‖z W − x‖² + penalty·Σ|W|, by ADMM (Boyd et al. 2011, section 6.4) with ρ = 1.

    Args:
        z: (n, k) nodes.
        x: (n, f) what they shall give back.
        penalty: On the sum of absolute values.
        steps: Of ADMM.
    """
    factor = torch.linalg.cholesky(z.T @ z + torch.eye(z.shape[1], dtype=z.dtype, device=z.device))
    target = z.T @ x
    sparse, dual = torch.zeros_like(target), torch.zeros_like(target)
    for _ in range(steps):
        dense = torch.cholesky_solve(target + sparse - dual, factor)
        sparse = nn.functional.softshrink(dense + dual, penalty)
        dual = dual + dense - sparse
    return sparse


class Ridge(NamedTuple):
    """A ridge regression that can be widened.

    Args:
        factor: (k, k) lower Cholesky factor of AᵀA + λI, float64.
        moment: (k, c) AᵀY, float64.
    """

    factor: Tensor
    moment: Tensor

    @property
    def weights(self) -> Tensor:
        """W (k, c), least in ‖A W − Y‖² + λ‖W‖²: (AᵀA + λI)⁻¹AᵀY."""
        return torch.cholesky_solve(self.moment, self.factor)


def ridge(a: Tensor, y: Tensor, penalty: float) -> Ridge:
    """Regression of y on a.

    Args:
        a: (n, k).
        y: (n, c).
        penalty: λ above 0.
    """
    a, y = a.double(), y.double()
    return Ridge(torch.linalg.cholesky(_gram(a, penalty)), a.T @ y)


def widened(found: Ridge, a: Tensor, more: Tensor, y: Tensor, penalty: float) -> Ridge:
    """The regression on [A | more] from that on A: rows are added to the factor, those that are there stay.

    The published update of a pseudo-inverse gives the same in exact arithmetic; with rounding it goes astray after a
    few steps where there are more nodes than rows, which a factor does not.

    Args:
        found: On A.
        a: (n, k).
        more: (n, m) new nodes.
        y: (n, c).
        penalty: The same λ.
    """
    a, more, y = a.double(), more.double(), y.double()
    side = torch.linalg.solve_triangular(found.factor, a.T @ more, upper=False)
    corner = torch.linalg.cholesky(_gram(more, penalty) - side.T @ side)
    above = torch.cat([found.factor, torch.zeros_like(side)], 1)
    return Ridge(torch.cat([above, torch.cat([side.T, corner], 1)]), torch.cat([found.moment, more.T @ y]))


def _gram(a: Tensor, penalty: float) -> Tensor:
    return a.T @ a + penalty * torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
