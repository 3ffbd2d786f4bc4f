"""`affectus respond`: a reply to each conversation of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def respond(
    file: Annotated[Path, typer.Argument(help="Conversations as JSON lines, as `analyze` reads them.")],
    out: Annotated[Path, typer.Option("--out", help="A reply to each conversation, as JSON lines.")],
    persona: Annotated[
        str, typer.Option("--persona", metavar="FILE", help="YAML with name, Big Five, style, limits; or friendly.")
    ] = "friendly",
    llm: Annotated[
        str, typer.Option("--llm", help="smollm2, a hub id, a folder, a GGUF file, or a server's URL (…/v1#MODEL).")
    ] = "smollm2",
    rename: Annotated[
        list[str] | None,
        typer.Option("--map", help="THEIRS=OURS: a field of the file that is our speaker, text …; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
) -> None:
    """Answer the last turn of each conversation of a file.

    Turns whose speaker has the persona's name are its own; a conversation that ends with one of these is left out.
    """
    from affectus import progress
    from affectus.atomic import writing
    from affectus.errors import InputError
    from affectus.formats.read import read_samples
    from affectus.media import Fault, Kind
    from affectus.response import Agent, load_character, record
    from affectus.sample import Dialogue

    if out.resolve() == file.resolve():
        raise InputError(f"--out is {str(out)!r}, the file that is read", remedy="name another file")
    pairs = dict(_pair(text) for text in rename or [])
    faults: list[Fault] = []
    found = [d for d in read_samples(file, Kind.CHAT, map=pairs, faults=faults) if isinstance(d, Dialogue)]
    character = load_character(persona)
    asked = [dialogue for dialogue in found if dialogue.turns[-1].track != character.name]
    agent = Agent(llm, character, seed=seed)
    rows = []
    with progress.shown(), progress.task("replies", len(asked)) as advance:
        for dialogue in asked:
            reply = agent.respond(dialogue)
            rows.append({"dialogue": dialogue.id, "speaker": character.name, **record(reply)})
            advance(1)
    with writing(out) as target:
        for row in rows:
            target.write(json.dumps(row, ensure_ascii=False) + "\n")
    made = sum(row["by"]["text"] == agent.llm.name for row in rows)
    typer.echo(f"{len(rows)} replies in {out}: {made} by {agent.llm.name}, {len(rows) - made} prepared sentences")
    if len(found) > len(asked):
        typer.echo(f"left out: {len(found) - len(asked)} conversations that end with a turn of {character.name}")
    for fault in faults:
        typer.echo(f"{file}: {fault.kind}" + (f": {fault.text}" if fault.text else ""), err=True)


def _pair(text: str) -> tuple[str, str]:
    from affectus.errors import InputError

    theirs, sign, ours = text.partition("=")
    if not (theirs and sign and ours):
        raise InputError(f"--map is {text!r}", allowed="THEIRS=OURS")
    return theirs.strip(), ours.strip()
