from __future__ import annotations

import pytest
import torch

from affectus import backbones
from affectus.backbones import tiny
from affectus.backbones.speech import SpeechEncoder
from affectus.errors import CheckpointError, InputError


@pytest.fixture(scope="module")
def encoder() -> SpeechEncoder:
    return backbones.speech_encoder("tiny:whisper")


def mel(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_thirty_seconds_equal_transformers(encoder):
    x = mel(1, 80, 3000)
    theirs = tiny.model("whisper").model.encoder(x, output_hidden_states=True).hidden_states
    ours = encoder(x)
    assert len(ours) == len(theirs) == encoder.layers + 1
    for mine, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, reference)


@pytest.mark.parametrize("upto", [0, 1, 2])
@torch.no_grad()
def test_layers_above_are_not_run_and_change_nothing(encoder, upto):
    x, ran = mel(2, 80, 60), []
    hooks = [layer.register_forward_hook(lambda *_: ran.append(1)) for layer in encoder.whisper.layers]
    lower = encoder(x, upto=upto)
    for hook in hooks:
        hook.remove()
    assert len(ran) == upto
    assert torch.equal(lower, encoder(x)[: upto + 1])


@pytest.mark.parametrize("frames", [1, 2, 7, 100])
@torch.no_grad()
def test_short_input_gives_a_state_for_two_frames(encoder, frames):
    assert encoder(mel(2, 80, frames)).shape == (3, 2, (frames + 1) // 2, 32)


@torch.no_grad()
def test_padding_in_a_batch_does_not_leak(encoder):
    lengths = [31, 80, 1]
    x = mel(3, 80, 80) * 4  # what lies behind the valid part is loud
    valid = torch.arange(80) < torch.tensor(lengths)[:, None]
    batch = encoder(x, valid)
    for row, frames in enumerate(lengths):
        alone = encoder(x[row : row + 1, :, :frames])
        states = alone.shape[2]
        torch.testing.assert_close(batch[:, row, :states], alone[:, 0], atol=2e-6, rtol=1e-5)
        assert not batch[:, row, states:].any()


@torch.no_grad()
def test_all_valid_equals_no_mask(encoder):
    x = mel(2, 80, 40)
    assert torch.equal(encoder(x, torch.ones(2, 40, dtype=torch.bool)), encoder(x))


def test_gradients_reach_every_weight_but_the_fixed_positions(encoder):
    encoder.zero_grad()
    encoder(mel(1, 80, 50)).square().mean().backward()
    silent = [n for n, p in encoder.named_parameters() if p.requires_grad and p.grad is None]
    assert silent == []
    assert not encoder.whisper.embed_positions.weight.requires_grad


@pytest.mark.parametrize("shape", [(1, 80, 0), (1, 80, 3001), (1, 40, 100), (80, 100)])
def test_wrong_shapes_are_named(encoder, shape):
    with pytest.raises(InputError, match=r"mel input has"):
        encoder(torch.zeros(*shape))


def test_another_network_is_no_speech_encoder(tmp_path):
    tiny.model("bert").save_pretrained(tmp_path)
    for ref in ("tiny:bert", tmp_path):
        with pytest.raises(CheckpointError):
            backbones.speech_encoder(ref)
