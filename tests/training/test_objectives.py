"""Objectives stand in a system's file and are prepared with it: a frozen teacher, and first-order meta-learning."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from test_loop import data, run, samples
from torch import Tensor, nn

from affectus.batch import Batch
from affectus.errors import ConfigError
from affectus.registry import build
from affectus.systems import text_classifier
from affectus.training import loop

SCALE = "goemotions-28"


class Teacher(nn.Module):
    """Learn what a frozen network says."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.net = text_classifier.TextClassifier(config)

    def forward(self, system: nn.Module, batch: Batch) -> dict[str, Tensor]:
        wanted = self.net.eval()(**batch.inputs)[SCALE]
        return {"distance": (system(**batch.inputs)[SCALE] - wanted).square().mean()}


class FirstOrderMeta(nn.Module):
    """One inner step on the first half of a batch, the loss on the second (first-order MAML, Finn et al. 2017)."""

    def __init__(self, config: Any, rate: float = 0.1) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, system: nn.Module, batch: Batch) -> dict[str, Tensor]:
        support, query = (part(batch, half) for half in (0, 1))
        weights = {name: p for name, p in system.named_parameters() if p.requires_grad}
        inner = sum(system.loss(system(**support.inputs), support).values())  # type: ignore[operator]
        slopes = torch.autograd.grad(inner, list(weights.values()), allow_unused=True)
        moved = {
            name: p - self.rate * slope.detach() if slope is not None else p
            for (name, p), slope in zip(weights.items(), slopes, strict=True)
        }
        outputs = torch.func.functional_call(system, moved, kwargs=query.inputs)
        return system.loss(outputs, query)  # type: ignore[operator]


def part(batch: Batch, half: int) -> Batch:
    def cut(values: dict[str, Any]) -> dict[str, Any]:
        return {name: value[half::2] for name, value in values.items()}

    return Batch(cut(batch.inputs), cut(batch.targets), batch.spans[half::2], None)


def test_a_teacher_is_followed_and_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_classifier, "Teacher", Teacher, raising=False)
    made = loop.train(run(objective="Teacher", config={}, epochs=15), data(), tmp_path / "a")
    rows = loop.RunFolder(tmp_path / "a" / "run", run(objective="Teacher", config={}, epochs=15), resume=True).metrics()
    watched = [row["watched"] for row in rows if "watched" in row]
    assert watched[-1] < 0.3 * watched[0]
    assert made.owned().keys() == build("text-classifier/tiny").owned().keys()


def test_meta_learning_in_the_loop_equals_the_copy_method(tmp_path: Path) -> None:
    system = build("text-classifier/tiny").eval()
    batch = system.collate(samples(8)).to("cpu")
    loop.Step(system, FirstOrderMeta(system.config))(batch)[SCALE].backward()
    # By the book: copy the network, take the inner step on the copy, and give its gradient to the original.
    twin = copy.deepcopy(system)
    twin.zero_grad()
    support, query = part(batch, 0), part(batch, 1)
    twin.loss(twin(**support.inputs), support)[SCALE].backward()
    with torch.no_grad():
        for p in twin.parameters():
            if p.grad is not None:
                p -= 0.1 * p.grad
    twin.zero_grad()
    twin.loss(twin(**query.inputs), query)[SCALE].backward()
    for (name, ours), theirs in zip(system.named_parameters(), twin.parameters(), strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(ours.grad, theirs.grad, msg=name)


def test_unknown_objectives_and_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no objective named 'Teacher'"):
        loop.train(run(objective="Teacher"), data(), tmp_path / "a")
    monkeypatch.setattr(text_classifier, "Teacher", Teacher, raising=False)
    with pytest.raises(ConfigError, match="cache: false"):
        loop.train(run(objective="Teacher", cache=True), data(), tmp_path / "b")
