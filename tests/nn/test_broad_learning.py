import numpy as np
import pytest
import torch
from torch import Tensor

from affectus.nn.broad_learning import BroadNodes, ridge, sparse_codes, widened


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def solved(a: Tensor, y: Tensor, penalty: float) -> np.ndarray:
    """Weights by NumPy."""
    a_, y_ = a.double().numpy(), y.double().numpy()
    return np.linalg.solve(a_.T @ a_ + penalty * np.eye(a_.shape[1]), a_.T @ y_)


def test_the_regression_is_that_of_numpy() -> None:
    a, y = torch.randn(80, 12), torch.randn(80, 3)
    np.testing.assert_allclose(ridge(a, y, 0.3).weights, solved(a, y, 0.3), atol=1e-10)


@pytest.mark.parametrize("rows", [30, 300])
def test_adding_nodes_step_by_step_equals_solving_anew(rows: int) -> None:
    """Also with more nodes than rows, where the update of an inverse goes astray."""
    nodes, y = BroadNodes(10, 4, 8, 10, 8, fixed=True), torch.randn(rows, 3)
    z, *groups = nodes(torch.randn(rows, 10)).split([32, *[8] * 10], 1)
    found = ridge(z, y, 1e-2)
    for more in groups:
        found, z = widened(found, z, more, y, 1e-2), torch.cat([z, more], 1)
        np.testing.assert_allclose(found.weights, solved(z, y, 1e-2), atol=1e-6)
        torch.testing.assert_close(found.factor, ridge(z, y, 1e-2).factor, atol=1e-8, rtol=1e-6)


def test_fixed_nodes_are_orthonormal_and_come_from_the_seed() -> None:
    first, again, other = (BroadNodes(20, 3, 6, 2, 5, fixed=True, seed=seed) for seed in (1, 1, 2))
    for group in (*first.feature_weight.split(6), *first.enhancement_weight.split(5)):
        torch.testing.assert_close(group @ group.T, torch.eye(len(group)), atol=1e-5, rtol=0)
    assert not list(first.parameters())
    assert all(torch.equal(a, b) for a, b in zip(first.buffers(), again.buffers(), strict=True))
    assert not torch.equal(first.feature_weight, other.feature_weight)
    trained = BroadNodes(20, 3, 6, 2, 5)
    assert {name for name, _ in trained.named_parameters()} == {name for name, _ in first.named_buffers()}


def test_nodes_are_those_of_the_formula() -> None:
    for bent in (False, True):
        nodes, x = BroadNodes(7, 2, 3, 2, 4, bent=bent, fixed=True), torch.randn(5, 7)
        z = [x @ w.T + b for w, b in zip(nodes.feature_weight.split(3), nodes.feature_bias.split(3), strict=True)]
        z = [group.tanh() for group in z] if bent else z
        beside = torch.cat(z, 1)
        groups = zip(nodes.enhancement_weight.split(4), nodes.enhancement_bias.split(4), strict=True)
        h = [(beside @ w.T + b).tanh() for w, b in groups]
        torch.testing.assert_close(nodes(x), torch.cat([beside, *h], 1))
        assert nodes.count == 14


def test_without_enhancement_only_feature_nodes_are_left() -> None:
    assert BroadNodes(7, 2, 3, 0, 4)(torch.randn(5, 7)).shape == (5, 6)


def test_sparse_codes_are_the_least_of_their_sum() -> None:
    """Against the conditions of the optimum: zᵀ(z W − x) is −penalty · sign where W is not 0, and smaller elsewhere."""
    z, x, penalty = torch.randn(60, 5).double(), torch.randn(60, 8).double(), 8.0
    found = sparse_codes(z, x, penalty, steps=3000)
    slope = z.T @ (z @ found - x)
    held = found != 0
    assert 0.1 < held.double().mean() < 0.9
    torch.testing.assert_close(slope[held], -penalty * found[held].sign(), atol=1e-6, rtol=0)
    assert float(slope[~held].abs().max()) <= penalty + 1e-6


def test_refined_nodes_keep_more_of_what_they_came_from() -> None:
    """Data of four dimensions among thirty: random directions miss them, refined ones do not."""
    x = torch.randn(200, 4) @ torch.randn(4, 30)
    nodes = BroadNodes(30, 1, 4, 0, 1, fixed=True)

    def lost() -> float:
        z = nodes(x).double()
        z = z - z.mean(0)
        centred = (x - x.mean(0)).double()
        return float((centred - z @ torch.linalg.lstsq(z, centred).solution).square().mean() / centred.square().mean())

    before = nodes.feature_weight.clone()
    nodes.refine(x, 1e-3)
    assert not torch.equal(before, nodes.feature_weight)
    assert lost() < 1e-3
