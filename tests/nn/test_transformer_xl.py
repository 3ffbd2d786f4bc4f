"""Transformer-XL against loops in float64, and what memory and relative positions promise."""

import math

import numpy as np
import pytest
import torch

from affectus.errors import ConfigError
from affectus.nn.attention import Attention
from affectus.nn.transformer_xl import (
    DecoderLayer,
    EncoderLayer,
    Memory,
    RelativeAttention,
    Stack,
    relative_shift,
    remember,
    sinusoids,
)

WIDTH, HEADS = 8, 2


def randomised(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return module


def states(b: int, t: int, seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(b, t, WIDTH)))


def decoder(memory: int) -> Stack:
    layers = [DecoderLayer(RelativeAttention(WIDTH, HEADS), WIDTH, HEADS, 12, 0.1) for _ in range(2)]
    return randomised(Stack(layers, memory))


def encoder(memory: int) -> Stack:
    layers = [EncoderLayer(RelativeAttention(WIDTH, HEADS), WIDTH, 12, 0.1) for _ in range(2)]
    return randomised(Stack(layers, memory))


def everywhere(x: torch.Tensor) -> torch.Tensor:
    return torch.ones(x.shape[:2], dtype=torch.bool)


# -- positions ---------------------------------------------------------------------------------------------------------
def test_sines_stand_before_cosines_at_the_rates_of_the_even_channels():
    table = sinusoids(torch.arange(3, dtype=torch.float64), 6).numpy()
    for place in range(3):
        for channel in range(6):
            rate = 1 / 10_000 ** (2 * (channel % 3) / 6)
            wave = math.sin if channel < 3 else math.cos
            assert table[place, channel] == pytest.approx(wave(place * rate), abs=1e-12)
    with pytest.raises(ConfigError, match="width 5"):
        sinusoids(torch.arange(3.0), 5)


@pytest.mark.parametrize(("t", "s"), [(1, 1), (1, 4), (3, 3), (3, 7)])
def test_the_shift_puts_each_distance_at_its_key(t, s):
    by_distance = torch.arange(s - 1, -t, -1).expand(2, t, -1)
    shifted = relative_shift(by_distance)
    assert shifted.shape == (2, t, s)
    for i in range(t):
        for j in range(s):
            assert shifted[0, i, j] == (s - t + i) - j


