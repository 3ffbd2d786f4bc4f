from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from affectus.training.optim import rate_factor
from affectus.training.recipe import Schedule
from affectus.training.sampling import by_length, epoch_rows, shuffled


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200), st.integers(1, 9), st.integers(0, 99))
def test_every_row_comes_once(lengths: list[int], batch: int, seed: int) -> None:
    rows, sizes = np.arange(len(lengths)), np.array(lengths)
    for batches in (
        shuffled(rows, batch, np.random.default_rng(seed)),
        by_length(rows, sizes, batch, np.random.default_rng(seed)),
    ):
        assert sorted(np.concatenate(batches)) == list(rows)
        assert max(map(len, batches)) <= batch


def test_length_batches_pad_little_and_differ_between_seeds() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 60, 2000)
    waste = {}
    for name, batches in (
        ("length", by_length(np.arange(2000), lengths, 32, np.random.default_rng(1))),
        ("shuffle", shuffled(np.arange(2000), 32, np.random.default_rng(1))),
    ):
        waste[name] = sum(lengths[b].max() * len(b) - lengths[b].sum() for b in batches) / lengths.sum()
    assert waste["length"] < 0.1 * waste["shuffle"]
    again = by_length(np.arange(2000), lengths, 32, np.random.default_rng(2))
    assert not np.array_equal(again[0], by_length(np.arange(2000), lengths, 32, np.random.default_rng(1))[0])


def test_passes_repeat_and_draw() -> None:
    rows = epoch_rows([10, 4], [1.5, 2.0], np.random.default_rng(0))
    counts = np.bincount(rows, minlength=14)
    assert len(rows) == 15 + 8
    assert set(counts[:10]) == {1, 2}
    assert set(counts[10:]) == {2}


def test_rates_rise_then_fall() -> None:
    for shape in ("linear", "cosine", "constant"):
        factors = [rate_factor(Schedule(shape=shape, warmup=0.1), step, 100) for step in range(100)]
        assert factors[0] == 0.1
        assert max(factors) == factors[9] == 1.0
        assert factors[-1] == 1.0 if shape == "constant" else factors[-1] < 0.02
        assert all(a >= b for a, b in pairwise(factors[9:]))


def test_inverse_root_is_the_schedule_of_the_transformer() -> None:
    width, steps, total = 256, 40, 400
    peak = (width * steps) ** -0.5
    for step in range(total):
        s = step + 1
        wanted = width**-0.5 * min(s**-0.5, s * steps**-1.5)
        got = peak * rate_factor(Schedule(shape="inverse-root", warmup=steps / total), step, total)
        assert abs(got - wanted) < 1e-12
    assert rate_factor(Schedule(shape="inverse-root", warmup=0.1, end=0.5), 399, 400) == 0.5
