"""Names → systems and checkpoints, without importing them.

`system/variant` is an architecture, `affectus/x` a checkpoint of ours, a path is a checkpoint folder. A system's file
is read as text:
its literal `CARD` and the keys of `VARIANTS` say all that a listing needs.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import os
import warnings
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from affectus.card import Card, CheckpointCard, Role
from affectus.errors import CheckpointError, ConfigError, check_option, unknown
from affectus.pickles import refuse_pickled

if TYPE_CHECKING:
    from affectus.roles import Reader
    from affectus.stored import Stored
    from affectus.system import System

SHIPPED = Path(__file__).parent / "weights"
ENTRY_POINTS = "affectus.systems"


@dataclass(frozen=True)
class Entry:
    """What the registry knows of a system before it is imported.

    Args:
        card: The literal card.
        variants: Names of its sizes.
        module: Module to import at first use.
    """

    card: Card
    variants: tuple[str, ...]
    module: str

    def load(self, variant: str = "") -> tuple[type[System], dict[str, Any]]:
        """Import the module; the class of a variant and the configurations of all.

        A file may hold several classes, for example a network that is only trained before another: a variant belongs to
        the class whose `Config` its configuration is, else to the one that the card names.
        """
        module = importlib.import_module(self.module)
        kind = type(module.VARIANTS[variant]) if variant in module.VARIANTS else None
        own = [c for c in vars(module).values() if isinstance(c, type) and vars(c).get("Config") is kind]
        return own[0] if kind is not None and own else getattr(module, self.card.cls), module.VARIANTS


def parse(path: Path, module: str) -> Entry:
    """Read `CARD` and the keys of `VARIANTS` from a system's file without running it.

    Raises:
        ConfigError: If they are missing or not literal.
    """
    found: dict[str, ast.expr] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found[node.target.id] = node.value
    card, variants = found.get("CARD"), found.get("VARIANTS")
    if not isinstance(card, ast.Call) or not isinstance(variants, ast.Dict):
        raise ConfigError(
            f"{path.name} has no literal CARD = Card(...) and VARIANTS = {{...}}", remedy="see CONTRIBUTING.md"
        )
    try:
        fields = {keyword.arg: ast.literal_eval(keyword.value) for keyword in card.keywords if keyword.arg}
        names = tuple(ast.literal_eval(key) for key in variants.keys if key is not None)
        return Entry(Card(**fields), names, module)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"CARD or VARIANTS of {path.name} is not literal or not complete: {error}") from error


@cache
def entries() -> dict[str, Entry]:
    """All systems by name: ours, then those of other packages (entry points `affectus.systems`).

    Raises:
        ConfigError: If two systems have one name.
    """
    ours = sorted((Path(__file__).parent / "systems").glob("[a-z]*.py"))
    found = [parse(path, f"affectus.systems.{path.stem}") for path in ours]
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            spec = importlib.util.find_spec(point.value)
            if spec is None or spec.origin is None:
                raise ConfigError(f"there is no module {point.value!r}")
            found.append(parse(Path(spec.origin), point.value))
        except (ConfigError, ImportError, OSError, SyntaxError) as error:
            # One broken package of someone else's must not take all systems away.
            warnings.warn(f"system {point.name!r} of another package is left out: {error}", stacklevel=2)
    table: dict[str, Entry] = {}
    for entry in found:
        if entry.card.system in table:
            raise ConfigError(
                f"two systems are named {entry.card.system!r}: {table[entry.card.system].module} and {entry.module}"
            )
        table[entry.card.system] = entry
    return table


def systems(*, role: Role | None = None, modality: str | None = None, match: str = "*") -> list[Entry]:
    """Systems that fit, sorted by name.

    Args:
        role: Only those that can be asked to do this.
        modality: Only those that read or make this.
        match: Wildcard on the name.
    """
    if role is not None:
        check_option("role", role, Role.__args__)  # type: ignore[attr-defined]
    if modality is not None:
        check_option("modality", modality, sorted({m for e in entries().values() for m in e.card.modalities}))
    return [
        entry
        for name, entry in sorted(entries().items())
        if fnmatch(name, match)
        and (role is None or role in entry.card.roles)
        and (modality is None or modality in entry.card.modalities)
    ]


def entry(name: str) -> Entry:
    """The entry of a system, or `UnknownName` with the nearest spelling."""
    found = entries().get(name.split("/")[0])
    if found is None:
        raise unknown("system", name.split("/")[0], entries(), listing="affectus systems")
    return found


def card(name: str) -> Card | CheckpointCard:
    """The card of a system (`system` or `system/variant`) or of a checkpoint."""
    if name.startswith("affectus/") or Path(name).is_dir():
        return CheckpointCard.load(find(name))
    return entry(name).card


def build(name: str, /, **changes: Any) -> System:
    """A system with random weights.

    Args:
        name: `system/variant`.
        **changes: Config fields to set instead of the variant's.

    Raises:
        UnknownName: If there is no such system or variant.
        ConfigError: If a change does not fit the configuration.
    """
    config = configuration(name, **changes)
    cls, _ = entry(name).load(name.partition("/")[2])
    system = cls(config, **_parts(config))
    system.name = system.variant = name
    return system


def configuration(name: str, /, **changes: Any) -> Any:
    """The configuration of a variant, with some fields set otherwise; arguments and errors as `build`."""
    from dataclasses import asdict

    from affectus.config import parse_config

    found, variant = entry(name), name.partition("/")[2]
    if variant not in found.variants:
        raise unknown(f"variant of {found.card.system!r}", variant, found.variants, listing="affectus systems")
    config = found.load(variant)[1][variant]
    return parse_config(type(config), {**asdict(config), **changes}) if changes else config


def _parts(config: Any) -> dict[str, Any]:
    """Systems named by the config's `Ref` fields: checkpoints are loaded, architectures are built; "" names none."""
    parts = {}
    for field, hint in get_type_hints(type(config), include_extras=True).items():
        if "ref" in getattr(hint, "__metadata__", ()) and (name := getattr(config, field)):
            parts[field] = load(name) if name.startswith("affectus/") or Path(name).is_dir() else build(name)
    return parts


