"""Several readers on the same items: paired differences, corrected for their number, as one table and one plot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from affectus.atomic import writing
from affectus.corpora.base import Corpus, Loaded
from affectus.errors import InputError, require
from affectus.evaluation.compared import holm
from affectus.evaluation.evaluate import RESAMPLES, Measurement, evaluate
from affectus.evaluation.figures import Draws, Figure, figures
from affectus.evaluation.intervals import Difference, percentiles
from affectus.evaluation.protocols import Protocol, Reads, as_labelled, known_protocols, protocol, serves
from affectus.evaluation.results import Result, Value


@dataclass(frozen=True, kw_only=True)
class Gap:
    """How far a reader is from the one that all are compared with.

    Args:
        value: Its figure minus the other's.
        low: Lower end of the paired interval.
        high: Upper end.
        p: Two-sided bootstrap p-value of "no difference".
        p_holm: The same, corrected by Holm's method for the readers that are compared.
    """

    value: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Comparison:
    """Readers under one protocol.

    Args:
        protocol: How all were measured.
        against: Name of the reader that the others are compared with.
        results: Of each reader, in the order given.
        gaps: Figure → reader → difference; readers but the one compared with.
        interval: How intervals were made.
        seed: Of the resamples.
    """

    protocol: Protocol
    against: str
    results: tuple[Result, ...]
    gaps: Mapping[str, Mapping[str, Gap]]
    interval: str
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def rows(self) -> list[list[str]]:
        """Header and one row a reader: each figure with its interval, then the difference in the first figure."""
        wanted = figures(self.protocol)
        first = wanted[0]
        rows = [["reader", *(f.title for f in wanted), f"{first.title}, difference", "p (Holm)"]]
        for result in self.results:
            cells = [_cell(result.metrics[f.key]) for f in wanted]
            gap = self.gaps[first.key].get(result.name)
            last = [f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})", _p(gap.p_holm)] if gap else ["–", "–"]
            rows.append([result.name, *cells, *last])
        return rows

    def markdown(self) -> str:
        """The table under its protocol."""
        header, *rows = self.rows()
        n = next(iter(self.results[0].metrics.values())).n
        lines = [f"# {self.protocol.title}", "", f"{self.protocol.sentence}. {self.protocol.source}.", ""]
        lines += ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        lines += ["", f"n {n:,}. Differences are from {self.against}, paired: {self.interval}, seed {self.seed}."]
        for result in self.results:
            told = [f"{count:,} left out ({why})" for why, count in result.left_out.items()]
            told += [f"{result.no_answer:,} without an answer"] * bool(result.no_answer)
            told += [f"{result.abstained:,} abstained"] * bool(result.abstained)
            if spread := result.runs.get(figures(self.protocol)[0].key):
                told.append(f"{len(spread)} runs, {', '.join(f'{value:.3f}' for value in spread)}")
            if told:
                lines.append(f"{result.name}: {', '.join(told)}.")
        return "\n".join(lines) + "\n"

    def save(self, folder: Path) -> None:
        """Write `comparison.md`, `comparison.json` and `comparison.png`."""
        with writing(folder / "comparison.md") as file:
            file.write(self.markdown())
        with writing(folder / "comparison.json") as file:
            json.dump(self.to_dict(), file, indent=1, ensure_ascii=False)
        self.plot(folder / "comparison.png")

    def plot(self, path: Path) -> None:
        """Draw every reader's first figure and its difference from the one compared with, both with intervals."""
        require("matplotlib", extra="train", purpose="drawing a comparison")
        from matplotlib.figure import Figure as Canvas

        first, names = figures(self.protocol)[0], [r.name for r in self.results]
        canvas = Canvas(figsize=(10, 1.7 + 0.45 * len(names)), layout="constrained")
        left, right = canvas.subplots(1, 2, sharey=True)
        for row, result in enumerate(self.results):
            _bar(left, row, result.metrics[first.key], "tab:blue")
            gap = self.gaps[first.key].get(result.name)
            if gap is None:
                right.plot(0, row, "D", color="tab:gray", markersize=5)
            else:
                _bar(right, row, gap, "tab:blue" if gap.p_holm < 0.05 else "tab:gray", "+.3f")
        right.axvline(0, color="black", linewidth=0.8, linestyle=":")
        left.set(yticks=range(len(names)), yticklabels=names, xlabel=first.title, ylim=(len(names) - 0.5, -0.5))
        right.set(xlabel=f"difference from {self.against}\n(blue: p < 0.05 after Holm's correction)")
        for axes in (left, right):
            axes.grid(axis="x", alpha=0.3)
            axes.margins(x=0.15)
        n = next(iter(self.results[0].metrics.values())).n
        canvas.suptitle(f"{self.protocol.title}, n {n:,}, 95 % intervals", fontsize=11)
        with writing(path, "wb") as out:
            canvas.savefig(out, format="png", dpi=150)


