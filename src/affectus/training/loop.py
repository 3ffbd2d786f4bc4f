"""The one training loop: descent on accelerate, resumable to the bit, nothing hidden in callbacks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn

from affectus.batch import Batch
from affectus.errors import ConfigError, InputError
from affectus.progress import task
from affectus.registry import build, entry, load
from affectus.sample import Sample
from affectus.system import System
from affectus.training.calibration import fit_to_held_out
from affectus.training.folder import RunFolder
from affectus.training.optim import optimizer, parameter_groups, rate_factor
from affectus.training.recipe import Run
from affectus.training.sampling import by_length, epoch_rows, shuffled

_LOG_EVERY = 20  # optimiser steps in one line of metrics.jsonl


@dataclass(frozen=True, eq=False)
class Data:
    """Samples to train on and to watch.

    Args:
        train: All corpora, one after another.
        sizes: Rows of each corpus in `train`.
        passes: How many times an epoch passes over each.
        watch: Samples whose loss is computed after each epoch; may be empty.
    """

    train: Sequence[Sample]
    sizes: tuple[int, ...]
    passes: tuple[float, ...]
    watch: Sequence[Sample] = ()


class Step(nn.Module):
    """A system with its objective: what accelerate prepares, so that several forwards stay inside one wrapped call."""

    def __init__(self, system: System, objective: nn.Module | None) -> None:
        super().__init__()
        self.system = system
        self.objective = objective

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Weighted loss terms of a batch."""
        if self.objective is not None:
            return self.objective(self.system, batch)
        return self.system.loss(self.system(**batch.inputs), batch)


def train(run: Run, data: Data, out: Path, *, name: str = "", resume: bool = False, earlier: Any = None) -> System:
    """Run once and store the checkpoint in `out`, with the files of the run in `out/run`.

    Args:
        run: What to do.
        data: Samples with gold.
        out: Folder of the checkpoint.
        name: Name of the checkpoint that readings are signed with; the folder's name by default.
        resume: Go on where an interrupted run stopped; the result equals that of an undisturbed run.
        earlier: Run name → checkpoint folder of the runs before, for `init`.

    Returns:
        The trained system in evaluation mode.
    """
    folder = RunFolder(out / "run", run, resume=resume)
    if folder.finished:
        return entry(run.system).load(run.system.partition("/")[2])[0].restore(out)
    set_seed(run.seed)
    system = build(run.system, **run.config)
    for source, patterns in run.init.items():
        take(system, load(str((earlier or {}).get(source, source))), patterns)
    if run.method == "fit":
        fit(system, run, data)
    else:
        descend(system, run, data, folder)
    system.variant, system.name = run.system, name or f"affectus/{out.name}"
    system.save_pretrained(out)
    folder.finish()
    return system.eval()


def take(system: nn.Module, donor: Any, patterns: dict[str, str]) -> int:
    """Copy parameters from a donor whose names fit a pattern; returns how many.

    Raises:
        ConfigError: If a pattern takes nothing, or a name or shape does not exist in the system.
    """
    own, given, count = system.state_dict(), donor.state_dict(), 0
    for source, target in patterns.items():
        names = [n for n in given if fnmatchcase(n, source)]
        if not names:
            raise ConfigError(f"init: no parameter fits {source!r}", allowed=", ".join(list(given)[:5]) + ", …")
        for name in names:
            to = target.removesuffix("*") + name.removeprefix(source.removesuffix("*")) if "*" in target else target
            if to not in own or own[to].shape != given[name].shape:
                raise ConfigError(f"init: {name!r} {tuple(given[name].shape)} does not fit {to!r}")
            own[to].copy_(given[name])
            count += 1
    return count


def fit(system: System, run: Run, data: Data) -> None:
    """Closed-form fit of a system that has one, on all training samples, calibrated on what it left out in turn.

    The first epoch takes the samples as they are, every further one as `collate` draws them with random numbers.
    """
    closed = getattr(system, "fit", None)
    if closed is None:
        raise ConfigError(f"{run.system} has no closed-form fit", allowed="method: descend")
    batches = []
    for epoch in range(run.epochs):
        rng = np.random.default_rng(run.seed + epoch) if epoch else None
        batches += [system.collate(list(rows), rng) for rows in _chunks(data.train, run.batch)]
    held = closed(batches)
    if held is not None:
        system.readouts = fit_to_held_out(system.readouts, held)


