import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.corpora.drawing import draw_three_ways
from affectus.errors import InputError


def posts(n, people, days, seed):
    rng = np.random.default_rng(seed)
    return [f"user-{i}" for i in rng.integers(0, people, n)], [int(day) for day in rng.integers(0, days, n)]


@settings(max_examples=30, deadline=None)
@given(st.integers(200, 600), st.integers(20, 60), st.integers(20, 400), st.integers(0, 99))
def test_each_test_asks_one_thing(n, people, days, seed):
    users, times = posts(n, people, days, seed)
    names = draw_three_ways(users, times, seed=seed)
    assert names == draw_three_ways(users, times, seed=seed)

    def of(*parts):
        return [i for i, name in enumerate(names) if name in parts]

    seen = of("train", "dev", "test-random", "test-time")
    assert not {users[i] for i in of("test-users")} & {users[i] for i in seen}
    last = max(times[i] for i in of("train", "dev", "test-random", "test-users"))
    assert min(times[i] for i in of("test-time")) > last
    assert {users[i] for i in of("unused")} & {users[i] for i in seen} == set()
    assert len(of("test-random")) == len(of("dev"))
    assert len(of("test-time", "unused")) <= 0.1 * n
    assert len(of("train", "dev", "test-random", "test-users", "test-time", "unused")) == n


def test_what_can_not_be_split_is_a_named_error():
    with pytest.raises(InputError, match="no posts"):
        draw_three_ways([], [])
    with pytest.raises(InputError, match="'test-time'"):
        draw_three_ways([f"u{i}" for i in range(100)], [1] * 100)
    with pytest.raises(InputError, match="'test-users'"):
        draw_three_ways(["u"] * 100, list(range(100)))
