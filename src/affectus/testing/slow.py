"""The checks that train or export: up to a minute a system on one thread."""

from __future__ import annotations

import pkgutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectus.testing.items import synthetic_items
from affectus.testing.learning import ITEMS, built, error_learned, error_whole, loss_left
from affectus.testing.subject import TOLERANCE, Skip, Subject
from affectus.training.graph import export_onnx, run_onnx

LEARNED = 0.7  # what may be left of the error after training, against before
BLIND = 0.7  # error of the trained system against that of one whose gold had nothing to do with the content
ABLATED = 0.9  # error of the whole system against that without its key piece
SOLVED = 0.5  # the same on a task that was constructed for the piece


def check_learning(subject: Subject) -> None:
    """On the synthetic task training takes the error to 70 % or less; a fitted system gets nine in ten right."""
    before = loss_left(subject.system, subject.items(ITEMS)) if subject.descends() else 1.0
    after = _whole(subject)
    allowed = LEARNED * before if subject.descends() else 0.1
    assert after <= allowed, f"the error went from {before:.3f} to {after:.3f}, not to {allowed:.3f} or less"


def check_blind(subject: Subject) -> None:
    """Trained on gold that has nothing to do with the content, a system must be clearly worse.

    It is not where the loss falls without a look at the input, or where gold reaches the network by the inputs.
    """
    seeing = _whole(subject)
    unrelated = synthetic_items(subject.system, subject.modality, ITEMS, blind=True)
    blind = error_learned(subject.system, unrelated, subject.items(ITEMS))
    assert seeing <= BLIND * blind, f"the error is {seeing:.3f} with the true gold, {blind:.3f} with unrelated gold"


def check_ablation(subject: Subject) -> None:
    """Without the key piece that the card names, the system must be clearly worse.

    By a tenth or more on the made-up items, and twice as bad or worse on a task that was constructed for the piece.
    """
    card = subject.entry.card
    if not card.ablation:
        raise Skip("the card names no ablation")
    if card.task:
        task = pkgutil.resolve_name(card.task)
        margin, whole, without = SOLVED, task(subject.name), task(subject.name, **card.ablation)
    else:
        items = subject.items(ITEMS)
        margin, whole = ABLATED, _whole(subject)
        without = error_learned(built(subject.name, **card.ablation), items, items)
    assert whole < margin * without, f"the error is {whole:.3f} as it is, {without:.3f} with {dict(card.ablation)}"


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


def _whole(subject: Subject) -> float:
    cls: Any = type(subject.system)  # to mypy, no class of a module can be hashed
    return error_whole(cls, subject.name, subject.modality)


SLOW: tuple[Callable[[Subject], None], ...] = (check_learning, check_blind, check_ablation, check_onnx)
