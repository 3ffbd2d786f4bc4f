"""Groups of people compared honestly: what a few recordings of each say, and what is chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.compared import holm

PERMUTATIONS = 10_000


@dataclass(frozen=True)
class Person:
    """One group of items in a model of random effects.

    Args:
        name: Of the group.
        n: Items.
        mean: Of its items.
        error: Standard error of the mean, from the spread that items have within all groups.
        shrunk: The mean drawn towards that of all, by as much as chance explains of its distance.
        low: Lower end of the 95 % interval of the shrunk mean.
        high: Upper end.
        away: Distance from the mean of the others, in standard errors of that distance.
        p: Two-sided, of such a distance for one more person like the others; Holm's correction over all persons.
    """

    name: str
    n: int
    mean: float
    error: float
    shrunk: float
    low: float
    high: float
    away: float
    p: float

    @property
    def outlier(self) -> bool:
        """Whether the distance is more than chance, at 5 % over all persons."""
        return self.p < 0.05


@dataclass(frozen=True)
class Spread:
    """How much groups differ.

    Args:
        mean: Of all groups, weighted by what is known of each.
        between: Standard deviation of true group means, beyond what chance gives.
        within: Standard deviation of items within a group.
        p: Of as large a spread of means if items were dealt out to groups at random.
        people: The groups, the lowest shrunk mean first.
    """

    mean: float
    between: float
    within: float
    p: float
    people: tuple[Person, ...]


def spread(values: np.ndarray, names: Sequence[str], *, seed: int = 0, strata: np.ndarray | None = None) -> Spread:
    """A one-way model of random effects: value = mean + person + item.

    The variance between persons is the estimate by moments of DerSimonian & Laird (1986); shrunk means are the best
    linear unbiased predictions (Robinson 1991). A person is far out if the distance from the mean of the others is more
    than another person like them would show (t with as many degrees of freedom as there are others but one). The spread
    is tested by dealing items out to persons anew, which needs no distribution.

    Args:
        values: (n,) for each item, for example 1 where the answer is right.
        names: (n,) person of each item.
        seed: Of the permutations.
        strata: (n,) numbers, such as gold labels: values are taken as deviations from the mean of their stratum, and
            items are dealt out within it, so that persons who said other things are comparable.

    Raises:
        InputError: If there are fewer than three persons, or none has two items.
    """
    people, which = np.unique(np.asarray(names, str), return_inverse=True)
    n = np.bincount(which)
    if len(people) < 3 or n.max() < 2:
        raise InputError(
            f"{len(people)} people with up to {n.max(initial=0)} items", allowed="three people, two items each"
        )
    even = np.zeros(len(values), int) if strata is None else np.unique(strata, return_inverse=True)[1]
    level = np.bincount(even, values) / np.bincount(even)
    centred = values - level[even] + values.mean()
    means = np.bincount(which, centred) / n
    within = float(((centred - means[which]) ** 2).sum() / (len(values) - len(people)))
    error = np.sqrt(within / n)
    mean, between = _moments(means, error)
    weight = between / (between + error**2) if between else np.zeros(len(people))
    shrunk = mean + weight * (means - mean)
    known = (
        np.sqrt((1 - weight) * between + (1 - weight) ** 2 / _precision(error, between))
        if between
        else np.full(len(people), np.sqrt(1 / _precision(error, between)))
    )
    away, p = _distances(means, error)
    found = [
        Person(str(name), int(count), *map(float, (m, e, s, s - 1.96 * k, s + 1.96 * k, a, q)))
        for name, count, m, e, s, k, a, q in zip(people, n, means, error, shrunk, known, away, p, strict=True)
    ]
    found.sort(key=lambda person: person.shrunk)
    return Spread(mean, between**0.5, within**0.5, _dealt(centred, which, even, n, seed), tuple(found))


def _moments(means: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Mean of all and variance between, from group means and their standard errors."""
    if not error.any():  # items don't differ within groups
        return float(means.mean()), float(means.var(ddof=1))
    w = 1 / error**2
    fixed = (w * means).sum() / w.sum()
    q, df = (w * (means - fixed) ** 2).sum(), len(means) - 1
    between = max(0.0, float((q - df) / (w.sum() - (w**2).sum() / w.sum())))
    w = 1 / (error**2 + between)
    return float((w * means).sum() / w.sum()), between


def _precision(error: np.ndarray, between: float) -> float:
    total = error**2 + between
    return float((1 / np.where(total > 0, total, 1e-12)).sum())


def _distances(means: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each from the others in standard errors, and p-values, corrected over all."""
    from scipy.stats import t

    away = np.zeros(len(means))
    for i in range(len(means)):
        others = np.arange(len(means)) != i
        mean, between = _moments(means[others], error[others])
        total = between + error[i] ** 2 + 1 / _precision(error[others], between)
        away[i] = (means[i] - mean) / np.sqrt(max(total, 1e-12))
    return away, holm((2 * t.sf(np.abs(away), max(len(means) - 2, 1))).tolist())


def _dealt(values: np.ndarray, which: np.ndarray, strata: np.ndarray, n: np.ndarray, seed: int) -> float:
    rng, rows = np.random.default_rng(seed), [np.flatnonzero(strata == s) for s in np.unique(strata)]

    def between(order: np.ndarray) -> float:
        return float((np.bincount(which, values[order]) ** 2 / n).sum())

    order = np.arange(len(values))
    seen, more = between(order), 0
    for _ in range(PERMUTATIONS):
        for part in rows:
            order[part] = rng.permutation(part)
        more += between(order) >= seen - 1e-9
    return (more + 1) / (PERMUTATIONS + 1)
