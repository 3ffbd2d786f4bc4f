"""From what a user names (a recipe file, a system, a table of one's own) to the recipe that is carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from affectus.corpora.base import Loaded, corpus
from affectus.errors import ConfigError, InputError, unknown
from affectus.frontends.words import derivable
from affectus.registry import configuration, entry
from affectus.taxonomy import Target
from affectus.training.recipe import Recipe, apply_changes, parse, read_recipe


@dataclass(frozen=True)
class Plan:
    """What will be carried out.

    Args:
        recipe: The runs.
        name: Of the checkpoint.
        own: A table that was read as a corpus, by its name.
        changed: Whether it departs from the recipe's command, so that its expected figures don't hold.
    """

    recipe: Recipe
    name: str
    own: Mapping[str, Loaded] = field(default_factory=dict)
    changed: bool = False


def plan(
    what: str,
    data: Path,
    *,
    recipe: Path | None = None,
    changes: Sequence[str] = (),
    columns: Mapping[str, Any] | None = None,
) -> Plan:
    """The recipe for what was asked.

    Args:
        what: A recipe file, a system, or `system/variant`.
        data: Folder of the corpora, or a table.
        recipe: A recipe file, when a system is named; a variant replaces the recipe's sizes of the same network.
        changes: As in `read_recipe`.
        columns: Of a table, as arguments of `corpora.table.read`.

    Raises:
        ConfigError: If the recipe is not of the system.
        InputError: If two recipes are named, or a table's label column is not.
    """
    named = what.endswith((".yaml", ".yml"))
    if named and recipe is not None:
        raise InputError(f"two recipes are given: {what!r} and {str(recipe)!r}", allowed="one")
    own = _table(data, columns or {}) if data.is_file() else {}
    file = Path(what) if named else recipe
    if file is not None:
        made, name = read_recipe(file, changes), file.stem
        made = made if named else _of_system(made, what, file)
        changed = _changed(made, file, changes) or bool(own and data.name not in made.command.split())
    else:
        made, name = _default(what, data, own, changes), f"{what.replace('/', '-')}-{data.stem}"
        changed = False
    for loaded in own.values():
        made, name = _on_table(made, loaded), f"{name if named else what.replace('/', '-')}-{loaded.corpus.name}"
    return Plan(made, name, own, changed)


def _changed(made: Recipe, file: Path, changes: Sequence[str]) -> bool:
    """Whether a recipe has other runs than its own command gives, which may name values to fill in."""
    stated = [change for change in changes if f" {change.partition('=')[0]}=" in made.command]
    return made.runs != read_recipe(file, stated).runs


def _table(path: Path, columns: Mapping[str, Any]) -> dict[str, Loaded]:
    from affectus.corpora import table

    if not columns.get("label"):
        raise InputError(f"{str(path)!r} is a table, and no label column is named", remedy="pass --label-column")
    loaded = table.read(path, **columns)
    return {loaded.corpus.name: loaded}


def _of_system(recipe: Recipe, what: str, file: Path) -> Recipe:
    system, _, variant = what.partition("/")
    entry(system)
    strange = sorted({run.system for run in recipe.runs.values() if run.system.split("/")[0] != system})
    if strange:
        raise ConfigError(f"{file.name} trains {', '.join(strange)}, not {system!r}", remedy="name its own system")
    if not variant:
        return recipe
    kind = type(configuration(what))
    runs = {
        name: replace(run, system=what) if isinstance(configuration(run.system), kind) else run
        for name, run in recipe.runs.items()
    }
    return replace(recipe, runs=runs)


def _default(what: str, data: Path, own: Mapping[str, Loaded], changes: Sequence[str]) -> Recipe:
    """One run with the values that suit the system."""
    found, variant = entry(what), what.partition("/")[2]
    if not variant:
        raise unknown(f"variant of {what!r}", "", found.variants, listing=f"affectus systems {what}")
    suits: Mapping[str, Any] = getattr(found.load(variant)[0], "default_run", {})
    source = next(iter(own)) if own else corpus(data.resolve().name).name
    values = {"runs": {"run": {**suits, "system": what, "data": {source: 1.0}}}}
    return parse(Recipe, apply_changes(values, changes))


def _on_table(recipe: Recipe, loaded: Loaded) -> Recipe:
    """The recipe with the table instead of its corpora: heads are sized by the table's labels."""
    runs = {}
    for name, run in recipe.runs.items():
        config = _on_labels(configuration(run.system), run.config, loaded.corpus.targets)
        watched = "watch" in run.splits and "dev" in loaded.splits
        used: Any = {"train": "train"} | ({"watch": "dev"} if watched else {})
        runs[name] = replace(run, data={loaded.corpus.name: 1.0}, config=config, splits=used)
    return replace(recipe, runs=runs)


def _on_labels(usual: Any, given: Mapping[str, Any], targets: Sequence[Target]) -> dict[str, Any]:
    """What is given, with heads for a table's labels; of what is usually derived, what can be from these labels."""
    if not usual.targets:
        return dict(given)
    derived = [name for name in getattr(usual, "derived", ()) if derivable(targets[0].scale, name)]
    kept = {"derived": derived} if hasattr(usual, "derived") else {}
    return {**kept, **given, "targets": [asdict(target) for target in targets]}
