"""`affectus features`: acoustic features of sound files as a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from affectus.frontends.prosody.index import Features
    from affectus.media import Fault

app = typer.Typer(help="Acoustic features of sound files as a table.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Acoustic features of sound files as a table."""


@app.command("egemaps")
def egemaps(
    inputs: Annotated[list[str], typer.Argument(help="Sound or video files, or folders.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Table to write: .parquet or .csv.", show_default=False)],
    descriptors: Annotated[
        bool, typer.Option("--descriptors", help="25 descriptors every 10 ms, not 88 functionals of each file.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
) -> None:
    """EGeMAPSv02 with the columns of openSMILE: a row for each file (each 60 s of longer ones), or for each 10 ms.

    Exit codes: 0 all read; 1 some files failed, which is said; 2 nothing could be read, or a wrong argument.
    """
    from affectus import progress
    from affectus.analysis.plan import collect
    from affectus.errors import FileError
    from affectus.frontends.prosody.index import check_suffix, save
    from affectus.media import Kind

    check_suffix(out)
    plan = collect(inputs, skip=[out])
    files = [s.path for s in plan.sources if s.kind in (Kind.AUDIO, Kind.VIDEO)]
    failures = [str(failure) for failure in plan.failures]
    if not files:
        why = "; ".join(failures) or "there is no sound or video file"
        raise FileError(why, remedy="name files or folders with sound")
    rows, read = 0, 0

    def parts() -> Iterator[Features]:
        nonlocal rows, read
        with progress.shown(quiet=quiet), progress.task("features", len(files)) as done:
            for path in files:
                try:
                    for part in _of(path, descriptors):
                        rows += len(part)
                        yield part
                    read += 1
                except FileError as error:
                    failures.append(str(error))
                done(1)

    save(parts(), out)
    if not quiet:
        typer.echo(f"{out}: {rows} rows of {read} files")
    for failure in failures:
        typer.echo(f"affectus: {failure}", err=True)
    if failures:
        raise typer.Exit(1)


def _of(path: Path, descriptors: bool) -> Iterator[Features]:
    from affectus.frontends.prosody import egemaps

    faults: list[Fault] = []
    if descriptors:
        yield from egemaps.descriptors_of(path, faults)
    else:
        yield egemaps.functionals_of(path)
    for fault in faults:
        typer.echo(f"{path}: {fault.kind}: {fault.text}", err=True)
