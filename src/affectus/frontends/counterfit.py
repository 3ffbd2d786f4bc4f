"""Counter-fitting: word vectors bent so that some pairs come near and others part (Mrkšić et al. 2016).

With emotion as constraint (Seyeditabari et al. 2019, as used by Kadan et al. 2024) a word is pulled to the names of the
emotions that a lexicon gives it and pushed from the names of the opposite ones. Vectors have unit length and the
distance is d(u, v) = 1 − u·v, whose gradient on the sphere is u(u·v) − v. One step collects, for each word u,

    antonyms v with d < δ:            + repel · (u(u·v) − v)
    synonyms v with d > γ:            − attract · (u(u·v) − v)
    neighbours v with d ≥ d at start: − preserve · (u(u·v) − v)

divides by the number of contributions, adds, and brings the length back to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from affectus.errors import InputError
from affectus.frontends.vectors import WordVectors

OPPOSITE = {  # Plutchik 1980
    "joy": "sadness", "sadness": "joy", "trust": "disgust", "disgust": "trust", "fear": "anger", "anger": "fear",
    "surprise": "anticipation", "anticipation": "surprise",
}  # fmt: skip
Pairs = Iterable[tuple[str, str]]
_EQUAL = 1e-9  # at the first step every distance is that of the start: rounding must not decide which neighbours act
_CHUNK = 100_000  # pairs whose cosines are computed at once


@dataclass(frozen=True, kw_only=True)
class Forces:
    """How counter-fitting pulls and pushes; the defaults are those of Mrkšić et al. (2016).

    Args:
        repel: Factor k1 on antonyms.
        attract: Factor k2 on synonyms.
        preserve: Factor k3 on neighbours.
        delta: Distance that antonyms are pushed to.
        gamma: Distance that synonyms are pulled to.
        rho: Words within this distance at the start are neighbours.
        steps: Number of steps.
    """

    repel: float = 0.1
    attract: float = 0.1
    preserve: float = 0.1
    delta: float = 1.0
    gamma: float = 0.0
    rho: float = 0.2
    steps: int = 20


def enrich(vectors: WordVectors, marks: Mapping[str, Iterable[str]], forces: Forces | None = None) -> WordVectors:
    """Affect-enriched vectors: the words of an emotion lexicon counter-fitted, all others as they are but of length 1.

    Args:
        vectors: Of any lengths but 0.
        marks: Word → its emotions, for example from `frontends.lexicons.emolex`; marks without an opposite, such as
            `positive`, do not count.
        forces: Of the fit.

    Raises:
        InputError: If no word of the lexicon has a vector.
    """
    synonyms, antonyms = emotion_pairs(marks)
    whole = WordVectors(vectors.words, _unit(vectors.vectors.astype(np.float64)).astype(np.float32))
    bent = whole.only({word for pair in synonyms for word in pair})
    if not bent.words:
        raise InputError("none of the lexicon's words has a vector", remedy="check that both are of one language")
    return whole.replaced(counter_fit(bent, synonyms, antonyms, forces))


def emotion_pairs(marks: Mapping[str, Iterable[str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(word, emotion) and (word, opposite emotion) pairs of a lexicon, sorted."""
    near = sorted((word, mark) for word, found in marks.items() for mark in found if mark in OPPOSITE and mark != word)
    far = [(word, OPPOSITE[mark]) for word, mark in near if OPPOSITE[mark] != word]
    return near, far


def counter_fit(vectors: WordVectors, synonyms: Pairs, antonyms: Pairs, forces: Forces | None = None) -> WordVectors:
    """Fit vectors to pairs.

    Pairs count in both orders and only where both words have a vector. A pair among the antonyms is taken from the
    synonyms and from the neighbours, as the authors' code does.

    Args:
        vectors: Of any lengths but 0.
        synonyms: Pairs to pull together.
        antonyms: Pairs to push apart.
        forces: Of the fit.

    Returns:
        The same words with vectors of length 1.
    """
    forces = forces or Forces()
    n = len(vectors.words)
    apart = _codes(vectors.words, antonyms)
    together = np.setdiff1d(_codes(vectors.words, synonyms), apart)
    w = _unit(vectors.vectors.astype(np.float64))
    near, start = neighbours(w, forces.rho) if forces.preserve else (np.empty((0, 2), np.int64), np.empty(0))
    free = ~np.isin(near[:, 0] * n + near[:, 1], apart)
    far, close = (np.stack(np.divmod(codes, n), 1) for codes in (apart, together))
    for _ in range(forces.steps):
        w = step(w, far, close, near[free], start[free], forces)
    return WordVectors(vectors.words, w.astype(np.float32))


def step(
    w: np.ndarray, antonyms: np.ndarray, synonyms: np.ndarray, near: np.ndarray, start: np.ndarray, forces: Forces
) -> np.ndarray:
    """One step.

    Args:
        w: (n, d) vectors of length 1.
        antonyms: (m, 2) row numbers, each pair in both orders.
        synonyms: The same.
        near: The same, of neighbours.
        start: Distance of the neighbours at the start.
        forces: Factors and distances.

    Returns:
        (n, d) vectors of length 1.
    """
    moves, counts = np.zeros_like(w), np.zeros(len(w))
    for pairs, factor, acts in (
        (antonyms, forces.repel, lambda d: d < forces.delta),
        (synonyms, -forces.attract, lambda d: d > forces.gamma),
        (near, -forces.preserve, lambda d: d >= start - _EQUAL),
    ):
        cosines = _cosines(w, pairs)
        active = acts(1 - cosines)
        moves += factor * _gradients(w, pairs[active], cosines[active])
        counts += np.bincount(pairs[active, 0], minlength=len(w))
    return _unit(w + moves / np.maximum(counts, 1)[:, None])


def neighbours(w: np.ndarray, rho: float, block: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows (both orders) of vectors of length 1 within a distance, and their distances.

    Args:
        w: (n, d).
        rho: Largest distance.
        block: Rows that are compared with all others at once; memory is block · n numbers.
    """
    pairs, distances = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for at in range(0, len(w), block):
        cosines = w[at : at + block] @ w.T
        i, j = np.nonzero(cosines >= 1 - rho)
        other = i + at != j
        i, j = i[other], j[other]
        pairs.append(np.stack([i + at, j], 1))
        distances.append(1 - cosines[i, j])
    return np.concatenate(pairs), np.concatenate(distances)


def _gradients(w: np.ndarray, pairs: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Σ over pairs (u, v) of u(u·v) − v, as rows of the u."""
    from scipy.sparse import csr_matrix

    n = len(w)
    link = csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return w * np.bincount(pairs[:, 0], cosines, n)[:, None] - link @ w


def _cosines(w: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    parts = [pairs[at : at + _CHUNK] for at in range(0, len(pairs), _CHUNK)]
    return np.concatenate([np.empty(0), *(np.einsum("md,md->m", w[p[:, 0]], w[p[:, 1]]) for p in parts)])


def _codes(words: tuple[str, ...], pairs: Pairs) -> np.ndarray:
    """Sorted numbers row · n + row of pairs in both orders."""
    place = {word: i for i, word in enumerate(words)}
    found = {
        i * len(words) + j
        for pair in pairs
        if pair[0] in place and pair[1] in place
        for i, j in permutations([place[word] for word in pair])
        if i != j
    }
    return np.array(sorted(found), np.int64)


def _unit(w: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(w, axis=1, keepdims=True)
    if not lengths.all():
        raise InputError("a word vector is zero, which has no direction", remedy="leave such words out")
    return w / lengths
