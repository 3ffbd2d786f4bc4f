import numpy as np
import pytest

from affectus.errors import InputError
from affectus.nn.pool import nearest, unlike


def test_only_the_least_similar_take_part() -> None:
    rng = np.random.default_rng(0)
    pool, me = rng.standard_normal((40, 8)), rng.standard_normal(8)
    cosine = pool @ me / np.linalg.norm(pool, axis=1)
    far = pool[np.argsort(cosine)[:10]]
    np.testing.assert_allclose(unlike(me, pool, 10, 10, rng), far.mean(0))
    one = unlike(me, pool, 10, 1, rng)
    assert (np.abs(far - one).max(1) < 1e-12).sum() == 1
    assert unlike(me, pool, 10, 5, rng) @ me < 0


def test_draws_repeat_with_the_generator_and_differ_without() -> None:
    pool, me = np.random.default_rng(0).standard_normal((40, 8)), np.ones(8)
    first, second, third = (unlike(me, pool, 20, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - third).max() > 0.01


def test_vectors_that_are_nearly_the_same_get_nearly_one_voice() -> None:
    rng = np.random.default_rng(0)
    pool, me = rng.standard_normal((400, 16)), rng.standard_normal(16)
    near = [unlike(me + 0.05 * rng.standard_normal(16), pool, 200, 100, np.random.default_rng(1)) for _ in range(5)]
    other = unlike(me, pool, 200, 100, np.random.default_rng(2))
    within = max(np.linalg.norm(v - near[0]) for v in near)
    assert within < 0.5 * np.linalg.norm(other - near[0])


def test_all_that_are_far_are_drawn_equally_often() -> None:
    pool, me = np.eye(6), np.array([9.0, 9.0, 0.1, 0.2, 0.3, 0.4])
    rng = np.random.default_rng(0)
    share = 2 * np.mean([unlike(me, pool, 4, 2, rng) for _ in range(2000)], 0)
    np.testing.assert_allclose(share, [0, 0, 0.5, 0.5, 0.5, 0.5], atol=0.05)


def test_a_pool_that_is_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="200 least similar of 40"):
        unlike(np.ones(8), np.ones((40, 8)), 200, 100, np.random.default_rng(0))


def test_nearest_looks_at_angles_alone() -> None:
    assert nearest(np.array([1.0, 0.1]), np.array([[0.0, 9.0], [0.1, 0.0], [5.0, 5.0]])) == 1
