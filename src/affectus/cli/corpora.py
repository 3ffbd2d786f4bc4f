"""`affectus corpora`: which corpora have a loader, and what a folder holds of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from affectus.corpora.base import Corpus
    from affectus.corpora.inspection import Level, Report

app = typer.Typer(help="Corpora: which have a loader, and whether a copy is complete and sound.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.command("list")
def list_corpora(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder that holds one folder a corpus [default: the usual places]."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show every corpus that has a loader: what it is, whose feeling its labels are, terms, and whether it is here."""
    from affectus.corpora.base import corpus, known_corpora

    rows = [(corpus(name), _here(name, data)) for name in known_corpora()]
    if as_json:
        _print_json([_described(one) | {"folder": place} for one, place in rows])
        return
    from rich.console import Console

    table = _table("corpus", "reads", "language", "labels (whose feeling)", "official splits", "ship", "here")
    for one, place in rows:
        labels = "\n".join(f"{target.scale} ({target.perspective})" for target in one.targets)
        splits = "\n".join(f"{name} {split.rows:,}" for name, split in one.splits.items()) or "none"
        here = "[green]yes[/]" if place else "–"
        table.add_row(one.name, one.modality, one.language or "–", labels, splits, _yes(one.ship), here)
    Console().print(table)
    typer.echo("`affectus corpora check FOLDER` reads what is there; --json also says where each is to be had.")


def _here(name: str, data: Path | None) -> str | None:
    from affectus.corpora.base import locate
    from affectus.errors import FileError

    try:
        return str(locate(name, data))
    except FileError:
        return None


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A corpus's folder, or a folder that holds one folder a corpus.")],
    name: Annotated[
        str | None,
        typer.Option("--corpus", help="Its name [default: told by its files].", show_default=False),
    ] = None,
    leaks: Annotated[bool, typer.Option(help="Look for groups and texts that splits share.")] = True,
    details: Annotated[bool, typer.Option("--details", help="Tables of every corpus, when there are several.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
    as_json: Json = False,
) -> None:
    """Read corpora: counts, labels, groups, what was left out, what splits share, whether it is the official copy."""
    from affectus.corpora.inspection import inspect, missing
    from affectus.progress import shown

    root = path.expanduser()
    with shown(quiet=quiet or as_json):
        reports = inspect(root, name, leaks=leaks)
    absent = list(missing(root, reports)) if name is None and len(reports) > 1 else []
    if as_json:
        _print_json({"found": [_as_json(r) for r in reports], "missing": [one.name for one in absent]})
        return
    from rich.console import Console

    console = Console()
    if len(reports) > 1:
        _overview(console, reports)
    if len(reports) == 1 or details:
        for report in reports:
            _detail(console, report)
    elif any(report.problem for report in reports):
        for report in reports:
            if report.problem:
                console.print(f"{report.corpus.name}: [red]{report.problem}[/]", soft_wrap=True)
    if absent:
        console.print(f"not found below {root}, in folders of these or their usual other names:")
        for one in absent:
            console.print(f"  {one.name}: {one.files[0]}; {one.obtain}", soft_wrap=True, highlight=False)
    if any(report.problem for report in reports):
        raise typer.Exit(1)


def _overview(console: Console, reports: Iterable[Report]) -> None:
    table = _table("corpus", "splits", "official files", "left out", "shared by splits", "ship")
    for report in reports:
        verdicts = sorted({split.verdict for split in report.splits.values()})
        table.add_row(
            report.corpus.name,
            "\n".join(f"{name} {split.rows:,}" for name, split in report.splits.items()) or "[red]not readable[/]",
            "\n".join(map(_verdict, verdicts)),
            f"{sum(report.left_out.values()):,}",
            "not asked" if report.leaks is None else "\n".join(one.summary for one in report.leaks if one) or "nothing",
            _yes(report.corpus.ship),
        )
    console.print(table)


def _detail(console: Console, report: Report) -> None:
    one = report.corpus
    console.print(f"\n[bold]{one.name}[/]: {one.title}\n{report.folder}", soft_wrap=True, highlight=False)
    if report.problem:
        console.print(f"[red]{report.problem}[/]", soft_wrap=True)
        return
    kinds = sorted({kind for split in report.splits.values() for kind in split.groups})
    table = _table("split", "rows", "official", "files", *(f"{kind} groups" for kind in kinds))
    for name, split in report.splits.items():
        official = "–" if split.official is None else f"{split.official:,}"
        counts = [f"{split.groups[kind]:,}" if kind in split.groups else "–" for kind in kinds]
        table.add_row(name, f"{split.rows:,}", official, _verdict(split.verdict), *counts)
    console.print(table)
    for target in dict.fromkeys(target for split in report.splits.values() for target in split.labels):
        having = {name: split.labels[target] for name, split in report.splits.items() if target in split.labels}
        table = _table(target, *having)
        for label in next(iter(having.values())):
            table.add_row(label, *(_cell(labels[label]) for labels in having.values()))
        console.print(table)
    lines = [f"left out: {count:,} ({reason})" for reason, count in report.left_out.items()]
    lines += [f"remark: {count:,} {remark}" for remark, count in report.remarks.items()]
    lines += [f"shared: {leak.summary}" for leak in report.leaks or ()]
    lines += [
        f"group: {one.group}",
        f"licence: {one.licence}",
        f"may be passed on: {_yes(one.ship)}",
        f"consent: {one.consent}",
        f"perspective: {one.perspective_source}",
    ]
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _cell(value: int | Level) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value.mean:.2f} ± {value.sd:.2f} (n {value.n:,})"


def _verdict(verdict: str) -> str:
    return {"matches": "[green]matches[/]", "differs": "[red]differs[/]"}.get(verdict, verdict)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _table(*columns: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=i == 0)
    return table


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False))


def _described(one: Corpus) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "modality": one.modality,
        "language": one.language,
        "targets": [{"scale": t.scale, "perspective": t.perspective} for t in one.targets],
        "perspective_source": one.perspective_source,
        "splits": {name: split._asdict() for name, split in one.splits.items()},
        "group": one.group,
        "licence": one.licence,
        "ship": one.ship,
        "consent": one.consent,
        "citation": one.citation,
        "obtain": one.obtain,
        "files": list(one.files),
    }


def _as_json(report: Report) -> dict[str, Any]:
    from dataclasses import asdict

    content = asdict(report) | {"corpus": _described(report.corpus), "folder": str(report.folder)}
    if report.leaks is not None:
        content["leaks"] = [asdict(one) | {"near": [near._asdict() for near in one.near]} for one in report.leaks]
    return content