def checkpoints_folder() -> Path:
    """Where `affectus train` keeps the checkpoints of this user."""
    import platformdirs

    return Path(os.environ.get("AFFECTUS_CACHE") or platformdirs.user_cache_dir("affectus")) / "checkpoints"


def checkpoints() -> dict[str, Path]:
    """Names of all checkpoints on this machine → folders; the user's own hide shipped ones of the same name."""
    found = {}
    for root in (SHIPPED, checkpoints_folder()):
        for path in sorted(root.glob("*/config.json")):
            found[f"affectus/{path.parent.name}"] = path.parent
    return found


def weightless(name: str) -> bool:
    """Whether a name is that of a system that is complete without trained weights."""
    found = None if name.startswith("affectus/") or Path(name).is_dir() else entries().get(name.split("/")[0])
    return found is not None and found.card.weightless


def find(name: str) -> Path:
    """Folder of a checkpoint, or `UnknownName` with the remedy."""
    path = Path(name)
    refuse_pickled(path)
    if path.is_dir():
        return path
    known = checkpoints()
    if name not in known:
        raise unknown("checkpoint", name, known, listing="affectus systems --checkpoints")
    return known[name]


def modality(name: str) -> str:
    """What a checkpoint reads first, by the card of its system; errors as `load`."""
    return entry(_stored(find(name)).system).card.modalities[0]


def _stored(folder: Path) -> Stored:
    """What the config.json of a checkpoint holds; its system is one that is known."""
    from affectus.stored import read_stored

    held = read_stored(folder)
    if held.system not in entries():
        raise CheckpointError(
            f"{str(folder)!r} is a checkpoint of {held.system!r}, a system that is not installed here",
            allowed=", ".join(entries()),
            remedy="install the package that brings it",
        )
    return held


def load(name: str, /, *, device: str = "cpu") -> Reader:
    """A trained reader, ready to read.

    Args:
        name: `affectus/x` or a checkpoint folder. An exported folder (with `model.onnx`) runs without torch. A system
            that needs no weights is read with under its own name.
        device: Where torch puts the weights; exported readers run on the CPU.

    Raises:
        UnknownName: If there is no such checkpoint.
        CheckpointError: If its files are damaged or belong to another system.
    """
    if weightless(name):
        reader = build(name if "/" in name else f"{name}/{entry(name).variants[-1]}")
        reader.name = name
        return reader
    if "/" in name and not name.startswith("affectus/") and not Path(name).is_dir() and name.split("/")[0] in entries():
        raise CheckpointError(
            f"{name!r} is an architecture without trained weights",
            allowed=", ".join(checkpoints()) or "no checkpoint is on this machine",
            remedy=f"affectus.build({name!r}) gives it with random weights; `affectus train` gives it trained ones",
        )
    folder = find(name)
    _stored(folder)  # a system that is not here is an error for exported readers too
    if (folder / "model.onnx").is_file():
        from affectus.runtime import OnnxReader

        return OnnxReader.open(folder)
    reader = restored(folder).to(device)
    reader.name = name if name.startswith("affectus/") else reader.name
    return reader


def restored(folder: Path) -> System:
    """The system of a checkpoint folder with its weights, in torch; errors as `load`."""
    held = _stored(folder)
    cls, _ = entry(held.system).load(held.variant.partition("/")[2])
    return cls.restore(folder, **_parts(held.configuration(cls.Config)))
