"""What stands in the `config.json` of a checkpoint, read and checked in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectus.config import parse_config
from affectus.errors import AffectusError, CheckpointError
from affectus.readout import Readout
from affectus.taxonomy import adopt_scales

if TYPE_CHECKING:
    from torch import Tensor

AGAIN = "fetch or train it again, or `affectus convert` weights of another origin"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A checkpoint without its weights.

    Args:
        folder: Where it is.
        system: Registry name of its system.
        variant: `system/variant`.
        config: The configuration as plain values.
        checkpoint: Name that readings are signed with.
        readouts: How its outputs are read; empty where that was not stored.
        references: Frozen backbones that are not stored with it → hash of their weights.
    """

    folder: Path
    system: str
    variant: str
    config: Mapping[str, Any]
    checkpoint: str
    readouts: tuple[Readout, ...] = ()
    references: Mapping[str, Any] = field(default_factory=dict)

    def configuration(self, kind: type) -> Any:
        """The configuration as an object.

        Raises:
            CheckpointError: If it is that of another system.
        """
        try:
            return parse_config(kind, self.config)
        except AffectusError as error:
            raise CheckpointError(
                f"{str(self.folder)!r} calls itself a checkpoint of {self.system!r}, but its configuration does not "
                f"fit {kind.__name__.removesuffix('Config')}: {error.what}",
                remedy=f"it is of another system or changed by hand: {AGAIN}",
            ) from error

    def tensors(self) -> dict[str, Tensor]:
        """The weights.

        Raises:
            CheckpointError: If the file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self.folder / "model.safetensors")
        except (OSError, ValueError, SafetensorError) as error:
            raise CheckpointError(f"{str(self.folder)!r} is no readable checkpoint ({error})", remedy=AGAIN) from error


def read_stored(folder: Path) -> Stored:
    """Read `config.json`; scales that the checkpoint brings along are registered.

    Raises:
        CheckpointError: If the file is missing, no JSON, or not that of a checkpoint, with what is wrong.
    """
    try:
        row = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{str(folder)!r} has no readable config.json ({error})", remedy=AGAIN) from error
    if not isinstance(row, dict) or not isinstance(row.get("system"), str) or not isinstance(row.get("config"), dict):
        found = ", ".join(list(row)[:6]) if isinstance(row, dict) else type(row).__name__
        raise CheckpointError(
            f"config.json of {str(folder)!r} is not that of a checkpoint of ours: it holds {found or 'nothing'}",
            allowed="at least system and config, as `save_pretrained` writes them",
            remedy=AGAIN,
        )
    variant = str(row.get("variant", row["system"]))
    try:
        adopt_scales(row.get("scales", ()))
        readouts = tuple(Readout(**values) for values in row.get("readouts", ()))
    except (AffectusError, TypeError) as error:
        raise CheckpointError(
            f"config.json of {str(folder)!r} has scales or readouts that can't be understood ({error})", remedy=AGAIN
        ) from error
    return Stored(
        folder=folder,
        system=row["system"],
        variant=variant,
        config=row["config"],
        checkpoint=str(row.get("checkpoint", variant)),
        readouts=readouts,
        references=row.get("references", {}),
    )