def _bar(axes: Any, row: int, of: Value | Gap, color: str, form: str = ".3f") -> None:
    value = of.value
    if of.low is not None:
        axes.plot([of.low, of.high], [row, row], color=color, linewidth=2, solid_capstyle="butt")
    axes.plot(value, row, "o", color=color, markersize=6)
    axes.annotate(format(value, form), (value, row), (0, 7), textcoords="offset points", ha="center", fontsize=8)


def _cell(value: Value) -> str:
    return f"{value.value:.3f}" + (f" ({value.low:.3f} to {value.high:.3f})" if value.low is not None else "")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def common_protocol(corpus: Corpus, readers: Mapping[str, Reads], name: str | None = None) -> Protocol:
    """The named protocol, else the first of the corpus that every reader can serve.

    Raises:
        UnknownName: If there is no protocol of this name.
        InputError: If a reader can't serve it, with the reason and what all could.
    """
    known = list(known_protocols(corpus.name))
    for target in corpus.targets:
        if all(target.scale in reads.own for reads in readers.values()):
            known.append(as_labelled(corpus, target.scale))
    fitting = [p for p in known if not any(serves(p, reads) for reads in readers.values())]
    if name is None and fitting:
        return fitting[0]
    allowed = ", ".join(p.name for p in fitting) or "no protocol that all of them can serve"
    if name is None:
        told = "; ".join(f"{reader} reads {', '.join(reads.own)}" for reader, reads in readers.items())
        raise InputError(f"these readers have no protocol of {corpus.name!r} in common: {told}", allowed=allowed)
    short = name.removeprefix(f"{corpus.name}/")
    wanted = next((p for p in fitting if p.name == short), None) or protocol(corpus.name, name)
    for reader, reads in readers.items():
        if reason := serves(wanted, reads):
            raise InputError(f"{reader} can't be measured by {wanted.title!r}: {reason}", allowed=allowed)
    return wanted


