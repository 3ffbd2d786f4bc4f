"""`affectus evaluate`: what a reader is worth on a corpus, under a protocol that is printed with every figure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from affectus.corpora.base import Loaded
    from affectus.evaluation.evaluate import Measurement
    from affectus.evaluation.results import Result

Protocol = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        help="One of `affectus protocols CORPUS`; without it, the first that the reader can serve.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the corpus, or of one folder a corpus.", show_default=False)
]
Split = Annotated[str | None, typer.Option("--split", help="Another split than the protocol's.", show_default=False)]
Across = Annotated[
    list[str] | None,
    typer.Option(
        "--across",
        help="Allow a comparison of two perspectives, reader:gold, for example perceived:felt. May be repeated.",
        show_default=False,
    ),
]
Also = Annotated[
    list[str] | None,
    typer.Option("--also", help="A figure besides the protocol's, such as auc. May be repeated.", show_default=False),
]
Resamples = Annotated[int, typer.Option("--bootstrap", min=0, help="Resamples of the intervals; 0: no intervals.")]
Seed = Annotated[int, typer.Option("--seed", help="Of the resamples.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]


def evaluate(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|RECIPE",
            help="Reader: affectus/x, a checkpoint folder, or one without weights. A recipe file is carried out anew "
            "for each fold of the protocol.",
        ),
    ],
    on: Annotated[str, typer.Option("--on", help="Corpus, or corpus/protocol: one of `affectus protocols`.")],
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Changes of a recipe, for example epochs=3.")
    ] = None,
    protocol: Protocol = None,
    split: Split = None,
    data: Data = None,
    across: Across = None,
    also: Also = None,
    bootstrap: Resamples = 10_000,
    seed: Seed = 0,
    store: Annotated[
        Path | None, typer.Option("--store", help="Folder to which the result is added.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="HTML page to write, with pictures.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Of a recipe: folder that keeps the readers of the folds; those that it holds are not trained again.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="Subgroups in the report: speaker, author, language, …", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure a reader, or a recipe in cross-validation, on a corpus by a named protocol, with intervals."""
    from affectus import progress
    from affectus.corpora.base import load_corpus, locate
    from affectus.errors import InputError

    corpus, _, named = on.partition("/")
    common: dict[str, Any] = {
        "protocol": protocol or named or None,
        "split": split,
        "asked": across or (),
        "also": also or (),
        "resamples": bootstrap,
        "seed": seed,
    }
    recipe = name.endswith((".yaml", ".yml"))
    if not recipe and (changes or out is not None):
        raise InputError(f"{name!r} is no recipe, so nothing is trained", remedy="leave out changes and --out")
    with progress.shown(quiet=quiet):
        place = locate(corpus, data)
        loaded = load_corpus(corpus, place)
        if recipe:
            found, reader, loaded = _by_fold(name, loaded, common, root=data or place, changes=changes or (), out=out)
        else:
            found, reader, loaded = _finished(name, loaded, common)
    if store is not None:
        found.result.save(store)
    if report is not None:
        from affectus.evaluation.showing import report as write

        write(found, loaded, reader, report, by or ())
    if as_json:
        import json

        typer.echo(json.dumps(found.result.to_dict(), indent=1, ensure_ascii=False))
        return
    typer.echo("\n".join(lines(found.result)))


def _finished(name: str, loaded: Loaded, common: dict[str, Any]) -> tuple[Measurement, Any, Loaded]:
    from affectus.evaluation.evaluate import evaluate as measure
    from affectus.registry import find, load, weightless
    from affectus.training.mapping import by_rule

    reader = load(name)
    loaded = by_rule(loaded, getattr(reader, "config", None), loaded.splits)
    found = measure(reader, loaded, folder=None if weightless(name) else find(name), **common)
    return found, reader, loaded


def _by_fold(
    name: str, loaded: Loaded, common: dict[str, Any], *, root: Path, changes: Iterable[str], out: Path | None
) -> tuple[Measurement, Any, Loaded]:
    from affectus.training.folds import cross_validate
    from affectus.training.recipe import read_recipe

    recipe = read_recipe(Path(name), list(changes))
    return cross_validate(recipe, loaded, root, out, name=Path(name).stem, **common)


def lines(result: Result) -> Iterable[str]:
    """A result as text: the protocol first, then each figure, then what does not stand in them."""
    from affectus.evaluation.figures import figures

    of = result.protocol
    yield f"{result.name} on {of.title}: {of.sentence}"
    yield f"  {of.source}" + (f". {of.note}" if of.note else "")
    for figure in figures(of):
        value = result.metrics[figure.key]
        interval = f" ({value.low:.3f} to {value.high:.3f})" if value.low is not None else ""
        yield f"{figure.title}: {value.value:.3f}{interval}, n {value.n:,}"
        if folds := result.folds.get(figure.key):
            each = ", ".join(f"{part:.3f}" for part in folds.each)
            told = f"mean {folds.mean:.3f}, sd {folds.sd:.3f}; all answers at once {folds.pooled:.3f}"
            yield f"  folds {each}: {told}"
    if result.data:
        yield f"learned from: {result.data}"
    yield f"intervals: {result.interval}" + (f", seed {result.seed}" if result.interval != "none" else "")
    n = next(iter(result.metrics.values())).n
    if result.seconds:
        yield f"read in {result.seconds:.1f} s, {n / result.seconds:,.0f} a second"
    yield from (f"{count:,} rows left out ({reason})" for reason, count in result.left_out.items())
    if result.no_answer:
        yield f"{result.no_answer:,} rows without an answer"
    if result.abstained:
        yield f"{result.abstained:,} rows on which the reader abstained"
    if of.n is not None and of.n != n:
        yield f"the protocol has {of.n:,} rows, this copy of the corpus {n:,}: the figure is not comparable"
