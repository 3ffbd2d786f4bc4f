"""Word vectors where no ready-made ones are at hand: the input embeddings of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from affectus.frontends.vectors import WordVectors


def input_vectors(backbone: str, words: Iterable[str] = (), dimensions: int = 100) -> WordVectors:
    """Vectors from the input embeddings of a text encoder, by principal components.

    A word that the encoder's vocabulary does not hold whole gets the mean of its pieces. They know which words replace
    each other; they were not learned from counts of neighbours, as GloVe was, and are no measured substitute for it.

    Args:
        backbone: Reference to the encoder, with a vocabulary of word pieces (BERT).
        words: Words to have beside those that the vocabulary holds whole.
        dimensions: Principal components that are kept.

    Returns:
        Vectors of length 1; words of small letters alone, in the order of the vocabulary, then the further ones.
    """
    from affectus import backbones

    tokenizer = backbones.tokenizer(backbone)
    table = backbones.text_encoder(backbone).get_input_embeddings().weight.detach().numpy()
    whole = sorted(
        (i, token) for token, i in tokenizer.get_vocab().items() if token.isalpha() and token == token.lower()
    )
    known = {token for _, token in whole}
    further = sorted({word for word in words if word not in known})
    pieces = [[i] for i, _ in whole] + [tokenizer(word, add_special_tokens=False)["input_ids"] for word in further]
    rows = np.stack([table[ids].mean(0) for ids in pieces]).astype(np.float64)
    rows -= rows.mean(0)
    axes = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :dimensions]
    reduced = rows @ axes
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    return WordVectors((*(token for _, token in whole), *further), reduced.astype(np.float32))
