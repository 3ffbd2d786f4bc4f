import numpy as np
import torch

from affectus.nn.crf import SkipChainCRF
from affectus.nn.influence import influence

SHARP = 4 * np.eye(3)
FLAT = np.zeros((3, 3))


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def test_edges_are_those_of_the_chain() -> None:
    rng = np.random.default_rng(0)
    emissions = rng.normal(size=(6, 3))
    found = influence(emissions, softmax(emissions), np.array([0, 1, 0, 0, 2, 1]), SHARP, SHARP)
    kinds = [[(edge.kind, edge.before) for edge in row] for row in found]
    assert kinds == [
        [], [("contagion", 0)], [("inertia", 0), ("contagion", 1)], [("inertia", 2)], [("contagion", 3)],
        [("contagion", 4)],
    ]  # fmt: skip


def test_tables_that_say_nothing_move_nothing() -> None:
    shares = np.full((4, 3), 1 / 3)
    found = influence(np.log(shares), shares, np.array([0, 1, 0, 1]), FLAT, FLAT)
    assert all(edge.bits == 0 for row in found for edge in row)


def test_who_copies_is_moved_and_who_does_not_is_not() -> None:
    shares = np.tile([0.98, 0.01, 0.01], (4, 1))
    vague = np.zeros((4, 3))
    found = influence(vague, shares, np.array([0, 0, 1, 1]), SHARP, FLAT)
    assert [edge.kind for row in found for edge in row] == ["inertia", "contagion", "inertia"]
    assert found[1][0].bits > 0.3
    assert found[2][0].bits == 0.0
    sure = np.array([[9.0, 0, 0]] * 4)  # what is plain from the words alone is moved little
    assert influence(sure, shares, np.array([0, 0, 1, 1]), SHARP, FLAT)[1][0].bits < 0.01


def test_with_the_turn_before_the_shares_are_those_of_the_chain() -> None:
    """In a dialogue of two turns nothing is approximated: the divergence is that of two exact chains."""
    torch.manual_seed(0)
    crf = SkipChainCRF(3)
    torch.nn.init.normal_(crf.other, std=2.0)
    torch.nn.init.zeros_(crf.start)
    emissions, who = torch.randn(1, 2, 3), torch.tensor([[0, 1]])
    valid = torch.ones(1, 2, dtype=torch.bool)
    blank = emissions.clone()
    blank[:, 0] = 0
    p, q = (crf.filtered(e, valid, who)[0].numpy().astype(float) for e in (emissions, blank))
    middle = (p[1] + q[1]) / 2
    wanted = sum((x[1] * np.log2(x[1] / middle)).sum() for x in (p, q)) / 2
    own, other = crf.own.detach().numpy(), crf.other.detach().numpy()
    found = influence(emissions[0].numpy(), p, np.array([0, 1]), own, other)
    np.testing.assert_allclose(found[1][0].bits, wanted, atol=1e-6)


def test_a_turn_without_a_reading_has_no_part_in_it() -> None:
    shares = np.tile([0.98, 0.01, 0.01], (3, 1))
    shares[1] = np.nan
    assert influence(np.zeros((3, 3)), shares, np.array([0, 1, 2]), SHARP, SHARP) == [[], [], []]