def compare(
    readers: Mapping[str, Any],
    loaded: Loaded,
    *,
    protocol: str | None = None,
    split: str | None = None,
    asked: Iterable[str] = (),
    against: Literal["first", "best"] = "first",
    resamples: int = RESAMPLES,
    seed: int = 0,
    folders: Mapping[str, Path | Sequence[Path]] | None = None,
) -> Comparison:
    """Measure readers on the same items and compare each with the first, or with the best.

    Args:
        readers: Name → reader, at least two; or name → several readers, the runs of one system with several seeds, of
            which the mean figure is compared.
        loaded: The corpus.
        protocol: Its name; None takes the first of the corpus that all readers can serve.
        split: Another split than the protocol's.
        asked: Comparisons across perspectives that are wanted, `reader:gold`.
        against: Whom the others are compared with; the best is that of the protocol's first figure.
        resamples: Of the paired bootstrap.
        seed: Of the resamples.
        folders: Name → checkpoint, or checkpoints in the order of the runs, whose hash is stored.

    Raises:
        InputError: If there are fewer than two readers, one has no runs, or one can't serve the protocol.
    """
    if len(readers) < 2 or resamples < 1:
        raise InputError(
            f"{len(readers)} reader and {resamples} resamples give no comparison", allowed="two or more, one or more"
        )
    runs = {name: _several(reader) for name, reader in readers.items()}
    places = {name: _several(place) for name, place in (folders or {}).items()}
    for name, each in runs.items():
        if not each or len(places.get(name, each)) != len(each):
            raise InputError(f"{name} has {len(each)} runs and {len(places.get(name, each))} checkpoints")
    every = {
        f"{name} {i + 1}" if len(each) > 1 else name: Reads.of(reader)
        for name, each in runs.items()
        for i, reader in enumerate(each)
    }
    of = common_protocol(loaded.corpus, every, protocol)
    of = of if split is None or split == of.split else replace(of, split=split, n=None)
    found = {
        name: [
            evaluate(
                reader,
                loaded,
                protocol=of,
                asked=tuple(asked),
                resamples=resamples if len(each) == 1 else 0,
                seed=seed,
                folder=place,
                name=name,
            )
            for reader, place in zip(each, places.get(name) or [None] * len(each), strict=True)
        ]
        for name, each in runs.items()
    }
    best = figures(of)[0]
    side = 1 if best.metric.higher else -1
    names = list(readers)
    draws = Draws.of(of, found[names[0]][0].cases, resamples, seed)
    results = {name: _together(of, each, draws) for name, each in found.items()}
    base = max(names, key=lambda n: side * results[n].metrics[best.key].value) if against == "best" else names[0]
    others = [name for name in names if name != base]
    return Comparison(
        of,
        base,
        tuple(results[name] for name in names),
        _gaps(of, found, base, others, draws),
        draws.how,
        seed,
    )


def _several(one_or_more: Any) -> list[Any]:
    return list(one_or_more) if isinstance(one_or_more, Sequence) else [one_or_more]


def _together(of: Protocol, runs: Sequence[Measurement], draws: Draws) -> Result:
    """One result of several runs: mean figures, whose intervals tell how much other items would move the mean."""
    if len(runs) == 1:
        return runs[0].result
    metrics, each = {}, {}
    for figure in figures(of):
        values = [run.result.metrics[figure.key] for run in runs]
        low, high = percentiles(_replicates(figure, runs, draws)) if figure.metric.resampled else (None, None)
        each[figure.key] = tuple(value.value for value in values)
        metrics[figure.key] = Value(value=float(np.mean(each[figure.key])), low=low, high=high, n=values[0].n)
    seconds = float(np.mean([run.result.seconds or 0.0 for run in runs]))
    first = runs[0].result
    checkpoint = "+".join(run.result.checkpoint for run in runs if run.result.checkpoint)
    return replace(
        first, metrics=metrics, runs=each, folds={}, checkpoint=checkpoint, seconds=seconds, interval=draws.how
    )


def _replicates(figure: Figure, runs: Sequence[Measurement], draws: Draws) -> np.ndarray:
    return np.mean([draws.replicates(figure, run.cases.gold, run.answers) for run in runs], axis=0)


def _gaps(
    of: Protocol, found: Mapping[str, Sequence[Measurement]], base: str, others: Sequence[str], draws: Draws
) -> dict[str, dict[str, Gap]]:
    out = {}
    for figure in figures(of):
        if not figure.metric.resampled:
            continue
        drawn = {name: _replicates(figure, runs, draws) for name, runs in found.items()}
        values = {
            name: float(np.mean([draws.value(figure, run.cases.gold, run.answers) for run in runs]))
            for name, runs in found.items()
        }
        gaps = [
            Difference.between(values[name] - values[base], drawn[name] - drawn[base], 0.95, draws.how)
            for name in others
        ]
        corrected = holm(np.array([gap.p for gap in gaps]))
        out[figure.key] = {
            name: Gap(value=gap.value, low=gap.low, high=gap.high, p=gap.p, p_holm=float(p))
            for name, gap, p in zip(others, gaps, corrected, strict=True)
        }
    return out
