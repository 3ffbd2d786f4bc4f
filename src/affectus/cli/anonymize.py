"""`affectus anonymize`: recordings with another voice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from affectus.analysis.anonymize import Job


def anonymize(
    source: Annotated[Path, typer.Argument(help="Sound or film, or a folder of them.", show_default=False)],
    target: Annotated[Path, typer.Argument(help="File to write; a folder for a folder.", show_default=False)],
    method: Annotated[str, typer.Option(help="embedded, mcadams, ohnn or selection.")] = "embedded",
    keep_emotion: Annotated[
        bool,
        typer.Option("--keep-emotion", help="Put back what the voice is read to show after the speaker is changed."),
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(help="Checkpoint folder, for ohnn and selection.", show_default=False)
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Also a page with spectrograms before and after, beside the copies.")
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option(help="Of the voices, to get them again; whoever knows it can undo more [default: secret]."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Of a folder: leave what an earlier run has written.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Write copies in which another voice says the same.

    The copy is not anonymous in the sense of the law: words, names, accent, manner, the place and, in a film, the face
    remain. Nothing is written that fails its checks. Exit codes: 0 all written; 1 some files failed; 2 none, or a
    wrong argument.
    """
    from affectus import progress
    from affectus.analysis.anonymize import anonymize_files, open_anonymizer

    anonymizer = open_anonymizer(method, keep_emotion=keep_emotion, weights=weights)
    choices = {"method": method, "keep emotion": keep_emotion, "weights": str(weights or ""), "seed": seed}
    with progress.shown(quiet=quiet):
        job = anonymize_files(source, target, anonymizer, seed=seed, resume=resume, choices=choices)
    page = None
    if report and job.outcomes:
        from affectus.analysis.anonymize.report import write

        page = write(job, target / "report.html" if target.is_dir() else target.with_suffix(".html"))
    if not quiet:
        _show(job, page)
    for failure in job.failures:
        typer.echo(f"not written: {failure}", err=True)
    if job.failures:
        raise typer.Exit(1)


def _show(job: Job, page: Path | None) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for column in ("copy", "seconds", "of speech", "likeness to the speaker"):
        table.add_column(column, overflow="fold", justify="left" if column == "copy" else "right")
    for one in job.outcomes[:40]:
        table.add_row(str(one.target), f"{one.seconds:.1f}", f"{one.spoken:.1f}", f"{one.similarity:.2f}")
    console = Console()
    if job.outcomes:
        console.print(table)
    if len(job.outcomes) > 40:
        console.print(f"… and {len(job.outcomes) - 40} more")
    for one in job.outcomes:
        for remark in one.remarks:
            console.print(f"[dim]{one.target.name}: {remark}[/dim]", highlight=False, soft_wrap=True)
    if job.kept:
        console.print(f"{job.kept} were there already")
    if job.ignored:
        console.print(f"{job.ignored} files of other types were ignored")
    if page is not None:
        console.print(f"report: {page}", soft_wrap=True)
