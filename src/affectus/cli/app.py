"""All commands on one typer application."""

from __future__ import annotations

from typing import Annotated

import typer

from affectus.cli import (
    analyze,
    anonymize,
    assets,
    catalogue,
    chat,
    compare,
    contrast,
    convert,
    corpora,
    evaluate,
    evaluate_replies,
    features,
    probe,
    protocols,
    respond,
    train,
)

app = typer.Typer(
    name="affectus",
    help="Read emotion from text, voices, faces and video: calibrated, timed and explained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("analyze")(analyze.analyze)
app.command("anonymize")(anonymize.anonymize)
app.command("chat")(chat.chat)
app.command("respond")(respond.respond)
app.command("systems")(catalogue.systems)
app.command("card")(catalogue.card)
app.command("train")(train.train)
app.command("convert")(convert.convert)
app.command("evaluate")(evaluate.evaluate)
app.command("evaluate-replies")(evaluate_replies.evaluate_replies)
app.command("compare")(compare.compare)
app.command("contrast")(contrast.contrast)
app.command("protocols")(protocols.protocols)
app.add_typer(probe.app, name="probe")
app.add_typer(corpora.app, name="corpora")
app.add_typer(assets.app, name="assets")
app.add_typer(features.app, name="features")


def _version(wanted: bool) -> None:
    if wanted:
        from affectus import __version__

        typer.echo(f"affectus {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read emotion from text, voices, faces and video: calibrated, timed and explained."""
