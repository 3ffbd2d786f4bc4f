"""The thin base of every trainable system: configuration, persistence and the reading loop. Nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from huggingface_hub import PyTorchModelHubMixin, snapshot_download
from safetensors.torch import save
from torch import Tensor, nn

from affectus.atomic import writing
from affectus.batch import Batch, Collate
from affectus.config import Config, Ref, parse_config
from affectus.errors import CheckpointError, ConfigError
from affectus.pickles import refuse_pickled
from affectus.readout import Readout
from affectus.references import references, stored
from affectus.sample import Item, as_items
from affectus.stored import AGAIN, read_stored
from affectus.taxonomy import own_scales
from affectus.timeline import Timeline


class System(nn.Module, PyTorchModelHubMixin):
    """Base of trainable systems; a subclass gives `Config`, `collate`, `forward`, `loss` and `decode`.

    Args:
        config: An instance of the class's `Config`.
        **parts: Systems that config fields of type `Ref` name.
    """

    Config: ClassVar[type[Config]] = Config
    name: str = ""
    variant: str = ""  # `system/variant` where `name` is that of a checkpoint
    modality: ClassVar[str] = ""
    collate: Collate

    def __init__(self, config: Any, **parts: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.name = self.name or type(self).__name__
        self.readouts: tuple[Readout, ...] = tuple(Readout(t.scale, t.perspective) for t in config.targets)
        for name, part in parts.items():
            self.add_module(name, part)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((p.device for p in (*self.parameters(), *self.buffers())), torch.device("cpu"))

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Weighted terms; their sum is minimised."""
        raise ConfigError(f"{type(self).__name__} is not trained by descent", remedy="use a recipe with method: fit")

    def decode(self, outputs: dict[str, np.ndarray], batch: Batch) -> Timeline:
        """Readings from the outputs of `forward`, as NumPy arrays."""
        raise ConfigError(f"{type(self).__name__} gives no readings")

    @torch.no_grad()
    def run(self, items: Iterable[Item | str], batch_size: int = 16) -> Iterator[tuple[dict[str, np.ndarray], Batch]]:
        """Outputs of all items in input order, a batch at a time, in evaluation mode."""
        rows, before = as_items(items), self.training
        self.eval()
        try:
            for at in range(0, len(rows), batch_size):
                batch = self.collate(rows[at : at + batch_size])
                outputs = self(**batch.to(self.device).inputs)
                yield {k: v.float().cpu().numpy() for k, v in outputs.items()}, batch
        finally:
            self.train(before)

    def read(self, items: Iterable[Item | str], batch_size: int = 16) -> Timeline:
        """Readings of all items, in input order."""
        return Timeline.concat([self.decode(outputs, batch) for outputs, batch in self.run(items, batch_size)])

    def calibrated(self, *readouts: Readout) -> Self:
        """This system with other readouts; the weights are shared."""
        self.readouts = readouts
        return self

    # -- persistence -------------------------------------------------------------------------------------------------
    def owned(self) -> dict[str, Tensor]:
        """The tensors that a checkpoint stores; a frozen backbone is stored as its reference and hash only."""
        return stored(self)

    def _save_pretrained(self, save_directory: Path) -> None:
        folder = Path(save_directory)
        variant = self.variant or self.name
        row: dict[str, Any] = {"system": variant.split("/")[0], "variant": variant, "config": asdict(self.config)}
        if self.name != variant:
            row["checkpoint"] = self.name
        row["readouts"] = [r.to_dict() for r in self.readouts]
        row |= {"references": references(self), "scales": own_scales(r.scale for r in self.readouts)}
        with writing(folder / "config.json") as file:
            json.dump(row, file, indent=1, ensure_ascii=False)
        with writing(folder / "model.safetensors", "wb") as file:
            file.write(save({k: v.detach().cpu().contiguous().clone() for k, v in self.owned().items()}))

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options: Any) -> Self:
        folder = Path(model_id)
        if not folder.is_dir():
            names = ("revision", "cache_dir", "force_download", "local_files_only", "token")
            hub: dict[str, Any] = {k: options.get(k) for k in names}
            folder = Path(snapshot_download(model_id, **hub))  # reached only when a user names a hub id
        return cls.restore(folder, **{k: v for k, v in options.items() if isinstance(v, nn.Module)})

    @classmethod
    def restore(cls, folder: Path, **parts: nn.Module) -> Self:
        """Load a checkpoint folder strictly.

        Raises:
            CheckpointError: If a file is missing, damaged or pickled, or the tensors are not those of this system.
        """
        refuse_pickled(folder)
        held = read_stored(folder)
        tensors = held.tensors()
        system = cls(held.configuration(cls.Config), **parts)
        if held.references != references(system):
            raise CheckpointError(f"{str(folder)!r} was trained on a backbone with other weights", remedy="fetch those")
        system.variant, system.name = held.variant, held.checkpoint
        system.readouts = held.readouts or system.readouts
        wanted = system.owned()
        strange = sorted(set(tensors) ^ set(wanted))
        if strange:
            raise CheckpointError(
                f"{str(folder)!r} does not fit {cls.__name__}: {len(strange)} keys differ, first {strange[0]!r}",
                remedy=f"its weights are of another system: {AGAIN}",
            )
        try:
            system.load_state_dict(tensors, strict=False)
        except RuntimeError as error:  # a shape differs
            raise CheckpointError(
                f"{str(folder)!r} does not fit {cls.__name__}: {str(error).splitlines()[-1].strip()}",
                remedy=f"its weights are of another size: {AGAIN}",
            ) from error
        return system.eval()


__all__ = ["Batch", "Collate", "Config", "Ref", "System", "parse_config"]
