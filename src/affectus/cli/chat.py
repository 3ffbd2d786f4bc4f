"""`affectus chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from affectus.reply import Reply
    from affectus.response import Account

YOU = "you"
QUIT = ("/quit", "/exit")


def chat(
    persona: Annotated[
        str, typer.Option("--persona", metavar="FILE", help="YAML with name, Big Five, style, limits; or friendly.")
    ] = "friendly",
    llm: Annotated[
        str, typer.Option("--llm", help="smollm2, a hub id, a folder, a GGUF file, or a server's URL (…/v1#MODEL).")
    ] = "smollm2",
    show_reasons: Annotated[
        bool, typer.Option("--show-reasons", help="Print why each reply is what it is, and who said what.")
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option("--log", help="JSON lines that the turns are added to; an earlier talk in it is taken up."),
    ] = None,
    about: Annotated[
        Path | None,
        typer.Option("--about", help="A file, or what analyze wrote (folder or .parquet): ask what was read of it."),
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Which of several files --about is about.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
) -> None:
    """Talk with an agent that reads what you feel, and says why it answers as it does.

    Turns come from standard input, one a line; /quit or the end of the input ends the talk.
    """
    from affectus.errors import InputError
    from affectus.response import Agent, ConversationLog, Guide, load_character, record
    from affectus.response.feeling import shown
    from affectus.response.reading import turn
    from affectus.sample import Dialogue

    character = load_character(persona)
    if character.name.lower() == YOU:
        raise InputError(f"the persona is called {character.name!r}", allowed=f"any name but {YOU!r}, which is yours")
    kept = ConversationLog(log) if log else None
    if kept and kept.unreadable:
        typer.echo(f"{kept.unreadable} lines of {log} can't be read; they stay there and are left out", err=True)
    if source and about is None:
        raise InputError(f"--source is {source!r} without --about", remedy="name what was analysed: --about PATH")
    account = _account(about, source) if about else None
    agent = Agent(llm, character, seed=seed)
    talker = Guide(agent, account) if account else agent
    turns = [
        turn(row["text"], row["speaker"], at, features=shown(row.get("intended")))
        for at, row in enumerate(kept.rows if kept else ())
    ]
    typer.echo(
        f"{character.name} is a program ({agent.llm.name}): not a person, no doctor. {QUIT[0]} ends the talk."
        + (f" {len(turns)} turns are taken up from {log}." if turns else "")
    )
    if account:
        typer.echo(f"{character.name} was told what was read of {account}.")
    for text in _lines():
        turns.append(turn(text, YOU, len(turns)))
        if kept:
            kept.add(YOU, text)
        reply = talker.respond(Dialogue(tuple(turns), id="chat"))
        showed = shown(reply.intended.top if reply.intended else None)
        turns.append(turn(reply.text, character.name, len(turns), features=showed))
        if kept:
            row: dict[str, Any] = record(reply)
            kept.add(character.name, row.pop("text"), **row)
        typer.echo(f"{character.name}: {reply.text}")
        if show_reasons:
            _explain(reply)


def _account(about: Path, source: str | None) -> Account:
    """What was read of a file: taken from results, or read now."""
    from affectus.errors import FileError
    from affectus.response import Account
    from affectus.timeline import Timeline

    results = about / "timeline.parquet" if about.is_dir() else about
    if about.is_dir() and not results.is_file():
        raise FileError(
            f"the folder {str(about)!r} holds no timeline.parquet",
            allowed="one file, or a folder that `affectus analyze --out` made with the format parquet",
        )
    if results.suffix == ".parquet":
        return Account(Timeline.load(results), source)
    from affectus import analyze, progress

    with progress.shown():
        return Account(analyze(about), source)


def _lines() -> Iterator[str]:
    """What is typed, or comes through a pipe; that is shown too, so that the output reads as a talk."""
    typed = sys.stdin.isatty()
    while True:
        if typed:
            typer.echo(f"{YOU}: ", nl=False)
        line = sys.stdin.readline()
        if not line:
            if typed:
                typer.echo()
            return
        if line.strip().lower() in QUIT:
            return
        if line.strip():
            if not typed:
                typer.echo(f"{YOU}: {line.strip()}")
            yield line.strip()


def _explain(reply: Reply) -> None:
    said = ", ".join(f"{part} by {who}" for part, who in reply.by.items())
    typer.secho(f"    {'; '.join((*reply.reasons, said))}; {reply.seconds['all']:.1f} s", dim=True)
