"""The checks that train or export: up to a minute a system on one thread."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from affectus import registry
from affectus.sample import Item, flatten
from affectus.system import System
from affectus.testing.items import synthetic_items
from affectus.testing.subject import TOLERANCE, Skip, Subject
from affectus.training.graph import export_onnx, run_onnx

STEPS = 100  # of training
LEARNED = 0.7  # what may be left of the error after training, against before
BLIND = 0.7  # error of the trained system against that of one whose gold had nothing to do with the content
ABLATED = 0.9  # error of the whole system against that without its key piece
_ITEMS = 16


def check_learning(subject: Subject) -> None:
    """On the synthetic task training takes the error to 70 % or less; a fitted system gets nine in ten right."""
    items = subject.items(_ITEMS)
    before = _error(subject.system, items) if subject.descends() else 1.0
    after = _learned(subject.system, items, items)
    allowed = LEARNED * before if subject.descends() else 0.1
    assert after <= allowed, f"the error went from {before:.3f} to {after:.3f}, not to {allowed:.3f} or less"


def check_blind(subject: Subject) -> None:
    """Trained on gold that has nothing to do with the content, a system must be clearly worse.

    It is not where the loss falls without a look at the input, or where gold reaches the network by the inputs.
    """
    items = subject.items(_ITEMS)
    seeing = _learned(subject.system, items, items)
    blind = _learned(_built(subject.name), synthetic_items(subject.system, subject.modality, _ITEMS, blind=True), items)
    assert seeing <= BLIND * blind, f"the error is {seeing:.3f} with the true gold, {blind:.3f} with unrelated gold"


def check_ablation(subject: Subject) -> None:
    """Without the key piece that the card names, the system must be worse by a tenth or more."""
    changes = dict(subject.entry.card.ablation)
    if not changes:
        raise Skip("the card names no ablation")
    items = subject.items(_ITEMS)
    whole = _learned(subject.system, items, items)
    without = _learned(_built(subject.name, **changes), items, items)
    assert whole <= ABLATED * without, f"the error is {whole:.3f} as it is, {without:.3f} with {changes}"


def check_onnx(subject: Subject) -> None:
    """The exported graph gives what torch gives, on batches of other sizes and lengths than the exported one."""
    with tempfile.TemporaryDirectory() as folder:
        path = export_onnx(subject.system, Path(folder) / "model.onnx", subject.items(3))
        for n in (1, 5):
            batch = subject.system.collate(subject.items(n, seed=n))
            with torch.no_grad():
                wanted = subject.system.eval()(**batch.to(subject.system.device).inputs)
            found = run_onnx(path, batch)
            assert list(found) == list(wanted), f"outputs are {list(found)}, not {list(wanted)}"
            for name, value in wanted.items():
                shape = tuple(value.shape)
                assert found[name].shape == shape, f"{name!r} has shape {found[name].shape}, not {shape}"
                gap = np.abs(found[name] - value.cpu().numpy()).max(initial=0)
                assert gap <= TOLERANCE, f"{name!r} differs by {gap:.2g} in a batch of {n}, more than {TOLERANCE:g}"


def _built(name: str, **changes: object) -> System:
    torch.manual_seed(0)
    return registry.build(name, **changes)


def _learned(system: System, items: list[Item], asked: list[Item]) -> float:
    """Error on `asked` after learning from `items`: the loss, or the share of wrong labels of a fitted system."""
    if type(system).loss is System.loss:
        fit = getattr(system, "fit", None)
        if fit is None:
            raise Skip("has no weights to learn")
        fit([system.collate(items)])
        target = system.config.targets[0].scale
        gold = np.concatenate([s.gold.scores(target) for s in flatten(asked) if s.gold is not None])
        return float((system.read(asked).scores(target).argmax(1) != gold.argmax(1)).mean())
    torch.manual_seed(0)
    system.train()
    optimiser = torch.optim.AdamW([p for p in system.parameters() if p.requires_grad], lr=5e-3)
    for step in range(STEPS):
        optimiser.zero_grad()
        _loss(system, items, step).backward()
        optimiser.step()
    return _error(system, asked)


@torch.no_grad()
def _error(system: System, items: list[Item]) -> float:
    """The loss as in training: after a few steps the running statistics of batch norms are not yet of use."""
    torch.manual_seed(0)
    return float(_loss(system.train(), items, STEPS))


def _loss(system: System, items: list[Item], seed: int) -> torch.Tensor:
    batch = system.collate(items, np.random.default_rng(seed)).to(system.device)
    return torch.stack(list(system.loss(system(**batch.inputs), batch).values())).sum()


SLOW: tuple[Callable[[Subject], None], ...] = (check_learning, check_blind, check_ablation, check_onnx)
