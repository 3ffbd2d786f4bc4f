"""How a pretrained network takes part in training: all of it, frozen, or through low-rank adapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from affectus.backbones.hashing import weight_hash
from affectus.errors import ConfigError, require
from affectus.references import ADAPTER


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A pretrained network and what of it is trained.

    What is not trained is not stored in a checkpoint: its reference and the hash of its weights are.

    Args:
        name: Reference: `asset:`, `hf:`, `tiny:` or a folder.
        train: Whether its own weights are trained.
        lora: Rank of low-rank adapters (Hu et al. 2021, arXiv:2106.09685); 0 has none. With adapters its own weights
            are frozen, whatever `train` says.
        alpha: The adapters' output is scaled by alpha / rank.
        stabilised: Scale by alpha / √rank instead (Kalajdzievski 2023, arXiv:2312.03732).
        dropout: Before the adapters.
        match: Names of the linear layers that get an adapter.
    """

    name: str
    train: bool = True
    lora: Annotated[int, Field(ge=0)] = 0
    alpha: Annotated[float, Field(gt=0)] = 16.0
    stabilised: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    match: tuple[str, ...] = ("query", "value")

    def __str__(self) -> str:
        return self.name


def taking_part(network: Any, how: Backbone) -> Any:
    """The network with its weights frozen and adapters put in, as `how` says.

    A network whose own weights are frozen gets the attribute `reference_hash`, which makes a checkpoint leave them out.

    Raises:
        ConfigError: If no layer has a name in `how.match`.
    """
    if how.train and not how.lora:
        return network
    found = weight_hash(network)
    network.requires_grad_(False)
    if how.lora:
        peft = require("peft", extra="train", purpose="low-rank adapters")
        linear = [name for name, module in network.named_modules() if name.rpartition(".")[2] in how.match]
        if not linear:
            raise ConfigError(f"no layer of {how.name!r} is named {', '.join(how.match)}", remedy="set backbone.match")
        settings = peft.LoraConfig(
            r=how.lora,
            lora_alpha=how.alpha,
            lora_dropout=how.dropout,
            target_modules=list(how.match),
            use_rslora=how.stabilised,
        )
        network = peft.inject_adapter_in_model(settings, network)
    network.reference_hash = found
    return network


def merged(network: Any) -> Any:
    """The same network with its adapters, if it has any, worked into its weights; changed in place."""
    if not any(ADAPTER in name for name, _ in network.named_parameters()):
        return network
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapted = [(name, module) for name, module in network.named_modules() if isinstance(module, BaseTunerLayer)]
    for name, module in adapted:
        module.merge()
        network.set_submodule(name, module.get_base_layer())
    return network
