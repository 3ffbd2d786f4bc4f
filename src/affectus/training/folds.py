"""Cross-validation: a recipe is carried out anew for each fold of a protocol, and all answers are measured together."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from affectus.corpora.base import Corpus, Loaded
from affectus.errors import ConfigError, InputError
from affectus.evaluation.answers import Answers, Cases, answers, cases, joined
from affectus.evaluation.evaluate import Measurement, agreed, measurement, read_items
from affectus.evaluation.protocols import Protocol, Reads, choose, known_protocols, serves
from affectus.progress import task
from affectus.readout import Readout
from affectus.registry import configuration, load
from affectus.sample import Item, flatten
from affectus.training.job import carry_out
from affectus.training.mapping import by_rule
from affectus.training.recipe import Recipe

PARTS = {"train": "train", "watch": "dev"}


def cross_validate(
    recipe: Recipe,
    loaded: Loaded,
    root: Path,
    out: Path | None = None,
    *,
    name: str,
    protocol: str | None = None,
    split: str | None = None,
    asked: Iterable[str] = (),
    also: Iterable[str] = (),
    resamples: int = 10_000,
    seed: int = 0,
) -> tuple[Measurement, Any, Loaded]:
    """Measure what a recipe gives on a corpus by a protocol with folds.

    For each fold the recipe learns from the compared samples of the other folds; where it watches a split, that is the
    fold after the one held out, from which nothing is learned. The last run's reader answers for the fold held out.
    Groups that the protocol keeps together are so between training, watched and held-out samples alike.

    Args:
        recipe: At least one of its runs learns from the corpus; other corpora of it are taken whole.
        loaded: The corpus.
        root: Where the recipe's other corpora are; see `load_data`.
        out: Folder that keeps the checkpoints, one a fold, and is gone on with; None keeps nothing.
        name: Of the recipe.
        protocol: Its name; None takes the first with folds that the reader can serve.
        split: Another split than the protocol's.
        asked: Comparisons across perspectives that are wanted, `reader:gold`.
        also: Names of figures besides those of the protocol.
        resamples: Of the bootstrap.
        seed: Of the resamples.

    Returns:
        The measurement, what the readers of the folds have in common (`readouts`), and the corpus as it was labelled.

    Raises:
        ConfigError: If no run learns from the corpus.
        InputError: If the protocol has no folds, or the reader can't serve it.
    """
    corpus, last = loaded.corpus.name, list(recipe.runs.values())[-1]
    known = dict.fromkeys(source for run in recipe.runs.values() for source in run.data)
    if corpus not in known:
        raise ConfigError(f"no run of the recipe learns from {corpus!r}", allowed=", ".join(known))
    config = configuration(last.system, **last.config)
    loaded = by_rule(loaded, config, loaded.splits)
    shared = SimpleNamespace(
        readouts=tuple(Readout(t.scale, t.perspective) for t in config.targets), derived=getattr(config, "derived", ())
    )
    of = agreed(loaded, Reads.of(shared), with_folds(loaded.corpus, Reads.of(shared), protocol), split, asked, also)
    compared = cases(of, loaded)
    given, seconds = _answered(_parted(recipe, corpus), loaded, of, compared, root, out)
    found = measurement(
        of,
        compared,
        given,
        resamples=resamples,
        seed=seed,
        name=f"{last.system} by {name}",
        system=last.system,
        data=f"{corpus}, the other folds (carried out anew for each)",
        seconds=round(seconds, 3),
    )
    return found, shared, loaded


def with_folds(corpus: Corpus, reads: Reads, name: str | None) -> Protocol:
    """The named protocol, else the first of a corpus with folds that a reader can serve.

    Raises:
        InputError: If it has no folds, or there is none.
    """
    fitting = [p for p in known_protocols(corpus.name) if p.folds is not None and not serves(p, reads)]
    if name is None and fitting:
        return fitting[0]
    of = choose(corpus, reads, name)
    if of.folds is None:
        raise InputError(
            f"{of.title!r} has no folds, so there is nothing to carry out a recipe for",
            allowed=", ".join(p.title for p in fitting) or f"no protocol with folds of {corpus.name!r} fits",
            remedy="`affectus train` the recipe and evaluate its checkpoint",
        )
    return of


def _parted(recipe: Recipe, corpus: str) -> Recipe:
    """The recipe with the names of a fold's parts as splits of the runs that learn from the corpus."""
    runs = {
        name: replace(run, splits={use: PARTS[use] for use in run.splits}) if corpus in run.data else run
        for name, run in recipe.runs.items()
    }
    return replace(recipe, runs=runs)


def _answered(
    recipe: Recipe, loaded: Loaded, of: Protocol, compared: Cases, root: Path, out: Path | None
) -> tuple[Answers, float]:
    """Answers to all compared samples, each by the reader that did not learn from its fold; seconds of reading."""
    folds: Any = compared.folds
    numbers = np.unique(folds)
    watches = any("watch" in run.splits for run in recipe.runs.values() if of.corpus in run.data)
    parts: list[Answers] = []
    order, spent = [], 0.0
    keep: Any = nullcontext(out) if out is not None else tempfile.TemporaryDirectory()
    with keep as kept, task("folds", len(numbers)) as advance:
        for place, number in enumerate(numbers):
            held = folds == number
            watched = folds == numbers[(place + 1) % len(numbers)] if watches else np.zeros_like(held)
            splits = {"train": ~held & ~watched, "dev": watched}
            samples = {
                k: [compared.samples[i] for i in np.flatnonzero(v).tolist()] for k, v in splits.items() if v.any()
            }
            folder = Path(kept) / of.corpus / of.name / f"fold-{place}"
            own = {of.corpus: replace(loaded, splits=samples)}
            reader = load(str(carry_out(recipe, root, folder, own=own, resume=True)[-1]))
            items, rows = _items(compared, held)
            reading, seconds = read_items(reader, items)
            parts.append(answers(of, Reads.of(reader), reading, rows))
            order.append(np.flatnonzero(held))
            spent += seconds
            advance(1)
    return joined(parts, np.concatenate(order)), spent


def _items(compared: Cases, held: np.ndarray) -> tuple[list[Item], np.ndarray]:
    """What is read for some of the samples, and their places in that reading; dialogues are read whole."""
    wanted, start, taken = set(compared.rows[held].tolist()), 0, 0
    items: list[Item] = []
    rows: list[int] = []
    for item in compared.items:
        turns = len(flatten([item]))
        mine = [row for row in range(start, start + turns) if row in wanted]
        if mine:
            items.append(item)
            rows += [taken + row - start for row in mine]
            taken += turns
        start += turns
    return items, np.array(rows)
