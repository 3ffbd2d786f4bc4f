import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from affectus.nn.discriminators import Judged, MultiPeriod, MultiScale, feature_matching, passing, telling_apart
from affectus.nn.hifigan import Generator
from affectus.nn.reparametrised import older, parametrised

GOLDEN = Path(__file__).parents[1] / "golden" / "emotion-anonymization"
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text())
WEIGHTS = load_file(GOLDEN / "tiny_generator.safetensors")
GIVEN = load_file(GOLDEN / "io.safetensors")


@pytest.mark.parametrize(
    ("name", "make"),
    [("hifigan_generator", lambda: Generator(393)), ("mpd", MultiPeriod), ("msd", MultiScale)],
    ids=["generator", "mpd", "msd"],
)
def test_names_and_shapes_are_exactly_those_of_the_official_code(name, make) -> None:
    with torch.device("meta"):
        network = make()
    state = network.state_dict()
    assert {k: list(v.shape) for k, v in older(state).items()} == MANIFEST[name]
    assert list(parametrised(older(state))) == list(state)
    assert list(parametrised(state)) == list(state)


def test_the_generator_has_as_many_weights_as_published() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in Generator(393).parameters()) == 14_175_234


@torch.no_grad()
@pytest.mark.parametrize("spelling", [older, parametrised], ids=["g-v", "parametrisations"])
def test_the_wave_is_that_of_the_official_code(spelling) -> None:
    generator = Generator(21, 32).eval()
    generator.load_state_dict(parametrised(spelling(WEIGHTS)))
    torch.testing.assert_close(generator(GIVEN["generator_input"]), GIVEN["waveform"], atol=1e-5, rtol=0)


def test_loading_is_strict() -> None:
    generator = Generator(21, 32)
    with pytest.raises(RuntimeError, match="conv_post"):
        generator.load_state_dict(parametrised({k: v for k, v in WEIGHTS.items() if k != "conv_post.weight_g"}))


def test_discriminators_judge_at_every_period_and_scale() -> None:
    with torch.device("meta"):
        wave = torch.randn(1, 1, 331)  # no multiple of any period
        periods, scales = MultiPeriod()(wave), MultiScale()(wave)
    assert [judged.features[0].shape[3] for judged in periods] == [2, 3, 5, 7, 11]
    assert [judged.features[0].shape[2] for judged in scales] == [331, 166, 84]
    assert all(len(judged.features) == 8 for judged in scales)
    assert all(judged.score.shape == (1, judged.features[-1].numel()) for judged in [*periods, *scales])


def test_adversarial_terms_by_hand() -> None:
    real = [Judged(torch.tensor([[1.0, 0.5]]), [torch.tensor([1.0, 2.0])])]
    made = [Judged(torch.tensor([[0.5, 0.0]]), [torch.tensor([2.0, 2.0])])]
    assert telling_apart(real, made).item() == pytest.approx(0.125 + 0.125)
    assert passing(made).item() == pytest.approx((0.25 + 1) / 2)
    assert feature_matching(real, made).item() == pytest.approx(2 * 0.5)
