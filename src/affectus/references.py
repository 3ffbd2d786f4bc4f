"""Pretrained networks that a system keeps by reference: their weights are not stored again in its checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

ADAPTER = ".lora_"  # in the names of weights that were put into such a network and are stored


def references(module: nn.Module) -> dict[str, str]:
    """Name → hash of the weights of each part that carries the attribute `reference_hash`."""
    found = ((name, getattr(part, "reference_hash", None)) for name, part in module.named_modules())
    return {name: value for name, value in found if isinstance(value, str)}


def stored(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of a module without those that are kept by reference; adapters in them are stored."""
    kept = tuple(f"{name}." for name in references(module))
    return {name: value for name, value in module.state_dict().items() if not name.startswith(kept) or ADAPTER in name}
