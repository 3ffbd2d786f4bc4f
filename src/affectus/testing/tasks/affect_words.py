"""Unseen words whose emotion only vectors that know of emotion can tell."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from affectus.frontends.counterfit import enrich
from affectus.frontends.vectors import WordVectors, write_vectors
from affectus.sample import Item
from affectus.testing.items import labelled
from affectus.testing.learning import built, learn, share_wrong

# Stop words alone: the affect branch drops them, and the other branch has no room left for the word that follows.
_BEFORE = "it was what they were doing to each other until then"
EMOTIONS = ("joy", "sadness", "anger", "fear")
_TOPICS, _WORDS = 4, 48


def affect_words(name: str, /, enriched: bool = True) -> float:
    """Share of wrong labels of texts whose words did not occur in training.

    Plain vectors know the topic of a word, and each topic has words of all emotions. A lexicon knows the emotion of all
    words; counter-fitted with it, the vectors of one emotion come together, those of learned and of asked words alike.

    Args:
        name: Of a system that reads word vectors from a file (`vectors`, `dimensions`) on a scale with these emotions.
        enriched: Whether the vectors are counter-fitted.
    """
    rng = np.random.default_rng(0)
    letters = rng.permuted(np.tile(list("bcdfgklmnprstvz"), (_WORDS, 1)), axis=1)[:, :4]
    words = ["".join(row) for row in letters]
    emotion = [EMOTIONS[i % len(EMOTIONS)] for i in range(_WORDS)]
    topic = np.arange(_WORDS) // len(EMOTIONS) % _TOPICS
    size = built(name).config.dimensions
    plain = np.concatenate([
        rng.standard_normal((len(EMOTIONS), size)),
        rng.standard_normal((_TOPICS, size))[topic] + 0.5 * rng.standard_normal((_WORDS, size)),
    ])  # fmt: skip
    vectors = WordVectors((*EMOTIONS, *words), plain.astype(np.float32))
    if enriched:
        vectors = enrich(vectors, {word: (of,) for word, of in zip(words, emotion, strict=True)})
    with TemporaryDirectory() as folder:
        write_vectors(vectors, Path(folder) / "words.npy")
        system = built(name, vectors=str(Path(folder) / "words.npy"), text="raw")
    target = system.config.targets[0]

    def texts(known: slice) -> list[Item]:
        return labelled([f"{_BEFORE} {word}" for word in words[known]], emotion[known], target)

    learn(system, texts(slice(0, _WORDS // 2)))
    return share_wrong(system, texts(slice(_WORDS // 2, _WORDS)))
