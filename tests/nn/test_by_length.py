import pytest
import torch

from affectus import backbones
from affectus.nn.by_length import states_by_length


@pytest.fixture(scope="module")
def encoder():
    return backbones.text_encoder("tiny:bert").eval()


@pytest.fixture(scope="module")
def texts():
    made = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 50, (70, 40), generator=made)
    ends = torch.randint(0, 41, (70, 1), generator=made)
    ends[3], ends[5] = 0, 40
    return ids, torch.arange(40) < ends


@torch.no_grad()
def test_states_are_those_of_all_texts_at_once(encoder, texts):
    ids, valid = texts
    whole = encoder(input_ids=ids, attention_mask=valid.long(), output_hidden_states=True).hidden_states
    found = states_by_length(encoder, ids, valid, (0, -1))
    expected = torch.cat([whole[0], whole[-1]], -1)
    torch.testing.assert_close(found[valid], expected[valid], rtol=0, atol=1e-5)


@torch.no_grad()
def test_texts_of_like_length_are_read_together(encoder, texts):
    read = []
    hook = encoder.register_forward_pre_hook(
        lambda _, __, given: read.append(given["input_ids"].shape), with_kwargs=True
    )
    states_by_length(encoder, *texts)
    hook.remove()
    assert sum(rows for rows, _ in read) == 70
    assert sum(rows * columns for rows, columns in read) < 0.8 * 70 * 40


def test_gradients_pass_to_an_encoder_that_learns(encoder, texts):
    weight = encoder.embeddings.word_embeddings.weight
    (given,) = torch.autograd.grad(states_by_length(encoder, *texts)[texts[1]].sum(), weight, allow_unused=True)
    assert given is not None
    assert given.abs().sum() > 0


def test_no_text_has_no_states(encoder, texts):
    ids, valid = texts
    assert states_by_length(encoder, ids[:0], valid[:0], (0, -1)).shape == (0, 40, 2 * encoder.config.hidden_size)
