"""Tests that compare two readers on the same items, and what many comparisons cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.checks import finite, same_length
from affectus.evaluation.weighted import weighted

_SWAPS = 2_000_000  # numbers that are held at a time


class Significance(NamedTuple):
    """Outcome of a test of "no difference".

    Args:
        statistic: What was tested; each test says what it is.
        p: Two-sided p-value.
    """

    statistic: float
    p: float


def mcnemar(first_right: Any, second_right: Any) -> Significance:
    """Exact McNemar test of two accuracies on the same items (McNemar 1947, with the binomial distribution).

    Args:
        first_right: (n,) whether the first reader is right on each item.
        second_right: (n,) the same of the second.

    Returns:
        The statistic is the number of items that only the first gets right less those that only the second does.
    """
    from scipy.stats import binomtest

    a, b = (_booleans(name, values) for name, values in (("first", first_right), ("second", second_right)))
    same_length(a, b)
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    apart = only_first + only_second
    return Significance(float(only_first - only_second), float(binomtest(only_first, apart).pvalue) if apart else 1.0)


def _booleans(name: str, values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or not np.isin(array, (0, 1)).all():
        raise InputError(f"hits of the {name} reader have shape {array.shape}", allowed="(n,) True and False")
    return array.astype(bool)


def approximate_randomisation(
    function: Callable[..., float],
    gold: Any,
    first: Any,
    second: Any,
    *,
    n: int = 10000,
    seed: int = 0,
    groups: Any = None,
) -> Significance:
    """Test of a difference of any metric by swapping the two predictions at random (Noreen 1989; Yeh 2000).

    Args:
        function: A metric that takes gold and prediction.
        gold: Gold of each item.
        first: Prediction of one reader.
        second: Prediction of the other.
        n: Number of swaps.
        seed: Of the swaps.
        groups: (rows,) cluster of each item; the predictions of a cluster are swapped together.

    Returns:
        The statistic is function(gold, first) − function(gold, second). p is the share of swaps with at least that
        difference, with one added to both counts.
    """
    truth, one, other = (np.asarray(a) for a in (gold, first, second))
    which = np.arange(len(truth)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    same_length(truth, one, other, which)
    if n < 1:
        raise InputError(f"n is {n}", allowed="1 or more")
    seen = float(function(truth, one) - function(truth, other))
    # Both readers on twice the items: a swap is a choice of which half of each pair counts for which reader.
    twice, both = np.concatenate([truth, truth]), np.concatenate([one, other])
    by_weight, rng, as_far = weighted(function, twice, both), np.random.default_rng(seed), 0
    for size in _blocks(n, max(1, _SWAPS // len(truth))):
        swapped = rng.random((size, which.max() + 1))[:, which] < 0.5
        if by_weight:
            weights = np.concatenate([~swapped, swapped], 1).astype(float)
            gaps = by_weight(weights) - by_weight(1 - weights)
        else:
            shape = (-1, *[1] * (one.ndim - 1))
            gaps = np.array([
                function(truth, np.where(row.reshape(shape), other, one))
                - function(truth, np.where(row.reshape(shape), one, other))
                for row in swapped
            ])  # fmt: skip
        as_far += int((np.abs(gaps) >= abs(seen) - 1e-12).sum())
    return Significance(seen, (as_far + 1) / (n + 1))


def _blocks(n: int, size: int) -> list[int]:
    return [min(size, n - start) for start in range(0, n, size)]


def welch_t(first: Any, second: Any) -> Significance:
    """Welch's t-test of two means with unequal variances, of (n,) and (m,) values, for example errors of documents.

    It takes the two as independent. On the same items the paired bootstrap sees smaller differences; this one is here
    because published comparisons of readers' emotion systems report it. The statistic is t; NaN if both are constant.
    """
    from scipy.stats import ttest_ind

    a, b = _two_series(first, second)
    if np.ptp(a) == np.ptp(b) == 0:
        return Significance(float("nan"), float("nan"))
    found = ttest_ind(a, b, equal_var=False)
    return Significance(float(found.statistic), float(found.pvalue))


def kolmogorov_smirnov(first: Any, second: Any) -> Significance:
    """Two-sample Kolmogorov–Smirnov test of (n,) and (m,) values; the statistic is the largest gap of the shares."""
    from scipy.stats import ks_2samp

    found = ks_2samp(*_two_series(first, second))
    return Significance(float(found.statistic), float(found.pvalue))


def _two_series(first: Any, second: Any) -> tuple[np.ndarray, np.ndarray]:
    a, b = finite("values of the first", first), finite("values of the second", second)
    if a.ndim != 1 or b.ndim != 1 or min(len(a), len(b)) < 2:
        raise InputError(f"values have shapes {a.shape} and {b.shape}", allowed="(n,) and (m,), at least two of each")
    return a, b


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """p-values corrected for the number of comparisons (Holm 1979), in the given order.

    Rejecting what is at most α then errs on any true "no difference" with probability α at most, whatever the tests
    have to do with each other.
    """
    values = finite("p-values", p)
    if values.ndim != 1 or not len(values) or values.min() < 0 or values.max() > 1:
        raise InputError(f"p-values have shape {values.shape}", allowed="(m,) from 0 to 1, at least one")
    order = np.argsort(values, kind="stable")
    raised = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    out = np.empty(len(values))
    out[order] = np.minimum(raised, 1)
    return out
