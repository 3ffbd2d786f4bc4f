"""The one training loop: descent on accelerate, resumable to the bit, nothing hidden in callbacks.

It also runs under `accelerate launch` on several processes: each takes its share of every batch, and the gradient is
that of the whole batch.
"""

from __future__ import annotations

import importlib
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import set_seed
from torch import Tensor, nn

from affectus.backbones import half_units
from affectus.batch import Batch
from affectus.errors import ConfigError, InputError, require
from affectus.progress import task
from affectus.registry import build, entry, find, restored
from affectus.system import System
from affectus.training.calibration import fit_to_held_out
from affectus.training.folder import RunFolder
from affectus.training.optim import Watch, optimizer, parameter_groups, rate_factor
from affectus.training.recipe import Run
from affectus.training.source import Data, Source, chunked

_LOG_EVERY = 20  # optimiser steps in one line of metrics.jsonl
_HALF = {"bf16": "bfloat16", "fp16": "float16"}


class Step(nn.Module):
    """A system with its objective: what accelerate prepares, so that several forwards stay inside one wrapped call."""

    def __init__(self, system: System, objective: nn.Module | None) -> None:
        super().__init__()
        self.system = system
        self.objective = objective.requires_grad_(False) if objective is not None else None

    def forward(self, batch: Batch, encoded: bool = False) -> dict[str, Tensor]:
        """Weighted loss terms of a batch, whose inputs may be those of the head alone."""
        if self.objective is not None:
            return self.objective(self.system, batch)
        outputs = self.system.head(**batch.inputs) if encoded else self.system(**batch.inputs)  # type: ignore[operator]
        return self.system.loss(outputs, batch)


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
    here = PartialState()
    with here.main_process_first():
        folder = RunFolder(out / "run", run, resume=resume or not here.is_main_process)
    if folder.finished:
        return restored(out)
    set_seed(run.seed)
    system = build(run.system, **run.config)
    for source, patterns in run.init.items():
        take(system, weights(str((earlier or {}).get(source, source))), patterns)
    if (prepare := getattr(system, "prepare", None)) is not None:  # what it must know of its training data as a whole
        prepare(data.train)
    if run.method == "fit":
        fit(system, run, data)
    else:
        descend(system, run, data, folder)
    system.variant, system.name = run.system, name or f"affectus/{out.name}"
    if here.is_main_process:
        system.save_pretrained(out)
        folder.finish()
    here.wait_for_everyone()
    return system.eval()


def weights(name: str) -> Mapping[str, Tensor]:
    """The weights of a checkpoint by name; of one that was exported, those that its graph holds."""
    from affectus.training.graph_weights import graph_weights

    folder = find(name)
    exported = (folder / "model.onnx").is_file() and not (folder / "model.safetensors").is_file()
    return graph_weights(folder / "model.onnx") if exported else restored(folder).state_dict()


def take(system: nn.Module, given: Mapping[str, Tensor], patterns: dict[str, str]) -> int:
    """Copy parameters of another system whose names fit a pattern; returns how many.

    Raises:
        ConfigError: If a pattern takes nothing, or a name or shape does not exist in the system.
    """
    own, count = system.state_dict(), 0
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
        batches += [system.collate(list(rows), rng) for rows in chunked(data.train, run.batch)]
    held = closed(batches)
    if held is not None:
        system.readouts = fit_to_held_out(system.readouts, held)