def descend(system: System, run: Run, data: Data, folder: RunFolder) -> None:
    """Gradient descent; the system holds the selected weights afterwards."""
    if not data.train:
        raise InputError("there is nothing to train on", remedy="check data and splits of the recipe")
    accelerator = Accelerator(gradient_accumulation_steps=1)  # accumulation is written out below
    step = Step(system, _objective(system, run))
    made = optimizer(parameter_groups(step.system, run.optim), accelerator.device)
    step, made = accelerator.prepare(step, made)
    lengths = _lengths(system, run, data)
    per_epoch = -(-len(_batches(run, data, lengths, 0)) // run.accumulate)
    total, done, best = per_epoch * run.epochs, 0, float("inf")

    state = folder.last_state()
    if state is not None:
        accelerator.load_state(str(state[0]))
        done, best = state[1]["step"], state[1]["best"]
        folder.rewind(done)

    def save() -> None:
        progress = {"step": done, "best": best}
        folder.save_state(done, lambda part: accelerator.save_state(str(part)), progress)

    losses: list[Tensor] = []
    since = time.perf_counter()
    with task(f"training {run.system}", total) as advance:
        advance(done)
        for epoch in range(done // per_epoch, run.epochs):
            batches = _batches(run, data, lengths, epoch)
            starts = range((done - epoch * per_epoch) * run.accumulate, len(batches), run.accumulate)
            step.train()
            for start in starts:
                factor = rate_factor(run.schedule, done, total)
                for group in made.param_groups:
                    group["lr"] = group["peak"] * factor
                chunk = batches[start : start + run.accumulate]
                for offset, rows in enumerate(chunk):
                    rng = np.random.default_rng([run.seed, epoch, start + offset])
                    batch = system.collate([data.train[i] for i in rows], rng).to(accelerator.device)
                    loss = torch.stack(list(step(batch).values())).sum()
                    accelerator.backward(loss / len(chunk))
                    losses.append(loss.detach())
                if run.clip is not None:
                    accelerator.clip_grad_norm_(step.parameters(), run.clip)
                made.step()
                made.zero_grad()
                done += 1
                advance(1)
                if done % _LOG_EVERY == 0 or done == total:
                    mean, seconds = torch.stack(losses).mean().item(), time.perf_counter() - since
                    if not np.isfinite(mean):
                        raise InputError(f"the loss is {mean} at step {done}", remedy="lower the learning rates")
                    folder.log(step=done, epoch=epoch, loss=mean, factor=factor, seconds=round(seconds, 2))
                    losses, since = [], time.perf_counter()
                if done % run.checkpoint == 0 and done % per_epoch:
                    save()
            if data.watch:
                watched = mean_loss(step, data.watch, run.batch, accelerator.device)
                folder.log(step=done, epoch=epoch, watched=watched)
                if watched < best:
                    best = watched
                    _keep(system, folder.path / "best")
            save()
    folder.draw()
    if run.select == "best" and (folder.path / "best").is_dir():
        system.load_state_dict(type(system).restore(folder.path / "best").state_dict())
    shutil.rmtree(folder.path / "best", ignore_errors=True)


@torch.no_grad()
def mean_loss(step: nn.Module, samples: Sequence[Sample], batch: int, device: torch.device) -> float:
    """Mean loss over samples, without dropout."""
    step.eval()
    total = 0.0
    for rows in _chunks(samples, batch):
        prepared = step.system.collate(rows).to(device)  # type: ignore[union-attr,operator]
        total += torch.stack(list(step(prepared).values())).sum().item() * len(rows)
    step.train()
    return total / len(samples)


def _chunks(samples: Sequence[Sample], size: int) -> Iterator[list[Sample]]:
    for at in range(0, len(samples), size):
        yield list(samples[at : at + size])


def _keep(system: System, place: Path) -> None:
    part = place.with_name(place.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    system.save_pretrained(part)
    shutil.rmtree(place, ignore_errors=True)
    part.rename(place)


def _objective(system: System, run: Run) -> nn.Module | None:
    if run.objective is None:
        return None
    import importlib

    found = getattr(importlib.import_module(entry(run.system).module), run.objective, None)
    if found is None:
        raise ConfigError(f"{run.system} has no objective named {run.objective!r}")
    return found(system.config)


def _lengths(system: System, run: Run, data: Data) -> np.ndarray | None:
    if run.sampler != "length":
        return None
    measure = getattr(system.collate, "lengths", None)
    if measure is None:
        raise ConfigError(f"{run.system} can't tell the length of an item", allowed="sampler: shuffle")
    return np.asarray(measure(data.train))


def _batches(run: Run, data: Data, lengths: np.ndarray | None, epoch: int) -> list[np.ndarray]:
    rng = np.random.default_rng([run.seed, epoch])
    rows = epoch_rows(data.sizes, data.passes, rng)
    return shuffled(rows, run.batch, rng) if lengths is None else by_length(rows, lengths, run.batch, rng)
