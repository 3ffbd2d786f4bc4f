import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus.nn import chains, linear_chains


def drawn(seed: int, labels: int, spread: float) -> tuple[np.ndarray, ...]:
    """Emissions, lengths, start, end and own of five chains, one of them empty; NaN behind their ends."""
    rng = np.random.default_rng(seed)
    emissions, lengths = rng.normal(0, spread, (5, 6, labels)), np.array([6, 1, 0, 4, 2])
    emissions[np.arange(6) >= lengths[:, None]] = np.nan
    return emissions, lengths, *(rng.normal(0, spread, n) for n in (labels, labels, (labels, labels)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 5), st.sampled_from([0.1, 1.0, 30.0, 300.0, 3000.0]))
def test_chains_side_by_side_equal_chains_one_by_one(seed: int, labels: int, spread: float) -> None:
    emissions, lengths, *tables = drawn(seed, labels, spread)
    given_, steps = emissions.copy(), np.full(emissions.shape[:2], chains.SAME)
    one_by_one = (steps, lengths, *tables, tables[2])
    real = np.arange(6) < lengths[:, None]
    log_z, nodes, pairs = linear_chains.expectations(emissions, lengths, *tables, True)
    for ours, theirs in zip((log_z, nodes, pairs), chains.expectations(emissions, *one_by_one, True), strict=False):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(linear_chains.log_partitions(emissions, lengths, *tables), log_z)
    np.testing.assert_allclose(
        linear_chains.filtered(emissions, lengths, *tables)[real],
        chains.filtered(emissions, *one_by_one)[real], rtol=1e-9, atol=1e-12,
    )  # fmt: skip
    np.testing.assert_array_equal(
        linear_chains.best_paths(emissions, lengths, *tables), chains.best_paths(emissions, *one_by_one)
    )
    np.testing.assert_array_equal(emissions, given_)


def test_labels_that_are_ruled_out() -> None:
    emissions, lengths, *tables = drawn(1, 3, 1.0)
    emissions[0, 2, 1] = emissions[3, 0, 0] = -np.inf
    steps = np.full(emissions.shape[:2], chains.SAME)
    theirs = chains.expectations(emissions, steps, lengths, *tables, tables[2], True)
    for ours, wanted in zip(linear_chains.expectations(emissions, lengths, *tables, True), theirs, strict=False):
        np.testing.assert_allclose(ours, wanted, rtol=1e-9, atol=1e-12)


def test_scores_that_lie_near_are_not_summed_in_logarithms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "expectations", None)
    emissions, lengths, *tables = drawn(2, 4, 30.0)
    assert np.isfinite(linear_chains.expectations(emissions, lengths, *tables, True)[0]).all()
    emissions[0, 2, 1] = -np.inf
    assert linear_chains.expectations(emissions, lengths, *tables, False)[1][0, 2, 1] == 0