def descend(system: System, run: Run, data: Data, folder: RunFolder) -> None:
    """Gradient descent; the system holds the selected weights afterwards."""
    if not data.train:
        raise InputError("there is nothing to train on", remedy="check data and splits of the recipe")
    accelerator = _accelerator(run, folder)
    world, rank, device = accelerator.num_processes, accelerator.process_index, accelerator.device
    if world > 1:
        set_seed(run.seed + rank)  # dropout differs between the shares of a batch
    objective = _objective(system, run)
    if objective is not None and run.cache:
        raise ConfigError("an objective needs the whole system, so nothing can be cached", allowed="cache: false")
    groups = parameter_groups(system, run.optim)
    source = Source(system, run, data)
    step, made = accelerator.prepare(Step(system, objective), optimizer(groups, device))
    sizes = [len(source.batches(epoch)) for epoch in range(run.epochs)]
    starts = np.cumsum([0] + [-(-size // run.accumulate) for size in sizes])  # first optimiser step of each epoch
    total, done, watch = int(starts[-1]), 0, Watch()

    state = folder.last_state()
    if state is not None:
        accelerator.load_state(str(state[0]))
        done, watch = state[1]["step"], Watch(**state[1]["watch"])
        if accelerator.is_main_process:
            folder.rewind(done)

    def save() -> None:
        with folder.new_state(done, {"watch": asdict(watch)}) as part:
            accelerator.save_state(str(part))

    losses: list[Tensor] = []
    since = time.perf_counter()
    with task(f"training {run.system}", total) as advance:
        advance(done)
        for epoch in range(int(np.searchsorted(starts, done, "right")) - 1, run.epochs):
            if run.patience is not None and watch.since >= run.patience:
                break
            batches = source.batches(epoch)
            step.train()
            for start in range((done - int(starts[epoch])) * run.accumulate, len(batches), run.accumulate):
                factor = rate_factor(run.schedule, done, total) * watch.factor
                for group in made.param_groups:
                    group["lr"] = group["peak"] * factor
                chunk = batches[start : start + run.accumulate]
                for offset, rows in enumerate(chunk):
                    rng = np.random.default_rng([run.seed, epoch, start + offset])
                    mine = rows[rank::world] if len(rows) >= world else rows[:1]
                    last = offset + 1 == len(chunk)
                    with nullcontext() if last else accelerator.no_sync(step):
                        terms = step(source.batch(mine, rng).to(device), source.encoded)
                        loss = torch.stack(list(terms.values())).sum()
                        share = len(mine) * world / len(rows) if len(rows) >= world else 1.0
                        accelerator.backward(loss * (share / len(chunk)))
                    losses.append(loss.detach() * share)
                if run.clip is not None:
                    accelerator.clip_grad_norm_(step.parameters(), run.clip)
                made.step()
                made.zero_grad()
                done += 1
                advance(1)
                if done % _LOG_EVERY == 0 or done == starts[epoch + 1]:
                    mean = accelerator.reduce(torch.stack(losses).mean(), "mean").item()
                    if not np.isfinite(mean):
                        raise InputError(f"the loss is {mean} at step {done}", remedy="lower the learning rates")
                    seconds = round(time.perf_counter() - since, 2)
                    _log(accelerator, folder, step=done, epoch=epoch, loss=mean, factor=factor, seconds=seconds)
                    losses, since = [], time.perf_counter()
                if done % run.checkpoint == 0 and done < starts[epoch + 1]:
                    save()
            if data.watch:
                watched = mean_loss(accelerator.unwrap_model(step), source, source.watched, run.batch, device)
                _log(accelerator, folder, step=done, epoch=epoch, watched=watched)
                if watch.see(watched, run.schedule) and accelerator.is_main_process:
                    _keep(system, folder.path / "best")
            save()
    accelerator.end_training()
    if accelerator.is_main_process:
        folder.draw()
    accelerator.wait_for_everyone()
    if run.select == "best" and (folder.path / "best").is_dir():
        system.load_state_dict(restored(folder.path / "best").state_dict())
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        shutil.rmtree(folder.path / "best", ignore_errors=True)


@torch.no_grad()
def mean_loss(step: nn.Module, source: Source, rows: Sequence[int], size: int, device: torch.device) -> float:
    """Mean loss over rows of the source, without dropout."""
    step.eval()
    total = 0.0
    for chunk in chunked(rows, size):
        terms = step(source.batch(chunk).to(device), source.encoded)
        total += torch.stack(list(terms.values())).sum().item() * len(chunk)
    step.train()
    return total / len(rows)


def _accelerator(run: Run, folder: RunFolder) -> Accelerator:
    if "tensorboard" in run.trackers:
        require("tensorboard", extra="train", purpose="the tracker tensorboard")
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != run.precision:
        AcceleratorState._reset_state()  # an earlier run of this process computed in another precision
    made = Accelerator(
        mixed_precision=run.precision,
        log_with=list(run.trackers) or None,
        project_dir=str(folder.path),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    if run.precision != "no" and made.device.type == "cpu" and _HALF[run.precision] not in half_units():
        raise ConfigError(
            f"precision is {run.precision!r}, and this processor has no units for it: it would be far slower",
            allowed="precision: no",
        )
    if run.trackers:
        flat = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in asdict(run).items()}
        made.init_trackers("logs", config=flat)
    return made


def _log(accelerator: Accelerator, folder: RunFolder, **values: Any) -> None:
    if accelerator.is_main_process:
        folder.log(**values)
        accelerator.log({k: v for k, v in values.items() if k != "step"}, step=values["step"])


def _keep(system: System, place: Path) -> None:
    part = place.with_name(place.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    system.save_pretrained(part)
    shutil.rmtree(place, ignore_errors=True)
    part.rename(place)


def _objective(system: System, run: Run) -> nn.Module | None:
    if run.objective is None:
        return None
    found = getattr(importlib.import_module(entry(run.system).module), run.objective, None)
    if found is None:
        raise ConfigError(f"{run.system} has no objective named {run.objective!r}")
    return found(system.config)