def by_loops(attention: RelativeAttention, query: np.ndarray, key: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Section 3.3 of Dai et al., a number at a time; query (t, w), key (s, w), seen (t, s)."""
    w = {name: value.detach().numpy() for name, value in attention.named_parameters()}
    (t, width), s, d = query.shape, len(key), WIDTH // HEADS
    out = np.zeros((t, width))
    for h in range(HEADS):
        at = slice(h * d, (h + 1) * d)
        for i in range(t):
            q = w["query.weight"][at] @ query[i] + w["query.bias"][at]
            logits = np.full(s, -np.inf)
            for j in range(s):
                if not seen[i, j]:
                    continue
                k = w["key.weight"][at] @ key[j] + w["key.bias"][at]
                distance = (s - t + i) - j
                rates = [10_000 ** (-2 * c / width) for c in range(width // 2)]
                wave = [math.sin(distance * r) for r in rates] + [math.cos(distance * r) for r in rates]
                r = w["place.weight"][at] @ np.array(wave)
                logits[j] = (q @ k + q @ r + w["u"][h] @ k + w["v"][h] @ r) / math.sqrt(d)
            p = np.exp(logits - logits.max())
            values = key @ w["value.weight"][at].T + w["value.bias"][at]
            out[i, at] = (p / p.sum()) @ values
    return out @ w["output.weight"].T + w["output.bias"]


def test_relative_attention_is_the_equation_in_float64():
    attention = randomised(RelativeAttention(WIDTH, HEADS))
    key = states(2, 7)
    query, seen = key[:, 4:], np.tril(np.ones((3, 7), bool), 4)
    got = attention(query, key, key, mask=torch.from_numpy(seen)).detach().numpy()
    for row in range(2):
        wanted = by_loops(attention, query[row].numpy(), key[row].numpy(), seen)
        np.testing.assert_allclose(got[row], wanted, atol=1e-12)


def test_a_query_that_sees_nothing_gets_zeros():
    attention, x = randomised(RelativeAttention(WIDTH, HEADS)), states(2, 3)
    valid = torch.tensor([[True, True, False], [False, False, False]])
    got = attention(x, x, x, valid=valid)
    assert got[1].abs().max() == 0
    assert torch.allclose(got[0, :2], attention(x[:1, :2], x[:1, :2], x[:1, :2])[0])


def test_heads_must_divide_the_width():
    with pytest.raises(ConfigError, match="3 heads of a width of 8"):
        RelativeAttention(8, 3)


# -- memory ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_segments_with_enough_memory_give_what_one_pass_gives(length):
    stack, x, read = decoder(8), states(2, 8), states(2, 3, 2)
    whole = stack.by_segments(x, everywhere(x), 0, (read, everywhere(read)))
    parts = stack.by_segments(x, everywhere(x), length, (read, everywhere(read)))
    assert torch.allclose(whole, parts, atol=1e-12)


def test_too_short_a_memory_forgets():
    x, read = states(1, 8), states(1, 3, 2)
    whole = decoder(8).by_segments(x, everywhere(x), 2, (read, everywhere(read)))
    short = decoder(1).by_segments(x, everywhere(x), 2, (read, everywhere(read)))
    assert torch.allclose(whole[:, :2], short[:, :2])
    assert not torch.allclose(whole[:, 4:], short[:, 4:], atol=1e-3)


def test_what_comes_later_changes_nothing_before():
    stack, x, read = decoder(0), states(1, 6), states(1, 3, 2)
    changed = x.clone()
    changed[:, 4:] += 1
    before = stack.by_segments(x, everywhere(x), 0, (read, everywhere(read)))
    after = stack.by_segments(changed, everywhere(x), 0, (read, everywhere(read)))
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_absolute_places_do_not_count():
    """Padding in front moves all places by two; what is attended does not change."""
    stack, x = encoder(0), states(2, 5)
    moved = torch.cat([states(2, 2, 9), x], 1)
    valid = torch.cat([torch.zeros(2, 2, dtype=torch.bool), everywhere(x)], 1)
    assert torch.allclose(stack(x, everywhere(x))[0], stack(moved, valid)[0][:, 2:], atol=1e-12)
    plain = randomised(Stack([EncoderLayer(Attention(WIDTH, HEADS), WIDTH, 12, 0.0)]))
    x = x + sinusoids(torch.arange(5, dtype=torch.float64), WIDTH)
    other = x + sinusoids(torch.arange(2, 7, dtype=torch.float64), WIDTH)
    assert not torch.allclose(plain(x, everywhere(x))[0], plain(other, everywhere(x))[0], atol=1e-3)


def test_without_memory_an_encoder_is_one_with_relative_positions():
    x, y = states(2, 4), states(2, 3, 5)
    stack = encoder(0)
    _, memory = stack(x, everywhere(x))
    assert memory.valid.shape[1] == 0
    assert torch.equal(stack(y, everywhere(y), memory)[0], stack(y, everywhere(y))[0])
    stack.memory = 4
    _, memory = stack(x, everywhere(x))
    assert not torch.allclose(stack(y, everywhere(y), memory)[0], stack(y, everywhere(y))[0], atol=1e-3)


def test_padding_between_segments_does_not_part_them():
    stack, x, y = encoder(6), states(2, 4), states(2, 3, 5)
    valid = torch.tensor([[True, True, True, True], [True, True, False, False]])
    _, memory = stack(x, valid)
    together, _ = stack(y, everywhere(y), memory)
    _, alone = stack(x[1:, :2], valid[1:, :2])
    assert torch.allclose(together[1:], stack(y[1:], everywhere(y[1:]), alone)[0], atol=1e-12)


def test_the_last_places_are_kept_and_no_gradient_leads_there():
    x = states(1, 5).requires_grad_()
    kept = remember(Memory((x[:, :0],), everywhere(x)[:, :0]), [x * 2], everywhere(x), 3)
    assert torch.equal(kept.states[0], (x * 2)[:, 2:])
    assert not kept.states[0].requires_grad
    stack, y = encoder(5), states(1, 2, 3)
    _, memory = stack(x, everywhere(x))
    stack(y, everywhere(y), memory)[0].sum().backward()
    assert x.grad is None
