"""`affectus analyze`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from affectus.analysis.plan import Failure
    from affectus.analysis.run import Result


def analyze(
    inputs: Annotated[
        list[str], typer.Argument(help="Files, folders, or - for text on standard input.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for results and report.html; without it only a table is shown.")
    ] = None,
    formats: Annotated[
        str,
        typer.Option(help="Comma list of what --out gets: parquet, csv, jsonl, eaf, textgrid, vtt."),
    ] = "parquet,csv",
    transcript: Annotated[
        Path | None, typer.Option(help="Subtitles (.srt, .vtt) with the words of the one sound or video file.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Label set to map readings onto, for example ekman-6.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of speech and text (BCP-47), when known.")] = None,
    speakers: Annotated[int | None, typer.Option(help="Number of speakers, when known.")] = None,
    fps: Annotated[float, typer.Option(help="Pictures looked at in each second of video.")] = 10.0,
    text_column: Annotated[str | None, typer.Option(help="Column of a table that holds the text.")] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            help="THEIRS=OURS: a chat's field that is our speaker, text, start …; may be repeated.",
        ),
    ] = None,
    context: Annotated[
        str, typer.Option(help="What a reader of dialogues hears beside a turn: past, or full with later turns.")
    ] = "past",
    reader: Annotated[
        list[str] | None, typer.Option(help="CHECKPOINT, or MODALITY=CHECKPOINT; may be repeated.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Files read at the same time, each in a process.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take over what an earlier run into --out had finished.")
    ] = False,
    anonymize: Annotated[
        bool,
        typer.Option("--anonymize", help="Also write copies of sound and film with other voices into --out."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Read emotion from files and folders: a timeline, results in open formats and a report.

    Exit codes: 0 all read; 1 some files failed (see failures.csv); 2 nothing could be read, or a wrong argument.
    """
    from affectus import progress
    from affectus.analysis.plan import collect
    from affectus.analysis.run import run
    from affectus.analysis.settings import Settings
    from affectus.errors import FileError, InputError

    if anonymize and out is None:
        raise InputError("--anonymize was asked for without a results folder", remedy="pass --out DIR")
    names = [name.strip() for name in formats.split(",") if name.strip()]
    settings = Settings(
        labels=labels,
        transcript=transcript,
        language=language,
        speakers=speakers,
        fps=fps,
        text_column=text_column,
        rename=_pairs(rename, "--map"),
        context=context,  # type: ignore[arg-type]
        readers=_readers(reader),
    )
    plan = collect(list(inputs), jobs=jobs, fps=fps, skip=[out] if out else [])
    if not quiet and plan.sources:
        typer.echo(f"plan: {plan.describe()}", err=True)
    with progress.shown(quiet=quiet):
        result = run(list(inputs), settings, out=out, formats=names, jobs=jobs, resume=resume, plan=plan)
        unwritten: Sequence[Failure] = _other_voices(result, out, resume) if anonymize and out is not None else ()
    if result.failures and len(result.parts) + len(result.failures) == 1:
        only = result.failures[0]
        raise FileError(
            only.cause if Path(only.file).name in only.cause else f"{only.file}: {only.cause}", remedy=only.remedy
        )
    if not quiet:
        _show(result, out)
    for failure in result.failures:
        typer.echo(f"not read: {failure}", err=True)
    for failure in unwritten:
        typer.echo(f"no copy with another voice: {failure}", err=True)
    if result.failures or unwritten:
        raise typer.Exit(1)


def _other_voices(result: Result, out: Path, resume: bool) -> Sequence[Failure]:
    """Copies of what was read, in `anonymized` beside the results; what could not be copied."""
    from affectus.analysis.anonymize import anonymize_sources, open_anonymizer

    sources = [part.source for part in result.parts]
    changer = open_anonymizer(keep_emotion=True)
    choices = {"method": changer.name}
    return anonymize_sources(sources, out / "anonymized", changer, resume=resume, choices=choices).failures


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    from affectus.errors import InputError

    pairs = {}
    for text in given or []:
        key, sign, value = text.partition("=")
        if not (key and sign and value):
            raise InputError(f"{option} is {text!r}", allowed="NAME=VALUE")
        pairs[key.strip()] = value.strip()
    return pairs


def _readers(given: list[str] | None) -> dict[str, str]:
    """Modality → checkpoint; the modality of a checkpoint that is named alone is that of its system."""
    from affectus.registry import modality

    return _pairs([text if "=" in text else f"{modality(text)}={text}" for text in given or []], "--reader")


def _show(result: Result, out: Path | None) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from affectus.analysis.summary import summarize

    rows = summarize(result.timeline)
    table = Table(
        box=SIMPLE_HEAD,
        title=f"{len(result.timeline)} reading{'s' * (len(result.timeline) != 1)}",
        title_justify="left",
    )
    for column in ("source", "who", "modality", "n", "most", "strongest", "abst."):
        number = column in ("n", "abst.")
        table.add_column(column, overflow="fold", justify="right" if number else "left", no_wrap=number)
    for row in rows[:40]:
        table.add_row(*row)
    console = Console()
    console.print(table)
    if len(rows) > 40:
        console.print(f"… and {len(rows) - 40} more rows")
    for part in result.parts:
        for note in part.notes:
            console.print(f"[dim]{part.source.name}: {note}[/dim]", highlight=False, soft_wrap=True)
    for note in result.notes:
        console.print(f"[dim]{note}[/dim]", highlight=False, soft_wrap=True)
    if out is not None:
        console.print(f"report: {out / 'report.html'}", soft_wrap=True)
