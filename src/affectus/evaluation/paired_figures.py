"""Figures of several systems on the same items, with intervals and paired differences, over one set of resamples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.compare import Gap
from affectus.evaluation.compared import holm
from affectus.evaluation.intervals import Difference, Interval, how, percentiles
from affectus.evaluation.weighted import Weighted

_HELD = 2_000_000  # numbers of copies that are held at a time


@dataclass(frozen=True)
class PairedFigure:
    """What is measured of each system, in per cent.

    Args:
        title: Its name in a table.
        of: System → the figure as a function of how often each item was drawn.
        centred: Whether the resamples are moved so that their mean is the figure. Set it for a figure that falls
            because an item is drawn twice, such as a share of different words, whose plain percentile interval may not
            even hold the figure.
    """

    title: str
    of: Mapping[str, Weighted]
    centred: bool = False


@dataclass(frozen=True)
class PairedFigures:
    """What was measured.

    Args:
        values: Title → system → figure with its interval.
        gaps: Title → system → difference from the first system; p corrected for all differences together.
        interval: How intervals were made.
    """

    values: Mapping[str, Mapping[str, Interval]]
    gaps: Mapping[str, Mapping[str, Gap]]
    interval: str


def mean_of_draws(values: Sequence[float] | np.ndarray) -> Weighted:
    """The mean of (n,) values as a function of how often each was drawn; NaN where none that is known was drawn."""
    row = np.asarray(values, float)
    known = ~np.isnan(row)

    def of(weights: np.ndarray) -> np.ndarray:
        every = weights @ known.astype(float)
        return np.divide(weights @ np.where(known, row, 0), every, out=np.full(len(weights), np.nan), where=every > 0)

    return of


def paired_figures(
    figures: Sequence[PairedFigure], items: int, *, resamples: int = 10_000, seed: int = 0, level: float = 0.95
) -> PairedFigures:
    """Measure systems on the same items.

    Percentile bootstrap over items; a difference is that of both systems on the same drawn items, and its p-value is
    corrected by Holm's method for all figures and systems.

    Args:
        figures: What to measure.
        items: Number of items, at least two.
        resamples: Of the intervals.
        seed: Of the draws.
        level: Coverage of the intervals.

    Raises:
        InputError: If there are fewer items or resamples than that.
    """
    if items < 2 or resamples < 1:
        raise InputError(f"{items} items and {resamples} resamples", allowed="two items or more, one resample or more")
    whole = np.ones((1, items))
    told = how(resamples, None, level)
    values: dict[str, dict[str, Interval]] = {}
    gaps: dict[str, dict[str, Difference]] = {}
    for figure in figures:
        value = {name: float(form(whole)[0]) for name, form in figure.of.items()}
        drawn = {name: _replicates(form, items, resamples, seed) for name, form in figure.of.items()}
        if figure.centred:
            drawn = {name: row - row.mean() + value[name] for name, row in drawn.items()}
        values[figure.title] = {
            name: Interval(value[name], *percentiles(drawn[name].clip(0, 100), level), level, told)
            for name in figure.of
        }
        first, *others = figure.of
        gaps[figure.title] = {
            name: Difference.between(value[name] - value[first], drawn[name] - drawn[first], level, told)
            for name in others
        }
    return PairedFigures(values, _corrected(gaps), told)


def _replicates(form: Weighted, items: int, resamples: int, seed: int) -> np.ndarray:
    return np.concatenate([form(weights) for weights in _draws(items, resamples, seed)])


def _draws(items: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each item is in each resample, (b, items); the same ones for every figure."""
    rng, size = np.random.default_rng(seed), max(1, _HELD // items)
    for start in range(0, resamples, size):
        yield rng.multinomial(items, np.full(items, 1 / items), min(size, resamples - start)).astype(float)


def _corrected(gaps: Mapping[str, Mapping[str, Difference]]) -> dict[str, dict[str, Gap]]:
    every = [gap.p for row in gaps.values() for gap in row.values()]
    p = iter(holm(every).tolist() if every else [])
    return {
        title: {
            name: Gap(value=gap.value, low=gap.low, high=gap.high, p=gap.p, p_holm=next(p)) for name, gap in row.items()
        }
        for title, row in gaps.items()
    }
