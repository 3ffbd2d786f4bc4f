"""What a recipe is expected to give, beside what its run gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affectus.card import CheckpointCard
from affectus.corpora.base import load_corpus
from affectus.errors import FileError, unknown
from affectus.evaluation.evaluate import evaluate
from affectus.evaluation.figures import figures
from affectus.evaluation.protocols import Protocol, protocol
from affectus.registry import load
from affectus.training.job import folder_of
from affectus.training.mapping import by_rule
from affectus.training.recipe import Expectation, Recipe

CARD = "card"
BENCHMARK = "benchmarks/"
_FOLDS = "fitted anew for each fold: `affectus evaluate` of the recipe measures it"


@dataclass(frozen=True)
class Compared:
    """An expected figure and what the run gave.

    Args:
        metric: Name of the figure.
        expected: What the recipe says.
        value: What was measured; None where this run does not measure it.
        why: Why it does not.
    """

    metric: str
    expected: Expectation
    value: float | None = None
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether the figure was measured and lies within the tolerance."""
        return self.value is not None and abs(self.value - self.expected.value) <= self.expected.tolerance

    def __str__(self) -> str:
        wanted = f"expected {self.expected.value:g} ± {self.expected.tolerance:g}"
        if self.value is None:
            return f"{self.metric}: {wanted}; {self.why}"
        verdict = "as expected" if self.holds else "OUTSIDE the tolerance"
        return f"{self.metric} by {self.expected.by}: {self.value:.3f}, {wanted}: {verdict}"


def measured_by(expected: Expectation, metric: str) -> Protocol | None:
    """The protocol of an expected figure; None if its card or a benchmark has it.

    Raises:
        UnknownName: If there is no such protocol, or it has no such figure.
    """
    if expected.by == CARD or expected.by.startswith(BENCHMARK):
        return None
    corpus, _, name = expected.by.partition("/")
    of = protocol(corpus, name)
    keys = [figure.key for figure in figures(of)]
    if metric not in keys:
        raise unknown(f"figure of {of.title!r}", metric, keys)
    return of


def compare(recipe: Recipe, folder: Path, root: Path) -> list[Compared]:
    """Measure a trained checkpoint by what its recipe expects. No intervals: the tolerance stands for them.

    Args:
        recipe: With its expected figures.
        folder: Checkpoint of its last run.
        root: Where the corpora are; see `job.load_data`.
    """
    known: dict[str, Mapping[str, float] | str] = {
        CARD: {figure.metric: figure.value for figure in CheckpointCard.load(folder).figures}
    }
    out = []
    for metric, expected in recipe.expect.items():
        of = measured_by(expected, metric)
        if of is not None and of.folds is not None and any(of.corpus in run.data for run in recipe.runs.values()):
            known[expected.by] = f"`affectus evaluate RECIPE --on {of.title}` measures it, with a fit for each fold"
        if of is not None and expected.by not in known:
            # This checkpoint learned from all folds.
            known[expected.by] = _FOLDS if of.folds is not None else _values(of, folder, root)
        found = known.get(expected.by, f"measured by {expected.by}, not by this run")
        if isinstance(found, str):
            out.append(Compared(metric, expected, why=found))
        elif metric not in found:
            out.append(Compared(metric, expected, why="the checkpoint's card has no such figure"))
        else:
            out.append(Compared(metric, expected, found[metric]))
    return out


def _values(of: Protocol, folder: Path, root: Path) -> Mapping[str, float] | str:
    """Figures of a protocol, or why there are none."""
    reader = load(str(folder))
    try:
        place = folder_of(of.corpus, root)
    except FileError as error:
        return f"not measured: {error}"
    loaded = load_corpus(of.corpus, place)
    loaded = by_rule(loaded, getattr(reader, "config", None), loaded.splits)
    result = evaluate(reader, loaded, protocol=of.name, resamples=0, folder=folder).result
    return {key: value.value for key, value in result.metrics.items()}
