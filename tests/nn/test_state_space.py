import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from affectus.nn.state_space import Bidirectional, Diagonal, Mamba, reversed_within

GOLDEN = Path(__file__).parents[1] / "golden" / "broad-mamba"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_blocks_of_both_directions_are_those_of_the_public_code() -> None:
    io, weights = (load_file(GOLDEN / f"mamba_block_{name}.safetensors") for name in ("io", "weights"))
    both = Bidirectional(Mamba(16, states=5), Mamba(16, states=5))
    names = {"forward.": "ahead.", "backward.": "back."}
    both.load_state_dict({names[k[: k.index(".") + 1]] + k[k.index(".") + 1 :]: v for k, v in weights.items()})
    x = io["x"]
    with torch.no_grad():
        ahead, back = both(x, torch.tensor([9, 9]), torch.ones(2, 9, dtype=torch.bool)).chunk(2, -1)
    close = {"atol": 1e-4, "rtol": 0.0}
    torch.testing.assert_close(ahead, io["y_forward"], **close)
    torch.testing.assert_close(back, io["y_backward"], **close)
    torch.testing.assert_close(ahead + back, io["y_sum"], **close)


def test_a_block_has_the_public_parameters() -> None:
    (wanted,) = json.loads((GOLDEN / "manifest.json").read_text()).values()
    assert {name: list(p.shape) for name, p in Mamba(128).named_parameters()} == wanted
    block = Mamba(128)
    steps = nn.functional.softplus(block.dt_proj.bias.detach())
    assert float(steps.min()) > 9e-4
    assert float(steps.max()) < 0.11


def test_a_convolution_and_a_recurrence_are_the_same_layer() -> None:
    layer, x = Diagonal(12), torch.randn(3, 200, 12)
    torch.testing.assert_close(layer(x), layer(x, form="recurrent"), atol=1e-5, rtol=0)
    double, x = layer.double(), x.double()
    torch.testing.assert_close(double(x), double(x, form="recurrent"))


@pytest.mark.parametrize("kind", [Mamba, Diagonal])
def test_padding_changes_nothing_in_either_direction(kind: type[nn.Module]) -> None:
    both = Bidirectional(kind(8), kind(8))
    x, lengths = torch.randn(3, 11, 8), torch.tensor([11, 1, 6])
    valid = torch.arange(11) < lengths[:, None]
    with torch.no_grad():
        together = both(x, lengths, valid)
        for row, size in enumerate(lengths.tolist()):
            alone = both(x[row : row + 1, :size], lengths[row : row + 1], valid[row : row + 1, :size])
            torch.testing.assert_close(together[row : row + 1, :size], alone, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", [Mamba, Diagonal])
def test_a_layer_without_the_second_direction_never_looks_ahead(kind: type[nn.Module]) -> None:
    layer = Bidirectional(kind(8), None)
    x, valid = torch.randn(1, 9, 8), torch.ones(1, 9, dtype=torch.bool)
    with torch.no_grad():
        whole, cut = layer(x, torch.tensor([9]), valid), layer(x[:, :5], torch.tensor([5]), valid[:, :5])
    torch.testing.assert_close(whole[:, :5], cut, atol=1e-6, rtol=1e-5)


def test_sequences_are_reversed_within_their_length() -> None:
    x = torch.arange(10).reshape(2, 5)
    assert reversed_within(x, torch.tensor([3, 5])).tolist() == [[2, 1, 0, 3, 4], [9, 8, 7, 6, 5]]
