"""`affectus evaluate-replies`: replies of several systems to the same dialogues."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affectus.cli.evaluate import Quiet, Seed

if TYPE_CHECKING:
    from affectus.response.judging import Judged
    from affectus.response.votes import Counted
    from affectus.sample import Dialogue


def evaluate_replies(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=FILE…",
            help="Replies as `respond` writes them; differences are from the first. With --key, files of votes.",
        ),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Replies to measure by: BLEU, BERTScore.", show_default=False),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(
            "--reader",
            help="Reader that looks for the intended feeling; without it, the first of affectus/semeval2018-ec and "
            "vader that is on this machine.",
            show_default=False,
        ),
    ] = None,
    empathy: Annotated[
        str | None,
        typer.Option(
            "--empathy",
            help="Reader of the mechanisms of empathy; without it, affectus/empathy-embedded where it is.",
            show_default=False,
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", help="Folder for a page of blind choices between two files.", show_default=False),
    ] = None,
    dialogues: Annotated[
        Path | None,
        typer.Option(
            "--dialogues", help="The file that was answered: for empathy, and for --sheet.", show_default=False
        ),
    ] = None,
    votes: Annotated[
        list[str] | None, typer.Option("--votes", help="Votes that a judge saved; may be repeated.", show_default=False)
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="key.json of the sheet: count votes.", show_default=False)
    ] = None,
    bootstrap: Annotated[int, typer.Option("--bootstrap", min=1, help="Resamples of the intervals.")] = 10_000,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for replies.json.", show_default=False)] = None,
    quiet: Quiet = False,
) -> None:
    """Measure replies and compare the systems that gave them, by figures or by people's votes."""
    from affectus import progress
    from affectus.errors import InputError
    from affectus.registry import load
    from affectus.response import agreement
    from affectus.response.empathy import READER, missing
    from affectus.response.judging import judge, read_replies

    if votes and key is None:
        raise InputError("there are votes, but no --key", remedy="give the key.json that was made with the sheet")
    if (sheet is not None or key is not None) and (references or out or (sheet and key)):
        raise InputError("a sheet, votes and figures are asked for at once", allowed="one at a time")
    if key is not None:
        from affectus.response.votes import count

        _print_votes(count([*(votes or []), *(files or [])], key, resamples=bootstrap, seed=seed))
        return
    named = [_named(text) for text in files or []]
    names = [name for name, _ in named]
    if not names or len(set(names)) < len(names):
        raise InputError(f"the names are {', '.join(names) or 'missing'}", allowed="a different name for each file")
    systems = {name: read_replies(path) for name, path in named}
    if sheet is not None:
        _sheet(systems, sheet, dialogues, seed)
        return
    wanted = None if references is None else read_replies(references)
    talks = None if dialogues is None else {talk.id: talk for talk in _talks(dialogues)}
    if empathy is not None and talks is None:
        raise InputError("--empathy needs the talks", remedy="give the file that was answered with --dialogues")
    left_out = missing(talks) if empathy is None else ""
    with progress.shown(quiet=quiet):
        found = judge(
            systems,
            load(reader or agreement.independent()),
            wanted,
            listener=None if left_out else load(empathy or READER),
            talks=talks,
            resamples=bootstrap,
            seed=seed,
        )
    _print(found)
    if left_out:
        typer.echo(left_out)
    if out is not None:
        typer.echo(f"{found.save(out)} is written")


def _sheet(systems: dict[str, dict[str, Any]], folder: Path, dialogues: Path | None, seed: int) -> None:
    from affectus.errors import InputError
    from affectus.response.sheet import write_sheet

    if dialogues is None:
        raise InputError("a sheet needs the talks", remedy="give the file that was answered with --dialogues")
    pairs = write_sheet(systems, _talks(dialogues), folder, seed=seed)
    same = len(next(iter(systems.values()))) - pairs
    typer.echo(f"{pairs} pairs in {folder / 'sheet.html'}; keep {folder / 'key.json'} from the judges")
    if same:
        typer.echo(f"left out: {same} dialogues to which both say the same")


def _talks(path: Path) -> list[Dialogue]:
    from affectus.formats.read import read_samples
    from affectus.media import Kind
    from affectus.sample import Dialogue

    return [talk for talk in read_samples(path, Kind.CHAT) if isinstance(talk, Dialogue)]


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
        table.add_column(text, justify="right" if text else "left", overflow="fold", no_wrap=not text)
    for title, values in found.figures.values.items():
        cells = [f"{v.value:.1f}\n({v.low:.1f}–{v.high:.1f})" for v in values.values()]
        for gap in found.figures.gaps[title].values():
            cells += [f"{gap.value:+.1f}\n({gap.low:+.1f} to {gap.high:+.1f})", f"{gap.p_holm:.3f}"]
        table.add_row(title, *cells)
    console = Console()
    console.print(table)
    for note in (found.figures.interval, *found.notes):
        console.print(note, highlight=False, markup=False)


def _print_votes(counted: Counted) -> None:
    from rich.console import Console
    from rich.table import Table

    first, second = counted.systems
    table = Table(title="per cent of votes, the mean over pairs; Fleiss' kappa", title_justify="left")
    for text in ("", first, second, "same", f"{second} − {first}", "p (Holm)", "votes", "kappa"):
        table.add_column(text, justify="right" if text else "left", overflow="fold", no_wrap=not text)
    for question, values in counted.figures.values.items():
        gap, kappa = counted.figures.gaps[question][second], counted.kappa[question]
        table.add_row(
            question,
            *(f"{v.value:.1f}\n({v.low:.1f}–{v.high:.1f})" for v in values.values()),
            f"{counted.same[question]:.1f}",
            f"{gap.value:+.1f}\n({gap.low:+.1f} to {gap.high:+.1f})",
            f"{gap.p_holm:.3f}",
            f"{counted.votes[question]:,}",
            "–" if kappa != kappa else f"{kappa:.2f}",
        )
    console = Console()
    console.print(table)
    console.print(counted.figures.interval.replace("items", "pairs"), highlight=False)
    for judge, number in counted.judges.items():
        console.print(f"{judge}: {number} of {counted.asked} votes", highlight=False, markup=False)
    if counted.left == counted.left:
        console.print(f"{counted.left:.0f} % of the decided votes are for the left side", highlight=False)
