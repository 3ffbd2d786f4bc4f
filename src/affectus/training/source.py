"""Where a run's batches come from, and in which order: all by seed, so that a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from affectus.batch import Batch
from affectus.corpora.base import gold
from affectus.errors import ConfigError, InputError
from affectus.sample import Dialogue, Item, Sample
from affectus.system import System
from affectus.training.features import Encoded
from affectus.training.recipe import Run
from affectus.training.sampling import balanced, by_length, epoch_rows, shuffled, within

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Data:
    """Samples or whole dialogues to train on and to watch.

    Args:
        train: All corpora, one after another.
        sizes: Rows of each corpus in `train`.
        passes: How many times an epoch passes over each.
        watch: Those whose loss is computed after each epoch; may be empty.
    """

    train: Sequence[Item]
    sizes: tuple[int, ...]
    passes: tuple[float, ...]
    watch: Sequence[Item] = ()


class Source:
    """Batches of a run: samples through `collate`, or what a frozen encoder gave for them once.

    Args:
        system: Whose `collate` makes the batches; with `cache`, its frozen weights must be frozen already.
        run: Says how.
        data: The samples. Row numbers run over those to train on, then over those to watch.
    """

    def __init__(self, system: System, run: Run, data: Data) -> None:
        self.system, self.run, self.data = system, run, data
        self.samples = [*data.train, *data.watch]
        self.watched = range(len(data.train), len(self.samples))
        self.keys = _sampler_keys(system, run, data)
        self._cache = Encoded(system, self.samples) if run.cache else None

    @property
    def encoded(self) -> bool:
        """Whether inputs are those of the head alone."""
        return self._cache is not None

    def batch(self, rows: Sequence[int] | np.ndarray, rng: np.random.Generator | None = None) -> Batch:
        """The batch of some rows."""
        if self._cache is not None:
            return self._cache.batch(rows)
        return self.system.collate([self.samples[i] for i in rows], rng)

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Row numbers of each batch of an epoch."""
        rng = np.random.default_rng([self.run.seed, epoch])
        rows = epoch_rows(self.data.sizes, self.data.passes, rng)
        if self.keys is None:
            return shuffled(rows, self.run.batch, rng)
        order = {"length": by_length, "balanced": balanced}.get(self.run.sampler, within)
        return order(rows, self.keys, self.run.batch, rng)


def chunked(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The rows in order, some at a time."""
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


def _sampler_keys(system: System, run: Run, data: Data) -> np.ndarray | None:
    """What the sampler looks at: a number for each row to train on."""
    if run.sampler == "shuffle":
        return None
    if run.sampler == "one-corpus":
        return np.repeat(np.arange(len(data.sizes)), data.sizes)
    if run.sampler == "episodes":
        if any(sample.track is None for sample in _alone(data.train, run)):
            raise InputError("a sample has no track, so nobody knows whose it is", allowed="sampler: shuffle")
        return np.unique([str(sample.track) for sample in _alone(data.train, run)], return_inverse=True)[1]
    if run.sampler == "balanced":
        scores = gold(_alone(data.train, run), system.config.targets[0].scale)
        if not np.isfinite(scores).any(1).all():
            raise InputError("a sample has no gold on the first target, so it has no class", allowed="sampler: shuffle")
        return np.nan_to_num(scores).argmax(1)
    measure = getattr(system.collate, "lengths", None)
    if measure is None:
        raise ConfigError(f"{run.system} can't tell the length of an item", allowed="sampler: shuffle")
    return np.asarray(measure(data.train))


def _alone(items: Sequence[Item], run: Run) -> list[Sample]:
    """The items, which must be single samples: a dialogue has many speakers and many labels."""
    if any(isinstance(item, Dialogue) for item in items):
        raise ConfigError(f"sampler is {run.sampler!r}, and {run.system} learns whole dialogues", allowed="shuffle")
    return [item for item in items if isinstance(item, Sample)]
