"""`affectus evaluate-replies`: replies of several systems to the same dialogues."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectus.cli.evaluate import Quiet, Seed

if TYPE_CHECKING:
    from affectus.response.judging import Judged


def evaluate_replies(
    files: Annotated[
        list[str],
        typer.Argument(metavar="NAME=FILE…", help="Replies as `respond` writes them; differences are from the first."),
    ],
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Replies to measure by: BLEU, BERTScore.", show_default=False),
    ] = None,
    reader: Annotated[
        str, typer.Option("--reader", help="Reader that looks for the intended feeling.")
    ] = "affectus/text-goemotions",
    bootstrap: Annotated[int, typer.Option("--bootstrap", min=1, help="Resamples of the intervals.")] = 10_000,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for replies.json.", show_default=False)] = None,
    quiet: Quiet = False,
) -> None:
    """Measure replies and compare the systems that gave them."""
    from affectus import progress
    from affectus.errors import InputError
    from affectus.registry import load
    from affectus.response.judging import judge, read_replies

    named = [_named(text) for text in files]
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        raise InputError(f"the names are {', '.join(names)}", allowed="a different name for each file")
    systems = {name: read_replies(path) for name, path in named}
    wanted = None if references is None else read_replies(references)
    with progress.shown(quiet=quiet):
        found = judge(systems, load(reader), wanted, resamples=bootstrap, seed=seed)
    _print(found)
    if out is not None:
        typer.echo(f"{found.save(out)} is written")


def _named(text: str) -> tuple[str, str]:
    from affectus.errors import InputError

    name, sign, path = text.partition("=")
    if not (name and sign and path):
        raise InputError(f"{text!r} is no file with a name", allowed="NAME=FILE, for example A=replies.jsonl")
    return name, path


def _print(found: Judged) -> None:
    from rich.console import Console
    from rich.table import Table

    first, *others = found.systems
    table = Table(title=f"{found.dialogues:,} dialogues, in per cent", title_justify="left")
    compared = [text for name in others for text in (f"{name} − {first}", "p (Holm)")]
    for text in ("", *found.systems, *compared):
        table.add_column(text, justify="right" if text else "left", overflow="fold")
    for title, values in found.figures.values.items():
        cells = [f"{v.value:.1f} ({v.low:.1f}–{v.high:.1f})" for v in values.values()]
        for gap in found.figures.gaps[title].values():
            cells += [f"{gap.value:+.1f} ({gap.low:+.1f} to {gap.high:+.1f})", f"{gap.p_holm:.3f}"]
        table.add_row(title, *cells)
    console = Console()
    console.print(table)
    for note in (found.figures.interval, *found.notes):
        console.print(note, highlight=False, markup=False)
