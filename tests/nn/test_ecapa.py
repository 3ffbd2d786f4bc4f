from pathlib import Path

import torch
from safetensors.torch import load_file

from affectus.nn.ecapa import Ecapa, bands

GIVEN = load_file(Path(__file__).parents[1] / "golden" / "emotion-anonymization" / "ecapa.safetensors")


def test_bands_are_those_of_speechbrain() -> None:
    torch.testing.assert_close(bands(GIVEN["wave"]), GIVEN["bands"], atol=1e-3, rtol=0)  # decibels


def test_vectors_are_those_of_speechbrain() -> None:
    weights = {k.removeprefix("weights."): v for k, v in GIVEN.items() if k.startswith("weights.")}
    network = Ecapa(12, 16, attention=8, groups=4, squeeze=8).eval()
    network.load_state_dict(weights)
    with torch.no_grad():
        torch.testing.assert_close(network(GIVEN["bands"]), GIVEN["vector"], atol=1e-4, rtol=1e-5)


def test_the_published_size() -> None:
    with torch.device("meta"):
        network = Ecapa()
        assert network(torch.zeros(2, 50, 80)).shape == (2, 192)
    assert network.mfa.conv.conv.weight.shape == (1536, 1536, 1)


def test_gain_changes_no_bands() -> None:
    torch.testing.assert_close(bands(0.1 * GIVEN["wave"]), bands(GIVEN["wave"]), atol=1e-3, rtol=0)
