"""`affectus assets`: the model files on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from affectus.assets import Status

app = typer.Typer(help="Model files: what exists, what is here, fetch, verify, remove.", no_args_is_help=True)

Names = Annotated[
    list[str] | None, typer.Argument(help="Names or groups (default, chat, voice-out, all).", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.command("list")
def list_assets(as_json: Json = False) -> None:
    """Show every model file: what it is for, licence, size, and whether it is here."""
    from affectus import assets

    rows = assets.listing()
    if as_json:
        _print_json([_row(row) for row in rows])
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    title = f"{assets.root()}: {_megabytes(assets.disk_use())}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "role", "licence", "group", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    for row in rows:
        asset = row.asset
        state = {"ready": "[green]ready[/]", "missing": "missing", "damaged": "[red]damaged[/]"}[row.state]
        size = _megabytes(row.bytes or asset.download)  # on disk, or what a fetch will load
        table.add_row(asset.name, asset.role, asset.licence, asset.group, state, size)
    Console().print(table)


@app.command()
def fetch(
    names: Names = None,
    offline: Annotated[bool, typer.Option("--offline", help="Open no socket; fail if something is missing.")] = False,
    as_json: Json = False,
) -> None:
    """Download, verify and convert model files once; without names, those that `analyze` needs."""
    from rich.console import Console

    from affectus import assets

    console = Console(stderr=True)
    wanted = names or ["default"]
    with console.status("model files") as status:

        def progress(asset: assets.Asset, step: str) -> None:
            size = f" ({_megabytes(asset.download)})" if step == "downloading" else ""
            if step in {"present", "ready"}:
                console.print(f"{asset.name}: {step}")
            else:
                status.update(f"{step} {asset.name}{size}")

        folders = assets.fetch(wanted, offline=offline, progress=progress)
    if as_json:
        _print_json([str(folder) for folder in folders])


@app.command()
def verify(names: Names = None, as_json: Json = False) -> None:
    """Hash the model files that are here and compare them with the pinned hashes."""
    from affectus import assets

    checked = assets.verify(names)
    if as_json:
        _print_json(checked)
    else:
        typer.echo(f"{len(checked)} verified: {', '.join(checked)}" if checked else "nothing has been fetched yet")


@app.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="Names or groups.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Delete model files from the cache."""
    from affectus import assets

    freed = assets.remove(names)
    if as_json:
        _print_json({"freed": freed, "left": assets.disk_use()})
    else:
        typer.echo(f"freed {_megabytes(freed)}, {_megabytes(assets.disk_use())} left")


def _row(row: Status) -> dict[str, Any]:
    asset = row.asset
    return {
        "name": asset.name,
        "title": asset.title,
        "role": asset.role,
        "group": asset.group,
        "licence": asset.licence,
        "origin": asset.origin,
        "gives": asset.gives,
        "download": asset.download,
        "sources": [str(source) for source in asset.sources],
        "files": {file.name: file.sha256 for file in asset.files},
        "state": row.state,
        "bytes": row.bytes,
        "folder": str(row.folder) if row.folder else None,
    }


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"
