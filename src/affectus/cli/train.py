"""`affectus train`: a recipe or a system, on a corpus, to a checkpoint of this user."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    what: Annotated[str, typer.Argument(metavar="RECIPE|SYSTEM", help="A recipe file, or system/variant.")],
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Changes of the recipe, for example epochs=3.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the corpus, or of one folder a corpus.", show_default=False)
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="Recipe file, when a system is named.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the checkpoint; without it, in the user's cache.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also export, to be read without torch.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars.")] = False,
) -> None:
    """Train a system and store the checkpoint with its card; interrupted runs go on with --resume."""
    from dataclasses import replace

    from affectus.errors import InputError
    from affectus.progress import shown
    from affectus.registry import checkpoints_folder
    from affectus.training.job import carry_out, default_recipe
    from affectus.training.recipe import read_recipe

    if data is None:
        raise InputError("--data is missing", remedy="pass the folder of the corpus: --data corpora/goemotions")
    root, named = data.expanduser(), what.endswith((".yaml", ".yml"))
    if named and recipe is not None:
        raise InputError(f"two recipes are given: {what!r} and {str(recipe)!r}", allowed="one")
    file = Path(what) if named else recipe
    if file is not None:
        plan = read_recipe(file, changes or ())
        name = file.stem
        if not named:  # the recipe of another size
            plan = replace(plan, runs={key: replace(run, system=what) for key, run in plan.runs.items()})
    else:
        plan, name = default_recipe(what, root, changes or ()), f"{what.replace('/', '-')}-{root.name}"
    folder = out or checkpoints_folder() / name
    with shown(quiet=quiet):
        made = carry_out(plan, root, folder, resume=resume, onnx=onnx)
    for path in made:
        typer.echo(f"affectus/{path.name}  {path}" if out is None else str(path))
