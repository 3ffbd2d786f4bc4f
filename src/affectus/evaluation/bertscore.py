"""BERTScore: how well the words of two texts match, each in its context (Zhang et al. 2020, arXiv:1904.09675)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ENCODER = "asset:minilm-l6"
_AT_A_TIME = 32
_LONGEST = 512  # tokens of a text; what is behind them is not compared


def token_states(texts: Sequence[str], encoder: str = ENCODER) -> list[np.ndarray]:
    """States of the tokens of each text, (tokens, width) float64, each of length 1; no marks of begin and end.

    They are those of the encoder's last layer.

    Args:
        texts: At most 512 tokens of each are read.
        encoder: Text encoder, as `affectus.backbones.text_encoder` names it.

    Raises:
        AssetError: If the encoder has not been fetched.
    """
    import torch

    from affectus import backbones

    tokenizer, network = backbones.tokenizer(encoder), backbones.text_encoder(encoder)
    out = []
    for start in range(0, len(texts), _AT_A_TIME):
        rows = tokenizer(
            [*texts[start : start + _AT_A_TIME]],
            padding=True,
            truncation=True,
            max_length=_LONGEST,
            return_special_tokens_mask=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = network(rows["input_ids"], attention_mask=rows["attention_mask"]).last_hidden_state
        states = torch.nn.functional.normalize(states.double(), dim=-1).numpy()
        words = (rows["attention_mask"] == 1) & (rows["special_tokens_mask"] == 0)
        out += [row[kept] for row, kept in zip(states, words.numpy(), strict=True)]
    return out


def bertscore(reply: np.ndarray, reference: np.ndarray) -> float:
    """F1 of greedy matching (equations 1 and 2), every token with the same weight, as it comes, without a baseline.

    Args:
        reply: Token states, (a, width), from `token_states`.
        reference: (b, width).

    Returns:
        At most 1; 0 where one side has no token.
    """
    if not len(reply) or not len(reference):
        return 0.0
    likeness = reply @ reference.T
    precision, recall = likeness.max(1).mean(), likeness.max(0).mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall > 0 else 0.0
