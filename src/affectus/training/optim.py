"""Parameter groups and the learning rate over time."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from affectus.errors import ConfigError
from affectus.training.recipe import Group, Schedule


def parameter_groups(module: nn.Module, groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Groups for an optimiser; parameters with rate 0 are frozen and left out, and so is what the system froze itself.

    Args:
        module: Whose parameters are optimised.
        groups: The first whose pattern fits a name takes the parameter.

    Raises:
        ConfigError: If a parameter fits no group, or a group fits no parameter.
    """
    made: dict[tuple[float, float], list[nn.Parameter]] = {}
    depth = {prefix: _depth(module, prefix) for g in groups for prefix in g.layer_decay or {}}
    used: set[int] = set()
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        number = next((i for i, group in enumerate(groups) if fnmatchcase(name, group.match)), None)
        if number is None:
            raise ConfigError(
                f"no group matches the parameter {name!r}", remedy='end optim with a group that has match: "*"'
            )
        used.add(number)
        group = groups[number]
        rate = group.lr
        for prefix, factor in (group.layer_decay or {}).items():
            found = re.match(re.escape(prefix) + r"\.?(\d+)\.", name)
            rate *= factor ** (depth[prefix] - 1 - int(found[1])) if found else 1.0
        parameter.requires_grad_(rate > 0)
        if rate > 0:
            made.setdefault((rate, group.weight_decay), []).append(parameter)
    for number, group in enumerate(groups):
        if number not in used:
            raise ConfigError(f"the group {group.match!r} matches no parameter that an earlier one left over")
    return [{"params": p, "lr": rate, "peak": rate, "weight_decay": decay} for (rate, decay), p in made.items()]


def _depth(module: nn.Module, prefix: str) -> int:
    found = [re.match(re.escape(prefix) + r"\.?(\d+)\.", name) for name, _ in module.named_parameters()]
    numbers = [int(m[1]) for m in found if m]
    if not numbers:
        raise ConfigError(f"layer_decay names {prefix!r}, which has no numbered layers")
    return max(numbers) + 1


def optimizer(groups: list[dict[str, Any]], device: torch.device) -> torch.optim.Optimizer:
    """AdamW, fused where the device has it: one pass over memory instead of many."""
    return torch.optim.AdamW(groups, fused=device.type in ("cpu", "cuda"))


def rate_factor(schedule: Schedule, step: int, total: int) -> float:
    """Share of the highest learning rate at an optimiser step that starts at 0; `plateau` is `Watch`'s to lower."""
    warm = round(schedule.warmup * total)
    if step < warm:
        return (step + 1) / warm
    if schedule.shape in ("constant", "plateau"):
        return 1.0
    if schedule.shape == "inverse-root":
        return max(schedule.end, (max(1, warm) / (step + 1)) ** 0.5)
    done = (step - warm) / max(1, total - warm)
    down = 1 - done if schedule.shape == "linear" else (1 + math.cos(math.pi * done)) / 2
    return schedule.end + (1 - schedule.end) * down


@dataclass
class Watch:
    """What the watched loss has done so far: which state is the best, when to lower the rate, when to stop.

    Args:
        best: Lowest loss.
        since: Epochs since it.
        waited: Epochs without a lower loss since the rate was last lowered.
        factor: Of the learning rate.
    """

    best: float = math.inf
    since: int = 0
    waited: int = 0
    factor: float = 1.0

    def see(self, loss: float, schedule: Schedule) -> bool:
        """Take in the loss of an epoch; whether it is the lowest so far."""
        if loss < self.best:
            self.best, self.since, self.waited = loss, 0, 0
            return True
        self.since += 1
        self.waited += 1
        if schedule.shape == "plateau" and self.waited > schedule.patience:
            self.factor, self.waited = max(self.factor * schedule.factor, schedule.end), 0
        return False
