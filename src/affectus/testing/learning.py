"""Training for a few seconds, and the error that is left."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affectus import registry
from affectus.sample import Item, flatten
from affectus.system import System
from affectus.testing.items import synthetic_items
from affectus.testing.subject import Skip

STEPS = 100
RATE = 5e-3
ITEMS = 16


def built(name: str, **changes: Any) -> System:
    """A system with seeded weights, and some config fields set otherwise."""
    torch.manual_seed(0)
    return registry.build(name, **changes)


def descend(
    parameters: Iterable[Tensor], loss: Callable[[int], Tensor], steps: int = STEPS, rate: float = RATE
) -> None:
    """AdamW on `loss`, a function of the step."""
    torch.manual_seed(0)
    optimiser = torch.optim.AdamW([p for p in parameters if p.requires_grad], lr=rate)
    for step in range(steps):
        optimiser.zero_grad()
        loss(step).backward()
        optimiser.step()


def learn(system: System, items: list[Item]) -> None:
    """Train a system on some items, or fit it if that is what it does.

    Raises:
        Skip: If it has neither a loss nor a fit.
    """
    if type(system).loss is not System.loss:
        system.train()
        descend(system.parameters(), lambda step: loss_of(system, items, step))
        return
    fit = getattr(system, "fit", None)
    if fit is None:
        raise Skip("has no weights to learn")
    fit([system.collate(items)])


def loss_of(system: System, items: list[Item], seed: int) -> Tensor:
    """Sum of a system's loss terms on one batch of all items."""
    batch = system.collate(items, np.random.default_rng(seed)).to(system.device)
    return torch.stack(list(system.loss(system(**batch.inputs), batch).values())).sum()


@torch.no_grad()
def loss_left(system: System, items: list[Item]) -> float:
    """The loss as in training: after a few steps the running statistics of batch norms are not yet of use."""
    torch.manual_seed(0)
    return float(loss_of(system.train(), items, STEPS))


def share_wrong(system: System, items: list[Item]) -> float:
    """Share of items whose highest score on the first target is not where their gold has it."""
    target = system.config.targets[0].scale
    gold = np.concatenate([s.gold.scores(target) for s in flatten(items) if s.gold is not None])
    return float((system.read(items).scores(target).argmax(1) != gold.argmax(1)).mean())


def error_learned(system: System, items: list[Item], asked: list[Item]) -> float:
    """Error on `asked` after learning from `items`: the loss, or the share of wrong labels of a fitted system."""
    learn(system, items)
    return share_wrong(system, asked) if type(system).loss is System.loss else loss_left(system, asked)


@lru_cache(maxsize=1)
def error_whole(kind: Hashable, name: str, modality: str) -> float:
    """Error of a system as it is on the made-up items; several checks compare with it, so it is kept.

    Args:
        kind: The system's class, without which a changed one of the same name would be taken for it.
        name: `system/variant`.
        modality: Of the items.
    """
    system = built(name)
    items = synthetic_items(system, modality, ITEMS)
    return error_learned(system, items, items)
