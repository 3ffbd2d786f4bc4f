"""BERTScore against its definition, token by token."""

import math

import numpy as np
import pytest
import torch

from affectus import backbones
from affectus.evaluation.bertscore import bertscore, token_states

REPLY, REFERENCE = "i am so sorry", "that is sad, i am sorry for you"


def states_of_one(text: str) -> list[list[float]]:
    """Last states of one text without padding, without its first and last token, as plain numbers."""
    rows = backbones.tokenizer("tiny:bert")(text, return_tensors="pt")
    with torch.no_grad():
        out = backbones.text_encoder("tiny:bert")(rows["input_ids"]).last_hidden_state[0]
    return out[1:-1].tolist()


def by_definition(reply: str, reference: str) -> float:
    """Zhang et al. 2020, equations of section 3, without idf."""

    def cosine(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)

    said, wanted = states_of_one(reply), states_of_one(reference)
    precision = sum(max(cosine(x, y) for y in wanted) for x in said) / len(said)
    recall = sum(max(cosine(x, y) for x in said) for y in wanted) / len(wanted)
    return 2 * precision * recall / (precision + recall)


def test_it_is_the_definition_whatever_else_is_in_the_batch() -> None:
    reply, reference, _ = token_states([REPLY, REFERENCE, "a much longer text " * 5], "tiny:bert")
    assert bertscore(reply, reference) == pytest.approx(by_definition(REPLY, REFERENCE), abs=1e-5)
    assert bertscore(reply, reference) == pytest.approx(bertscore(reference, reply))


def test_one_text_matches_itself_and_nothing_matches_nothing() -> None:
    said, silent = token_states([REPLY, ""], "tiny:bert")
    assert bertscore(said, said) == pytest.approx(1)
    assert silent.shape == (0, 32)
    assert bertscore(said, silent) == bertscore(silent, said) == 0


def test_tokens_that_have_nothing_in_common() -> None:
    assert bertscore(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) == 0
    assert bertscore(np.array([[1.0, 0.0]]), np.array([[-1.0, 0.0]])) == 0


@pytest.mark.assets
def test_the_embedded_encoder_prefers_a_paraphrase() -> None:
    from affectus.errors import AssetError

    try:
        one, near, far = token_states(["I am sorry.", "I feel sorry.", "The train leaves at noon."])
    except AssetError:
        pytest.skip("the encoder has not been fetched")
    assert bertscore(one, near) > bertscore(one, far) + 0.1
