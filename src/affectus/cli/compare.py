"""`affectus compare`: several readers on the same items, by one protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectus.cli.evaluate import Across, Data, Protocol, Quiet, Resamples, Seed, Split

if TYPE_CHECKING:
    from affectus.evaluation.compare import Comparison


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME NAME…",
            help="Readers: affectus/x, folders, or vader; TITLE=A,B,C for runs of one system with several seeds.",
        ),
    ],
    on: Annotated[str, typer.Option("--on", help="Corpus, or corpus/protocol: one of `affectus protocols`.")],
    protocol: Protocol = None,
    split: Split = None,
    data: Data = None,
    across: Across = None,
    best: Annotated[bool, typer.Option("--best", help="Compare with the best reader instead of the first.")] = False,
    bootstrap: Resamples = 10_000,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for table, JSON and plot.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare readers: paired bootstrap of the differences, p-values corrected for their number."""
    from affectus import progress
    from affectus.corpora.base import load_corpus, locate
    from affectus.errors import InputError
    from affectus.evaluation.compare import compare as measure
    from affectus.registry import find, load, weightless

    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"{', '.join(sorted(twice))} is named twice", allowed="different readers")
    corpus, _, named = on.partition("/")
    parts = {name: runs(name) for name in names}
    loaded = {name: [load(part) for part in each] for name, (_, each) in parts.items()}
    own = [title or getattr(loaded[name][0], "name", name) for name, (title, _) in parts.items()]
    called = {name: title if own.count(title) == 1 else name for name, title in zip(names, own, strict=True)}
    with progress.shown(quiet=quiet):
        found = measure(
            {called[name]: readers for name, readers in loaded.items()},
            load_corpus(corpus, locate(corpus, data)),
            protocol=protocol or named or None,
            split=split,
            asked=across or (),
            against="best" if best else "first",
            resamples=bootstrap,
            seed=seed,
            folders={
                called[name]: [find(part) for part in each]
                for name, (_, each) in parts.items()
                if not any(map(weightless, each))
            },
        )
    if out is not None:
        found.save(out)
    if as_json:
        import json

        typer.echo(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))
        return
    _print(found)


def runs(name: str) -> tuple[str, list[str]]:
    """Title and readers of an argument `TITLE=A,B,C`; a plain name has an empty title."""
    title, equals, rest = name.partition("=")
    if not equals or "/" in title or "\\" in title:
        return "", [name]
    return title, rest.split(",")


def _print(found: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    header, *rows = found.rows()
    table = Table(title=f"{found.protocol.title}: {found.protocol.sentence}", title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if not number else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(f"differences from {found.against}, paired: {found.interval}, seed {found.seed}", highlight=False)
    for result in found.results:
        told = [f"{count:,} left out ({why})" for why, count in result.left_out.items()]
        told += [f"{result.no_answer:,} without an answer"] * bool(result.no_answer)
        told += [f"mean of {len(each)} runs" for each in list(result.runs.values())[:1]]
        if told:
            console.print(f"{result.name}: {', '.join(told)}", highlight=False)
