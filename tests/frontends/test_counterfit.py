"""Counter-fitting against its equations: a slow computation pair by pair, autograd, and toy lexicons."""

import numpy as np
import pytest
import torch

from affectus.errors import InputError
from affectus.frontends.counterfit import Forces, counter_fit, emotion_pairs, enrich, neighbours, step
from affectus.frontends.vectors import WordVectors


def made(n: int, d: int, seed: int = 0) -> WordVectors:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(1, n // 4), d))
    rows = centres[rng.integers(0, len(centres), n)] + 0.35 * rng.normal(size=(n, d))
    return WordVectors(tuple(f"w{i}" for i in range(n)), rows.astype(np.float32))


def pairs_of(count: int, n: int, seed: int) -> list[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    return [(f"w{i}", f"w{j}") for i, j in rng.integers(0, n, (count, 2))]


def slow(vectors: WordVectors, synonyms, antonyms, forces: Forces) -> np.ndarray:
    """The three terms with dictionaries of pairs, in float64."""
    w = {word: row.astype(np.float64) / np.linalg.norm(row.astype(np.float64))
         for word, row in zip(vectors.words, vectors.vectors, strict=True)}  # fmt: skip
    far = {p for a, b in antonyms if a != b for p in ((a, b), (b, a))}
    near = {p for a, b in synonyms if a != b for p in ((a, b), (b, a))} - far
    start = {(a, b): 1 - w[a] @ w[b] for a in w for b in w if a != b and w[a] @ w[b] >= 1 - forces.rho}
    kept = {pair: d for pair, d in start.items() if pair not in far and forces.preserve}
    for _ in range(forces.steps):
        updates: dict[str, list[np.ndarray]] = {word: [] for word in w}
        for pairs, factor, acts in (
            (far, forces.repel, lambda pair, d: d < forces.delta),
            (near, -forces.attract, lambda pair, d: d > forces.gamma),
            (kept, -forces.preserve, lambda pair, d: d >= kept[pair] - 1e-9),
        ):
            for u, v in pairs:
                if acts((u, v), 1 - w[u] @ w[v]):
                    updates[u].append(factor * (w[u] * (w[u] @ w[v]) - w[v]))
        moved = {word: w[word] + (np.mean(found, 0) if found else 0) for word, found in updates.items()}
        w = {word: row / np.linalg.norm(row) for word, row in moved.items()}
    return np.array([w[word] for word in vectors.words])


@pytest.mark.parametrize("steps", [1, 12])
def test_equal_to_the_slow_computation(steps: int) -> None:
    vectors = made(60, 7)
    synonyms, antonyms = pairs_of(90, 60, 1), pairs_of(90, 60, 2)
    synonyms += antonyms[:10]
    for preserve in (0.0, 0.1):
        forces = Forces(steps=steps, repel=0.12, attract=0.08, preserve=preserve, delta=0.9, gamma=0.1, rho=0.3)
        fitted = counter_fit(vectors, synonyms, antonyms, forces).vectors
        assert np.abs(fitted - slow(vectors, synonyms, antonyms, forces)).max() < 1e-6


def test_each_step_keeps_unit_length_and_follows_the_gradient_on_the_sphere() -> None:
    w = torch.randn(2, 5, dtype=torch.float64)
    w = (w / w.norm(dim=1, keepdim=True)).requires_grad_()
    distance = 1 - torch.cosine_similarity(w[:1], w[1:])
    distance.sum().backward()
    arrays = w.detach().numpy()
    none, both = np.empty((0, 2), np.int64), np.array([[0, 1], [1, 0]])
    for pull in (True, False):
        forces = Forces(attract=1e-6, repel=1e-6, delta=3.0, gamma=-1.0)
        groups = (none, both) if pull else (both, none)
        moved = step(arrays, *groups, none, np.empty(0), forces)
        assert np.allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-12)
        wanted = (-1 if pull else 1) * w.grad.numpy()
        assert np.allclose((moved - arrays) / 1e-6, wanted, atol=1e-4)


def test_pulled_pushed_and_kept() -> None:
    """Two words near each other part, two strangers meet, a neighbour of a moved word stays as near as it was."""
    rng = np.random.default_rng(3)
    a, c, d, e = np.linalg.qr(rng.normal(size=(20, 4)))[0].T
    rows = {"hot": a, "cold": a + 0.4 * rng.normal(size=20) / 20**0.5, "big": c, "large": d, "huge": None, "far": e}
    rows["huge"] = c + 0.3 * rng.normal(size=20) / 20**0.5  # neighbour of a word that is pulled
    vectors = WordVectors(tuple(rows), np.array(list(rows.values()), np.float32))
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    fitted = counter_fit(vectors, [("big", "large")], [("hot", "cold")], Forces(steps=300)).vectors
    before, after = unit @ unit.T, fitted @ fitted.T
    at = {word: i for i, word in enumerate(rows)}
    assert np.allclose(np.linalg.norm(fitted, axis=1), 1, atol=1e-6)
    assert before[at["hot"], at["cold"]] > 0.8 > 0.001 >= after[at["hot"], at["cold"]]  # 1 − δ = 0
    assert before[at["big"], at["large"]] < 0.1 < 0.9 < after[at["big"], at["large"]]
    assert after[at["big"], at["huge"]] == pytest.approx(before[at["big"], at["huge"]], abs=0.03)
    assert np.allclose(fitted[at["far"]], unit[at["far"]], atol=1e-6)
    unheld = counter_fit(vectors, [("big", "large")], [], Forces(steps=300, preserve=0)).vectors
    assert unheld[at["big"]] @ unheld[at["huge"]] < after[at["big"], at["huge"]] - 0.1


def test_neighbours_do_not_depend_on_the_block() -> None:
    w = made(57, 5).vectors.astype(np.float64)
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    cosines = w @ w.T
    wanted = {(a, b) for a in range(57) for b in range(57) if a != b and cosines[a, b] >= 0.8}
    for block in (1, 10, 57, 1000):
        pairs, distances = neighbours(w, 0.2, block)
        assert {tuple(p) for p in pairs.tolist()} == wanted
        assert np.allclose(distances, 1 - cosines[pairs[:, 0], pairs[:, 1]])


def test_a_pair_that_is_both_is_pushed_and_not_kept() -> None:
    vectors = WordVectors(("a", "b"), np.array([[1, 0.1], [1, -0.1]], np.float32))
    pair = [("a", "b")]
    both = counter_fit(vectors, pair, pair, Forces(steps=5)).vectors
    pushed = counter_fit(vectors, [], pair, Forces(steps=5, preserve=0)).vectors
    assert np.allclose(both, pushed)


def test_emotion_pairs_pull_to_the_name_and_push_from_the_opposite() -> None:
    near, far = emotion_pairs({"grin": {"joy", "positive"}, "joy": {"joy"}, "sadness": {"sadness"}, "stone": set()})
    assert near == [("grin", "joy")]
    assert far == [("grin", "sadness")]


def test_enriching_leaves_other_words_and_needs_some() -> None:
    words = ("grin", "joy", "sadness", "stone", "river")
    vectors = WordVectors(words, (3 * np.random.default_rng(2).normal(size=(5, 4))).astype(np.float32))
    rich = enrich(vectors, {"grin": {"joy"}, "unheard": {"fear"}}, Forces(steps=50, preserve=0))
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    assert np.allclose(rich.vectors[3:], unit[3:], atol=1e-6)
    assert rich.vectors[0] @ rich.vectors[1] > unit[0] @ unit[1]
    with pytest.raises(InputError, match="none of the lexicon's words"):
        enrich(vectors, {"unheard": {"anger"}})
    with pytest.raises(InputError, match="is zero"):
        enrich(WordVectors(("joy", "a"), np.zeros((2, 3), np.float32)), {"a": {"joy"}})
