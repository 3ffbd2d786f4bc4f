"""`affectus train`: a recipe or a system, on a corpus, to a checkpoint of this user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from affectus.training.plan import Plan


def train(
    what: Annotated[str, typer.Argument(metavar="RECIPE|SYSTEM", help="A recipe file, or system/variant.")],
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Changes of the recipe, for example epochs=3.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of the corpus or of several, or a table of your own.", show_default=False),
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="Recipe file, when a system is named.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the checkpoint; without it, in the user's cache.", show_default=False),
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Of a table: the texts.", show_default=False)] = None,
    label_column: Annotated[
        list[str] | None, typer.Option(help="Of a table: the labels; may be repeated.", show_default=False)
    ] = None,
    label_separator: Annotated[
        str | None, typer.Option(help="Between several labels in one cell.", show_default=False)
    ] = None,
    split_column: Annotated[
        str | None, typer.Option(help="Of a table: train, dev or test [default: drawn].", show_default=False)
    ] = None,
    group_column: Annotated[
        str | None, typer.Option(help="Of a table: whose rows stay in one split.", show_default=False)
    ] = None,
    perspective: Annotated[
        str, typer.Option(help="Whose feeling a table's labels speak of: felt, intended, perceived, evoked.")
    ] = "perceived",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also export, to be read without torch.")] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the whole recipe with what each key means, and stop.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            help="Measure a recipe that was not changed by the protocols of the figures that it is expected to give."
        ),
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars.")] = False,
) -> None:
    """Train a system and store the checkpoint with its card; interrupted runs go on with --resume."""
    from affectus.errors import InputError
    from affectus.progress import shown
    from affectus.registry import checkpoints_folder
    from affectus.training.plan import plan

    if data is None:
        raise InputError("--data is missing", remedy="pass the folder of the corpus: --data corpora/goemotions")
    columns = {
        "text": text_column,
        "label": label_column,
        "separator": label_separator,
        "split": split_column,
        "group": group_column,
        "perspective": perspective,
    }
    if label_column is not None and len(label_column) == 1:
        columns["label"] = label_column[0]
    made = plan(what, data.expanduser(), recipe=recipe, changes=changes or (), columns=columns)
    if print_config:
        from affectus.training.explain import explained

        typer.echo(explained(made.recipe), nl=False)
        return
    from affectus.training.expected import measured_by
    from affectus.training.job import carry_out

    for metric, expected in made.recipe.expect.items():
        measured_by(expected, metric)
    folder = out or checkpoints_folder() / made.name
    for loaded in made.own.values():
        typer.echo(loaded.summary, err=True)
    with shown(quiet=quiet):
        stored = carry_out(made.recipe, data.expanduser(), folder, own=made.own, resume=resume, onnx=onnx)
        for line in _verdict(made, stored, data.expanduser(), check=check):
            typer.echo(line, err=True)
    for path in stored:
        typer.echo(f"affectus/{path.name}  {path}" if out is None else str(path))


def _verdict(made: Plan, stored: Sequence[Path], root: Path, *, check: bool) -> Iterator[str]:
    """What the runs gave and took beside what the recipe says."""
    from accelerate.state import PartialState

    from affectus.card import CheckpointCard
    from affectus.training.expected import compare

    recipe = made.recipe
    if not PartialState().is_main_process:
        return
    if recipe.unverified:
        yield f"not measured yet: {recipe.unverified}"
    if made.changed and (recipe.expect or recipe.took):
        yield "the recipe was changed: what it says of figures, time and memory does not hold for this run"
        return
    if check:
        yield from map(str, compare(recipe, stored[-1], root))
    if recipe.took is not None:
        yield from (f"{path.name} took {CheckpointCard.load(path).cost}" for path in stored)
        yield f"the recipe says {recipe.took}"
