"""Attention against torch's own modules in training mode, where torch reads float masks as it says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from affectus.errors import ConfigError
from affectus.nn.attention import Attention, Transformer, TransformerLayer

WIDTH, HEADS = 12, 3
LENGTHS = torch.tensor([5, 2, 7])
VALID = torch.arange(7) < LENGTHS[:, None]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _pair() -> tuple[Attention, nn.MultiheadAttention]:  # noqa: TID251
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).train()  # noqa: TID251
    nn.init.normal_(theirs.in_proj_bias)
    nn.init.normal_(theirs.out_proj.bias)
    ours = Attention(WIDTH, HEADS)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def _masks() -> dict[str, Tensor | None]:
    return {"none": None, "two": torch.randn(4, 7), "three": torch.randn(3, 4, 7), "heads": torch.randn(3, 3, 4, 7)}


@pytest.mark.parametrize("shape", ["none", "two", "three", "heads"])
def test_attention_is_torchs(shape: str) -> None:
    ours, theirs = _pair()
    query, key, value = torch.randn(3, 4, WIDTH), torch.randn(3, 7, WIDTH), torch.randn(3, 7, WIDTH)
    mask = _masks()[shape]
    padding = torch.zeros(3, 7).masked_fill(~VALID, float("-inf"))
    spread = {2: lambda m: m, 3: lambda m: m.repeat_interleave(HEADS, 0), 4: lambda m: m.flatten(0, 1)}
    given = None if mask is None else spread[mask.dim()](mask)
    wanted, weights = theirs(query, key, value, padding, attn_mask=given, average_attn_weights=False)
    found, seen = ours.attend(query, key, value, valid=VALID, mask=mask)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(seen, weights)
    torch.testing.assert_close(ours(query, key, value, valid=VALID, mask=mask), found)


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_layers_are_torchs_in_value_and_gradient(norm: str, activation: str) -> None:
    layer = nn.TransformerEncoderLayer(  # noqa: TID251
        WIDTH, HEADS, 20, 0.0, activation, batch_first=True, norm_first=norm == "pre"
    )
    theirs = nn.TransformerEncoder(layer, 2, nn.LayerNorm(WIDTH), enable_nested_tensor=False).train()  # noqa: TID251
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.5)
    made = [TransformerLayer(WIDTH, HEADS, 20, dropout=0.0, activation=activation, norm=norm) for _ in range(2)]  # type: ignore[arg-type]
    ours = Transformer(*made, norm=nn.LayerNorm(WIDTH))
    ours.load_state_dict(theirs.state_dict())
    x, mask = torch.randn(3, 7, WIDTH), torch.randn(7, 7)
    wanted = theirs(x, mask, torch.zeros(3, 7).masked_fill(~VALID, float("-inf")))
    found = ours(x, valid=VALID, mask=mask)
    torch.testing.assert_close(found[VALID], wanted[VALID], atol=1e-5, rtol=1e-4)
    for out in (wanted, found):
        out[VALID].square().sum().backward()
    for a, b in zip(theirs.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-3, rtol=1e-3)


def test_a_float_mask_is_read_alike_without_gradients() -> None:
    layer = TransformerLayer(WIDTH, HEADS, 20, dropout=0.0)
    x, mask = torch.randn(3, 7, WIDTH), torch.randn(7, 7)
    with torch.no_grad():
        quiet = layer.eval()(x, valid=VALID, mask=mask)
    torch.testing.assert_close(layer.train()(x, valid=VALID, mask=mask), quiet)


def test_booleans_let_be_seen_what_infinities_hide() -> None:
    ours, _ = _pair()
    x, seen = torch.randn(3, 7, WIDTH), torch.rand(7, 7) > 0.4
    hidden = torch.zeros(7, 7).masked_fill(~seen, float("-inf"))
    torch.testing.assert_close(ours(x, x, x, mask=seen), ours(x, x, x, mask=hidden))


def test_a_query_that_sees_nothing_gets_zeros_and_finite_gradients() -> None:
    ours, _ = _pair()
    x = torch.randn(3, 7, WIDTH, requires_grad=True)
    seen = torch.ones(7, 7, dtype=torch.bool)
    seen[2] = False
    nobody = VALID & torch.tensor([True, True, False])[:, None]
    out, weights = ours.attend(x, x, x, valid=nobody, mask=seen)
    assert (out[:, 2] == 0).all()
    assert (out[2] == 0).all()
    assert (weights[:, :, 2] == 0).all()
    assert (out[0, 1] != 0).all()
    out.square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in ours.parameters() if p.grad is not None)


def test_a_head_that_sees_nothing_leaves_the_others() -> None:
    ours, _ = _pair()
    x, seen = torch.randn(1, 4, WIDTH), torch.ones(1, HEADS, 4, 4, dtype=torch.bool)
    seen[:, 0] = False
    out, weights = ours.attend(x, x, x, mask=seen)
    assert (weights[:, 0] == 0).all()
    torch.testing.assert_close(weights[:, 1:].sum(-1), torch.ones(1, HEADS - 1, 4))
    assert (out != 0).all()


def test_padding_is_never_read() -> None:
    layer = TransformerLayer(WIDTH, HEADS, 20, dropout=0.0, norm="pre")
    x = torch.randn(3, 7, WIDTH)
    other = torch.where(VALID[..., None], x, 100 * torch.randn(3, 7, WIDTH))
    torch.testing.assert_close(layer(x, valid=VALID)[VALID], layer(other, valid=VALID)[VALID])
    torch.testing.assert_close(layer(x[1:2, :2])[0], layer(x, valid=VALID)[1, :2])


def test_dropout_is_for_training_and_keeps_the_mean() -> None:
    ours = Attention(WIDTH, HEADS, dropout=0.5)
    x = torch.randn(1, 6, WIDTH)
    quiet = ours.eval()(x, x, x)
    torch.testing.assert_close(quiet, ours(x, x, x))
    drawn = torch.stack([ours.train()(x, x, x) for _ in range(2000)]).detach()
    assert drawn.std(0).min() > 0.01
    torch.testing.assert_close(drawn.mean(0), quiet, atol=0.05, rtol=0.0)


def test_heads_divide_the_width() -> None:
    with pytest.raises(ConfigError, match="5 heads of a width of 12"):
        Attention(12, 5)
