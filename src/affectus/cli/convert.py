"""`affectus convert`: weights that somebody published, as a checkpoint folder of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from affectus.card import CheckpointCard
    from affectus.system import System


def convert(
    what: Annotated[str, typer.Argument(metavar="SYSTEM/VARIANT", help="What the files belong to.")],
    path: Annotated[Path, typer.Argument(help="Folder or file as it was published.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the checkpoint; must not exist.", show_default=False)],
) -> None:
    """Turn published weights into a checkpoint folder; pickled files are read only if they hold nothing but tensors."""
    import importlib

    from affectus import registry
    from affectus.errors import CheckpointError, ConfigError, FileError, OutputError

    entry, wanted = registry.entry(what), type(registry.configuration(what))
    found = getattr(importlib.import_module(entry.module), "convert_official", None)
    if found is None:
        raise ConfigError(f"{entry.card.system!r} has no converter", remedy="train it, or load a checkpoint of ours")
    if not path.exists():
        raise FileError(f"there is no file or folder {str(path)!r}")
    if out.exists():
        raise OutputError(f"{str(out)!r} exists", remedy="pass another --out")
    system = found(path.expanduser())
    if type(system.config) is not wanted:
        fitting = [name for name, config in entry.load()[1].items() if type(config) is type(system.config)]
        raise CheckpointError(
            f"{str(path)!r} holds a {type(system).__name__}, which {what!r} is not",
            allowed=", ".join(f"{entry.card.system}/{name}" for name in fitting),
        )
    system.variant, system.name = what, f"affectus/{out.name}"
    system.save_pretrained(out)
    _card(system, path).save(out)
    typer.echo(f"{out}: {sum(p.numel() for p in system.parameters()):,} weights")


def _card(system: System, path: Path) -> CheckpointCard:
    from affectus.card import CheckpointCard
    from affectus.registry import entry

    card, size = entry(system.variant).card, sum(t.numel() * t.element_size() for t in system.owned().values())
    return CheckpointCard(
        name=system.name,
        title=f"{card.title}: published weights, converted",
        system=card.system,
        modality=card.modalities[0],
        data="as the publisher states",
        licence=f"as the publisher states; {card.licence}",
        consent="as the publisher states",
        perspective=", ".join(sorted({t.perspective for t in system.config.targets})),
        figures=(),
        calibration="none",
        limits=(card.limits, "Nothing was measured with these weights yet: use `affectus evaluate`."),
        cost="not measured",
        parameters=sum(p.numel() for p in system.parameters()),
        size_mb=size / 1e6,
        made=f"affectus convert, from {path.name}",
    )
