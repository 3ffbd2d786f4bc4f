"""`affectus systems` and `affectus card`: what there is, and what it is known to do."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def systems(
    role: Annotated[
        str | None, typer.Option(help="Only reader, explainer, responder, anonymizer, animator or tool.")
    ] = None,
    modality: Annotated[str | None, typer.Option(help="Only systems for text, voice, face, video, …")] = None,
    match: Annotated[str, typer.Argument(help="Wildcard on the name.")] = "*",
    checkpoints: Annotated[bool, typer.Option("--checkpoints", help="List trained checkpoints instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List systems, or the trained checkpoints on this machine."""
    rows = _checkpoints() if checkpoints else _systems(role, modality, match)
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    _print(rows)


def _systems(role: str | None, modality: str | None, match: str) -> list[dict[str, Any]]:
    from affectus import registry

    return [
        {
            "system": e.card.system,
            "variants": list(e.variants),
            "roles": list(e.card.roles),
            "modalities": list(e.card.modalities),
            "title": e.card.title,
            "proof": e.card.proof,
        }
        for e in registry.systems(role=role, modality=modality, match=match)  # type: ignore[arg-type]
    ]


def _checkpoints() -> list[dict[str, Any]]:
    from affectus import registry
    from affectus.errors import CheckpointError

    rows = []
    for name, folder in sorted(registry.checkpoints().items()):
        try:
            card = registry.card(name)
        except CheckpointError:  # an unfinished or hand-made folder of the user's own
            rows.append({"checkpoint": name, "system": "", "title": "no card", "known": "", "folder": str(folder)})
            continue
        headline = [f for f in getattr(card, "figures", ()) if f.headline]
        known = f"{headline[0].metric} {headline[0].value:.3f} on {headline[0].protocol}" if headline else ""
        rows.append(
            {"checkpoint": name, "system": card.system, "title": card.title, "known": known, "folder": str(folder)}
        )
    return rows


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    if not rows:
        typer.echo("nothing fits")
        return
    table = Table(box=SIMPLE_HEAD)
    for i, column in enumerate(rows[0]):
        if column != "folder":
            table.add_column(column, overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*(", ".join(v) if isinstance(v, list) else str(v) for k, v in row.items() if k != "folder"))
    Console().print(table)


def card(
    name: Annotated[str, typer.Argument(help="A system, a checkpoint (affectus/…) or a checkpoint folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the card of a system or checkpoint: data, licence, measured figures, limits."""
    from dataclasses import asdict

    from affectus import registry
    from affectus.card import CheckpointCard

    found = registry.card(name)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
    elif isinstance(found, CheckpointCard):
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(found.markdown()))
    else:
        for key, value in asdict(found).items():
            typer.echo(f"{key + ':':20} {', '.join(value) if isinstance(value, list | tuple) else value}")
