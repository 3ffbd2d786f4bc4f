import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectus.corpora.base import one_hot, with_gold
from affectus.errors import ConfigError, InputError, OutputError
from affectus.registry import build
from affectus.sample import Sample
from affectus.training import loop
from affectus.training.optim import parameter_groups
from affectus.training.recipe import Group, Run, parse
from affectus.training.source import Data, Source

WORDS = {"joy": "happy", "anger": "furious", "fear": "afraid", "sadness": "sad"}


def samples(n: int) -> list[Sample]:
    labels = [list(WORDS)[i % 4] for i in range(n)]
    plain = [
        Sample(id=str(i), text=f"{'well ' * (i % 5)}i am {WORDS[label]} {i}", item=i) for i, label in enumerate(labels)
    ]
    gold = {"goemotions-28": one_hot([[label] for label in labels], "goemotions-28")}
    return with_gold(plain, gold, perspective="perceived", by="made up", modality="text")


def run(**changes: Any) -> Run:
    values: dict[str, Any] = {
        "system": "text-classifier/tiny",
        "config": {"dropout": 0.3},  # dropout draws must resume as well
        "data": {"goemotions": 1},
        "optim": [{"match": "heads.*", "lr": 0.01}, {"match": "*", "lr": 0.003, "weight_decay": 0.01}],
        "sampler": "length",
        "epochs": 2,
        "batch": 4,
        "accumulate": 2,
        "checkpoint": 2,
        "trackers": [],
    }
    return parse(Run, values | changes)


def data() -> Data:
    return Data(samples(40), (40,), (1.0,), samples(8))


def interrupted(after: int) -> Callable[..., Any]:
    """A clip that fails at the given optimiser step."""
    clip, calls = loop.Accelerator.clip_grad_norm_, iter(range(1000))

    def failing(self: Any, *args: Any, **options: Any) -> Any:
        if next(calls) == after:
            raise KeyboardInterrupt
        return clip(self, *args, **options)

    return failing


def test_a_resumed_run_equals_an_undisturbed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = loop.train(run(), data(), tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop.Accelerator, "clip_grad_norm_", interrupted(7))
        with pytest.raises(KeyboardInterrupt):
            loop.train(run(), data(), tmp_path / "broken")
    mended = loop.train(run(), data(), tmp_path / "broken", resume=True)
    for (name, a), b in zip(whole.state_dict().items(), mended.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    logged = [
        [
            {k: v for k, v in json.loads(line).items() if k != "seconds"}
            for line in (tmp_path / place / "run" / "metrics.jsonl").read_text().splitlines()
        ]
        for place in ("whole", "broken")
    ]
    assert [row for row in logged[0] if "watched" in row] == [row for row in logged[1] if "watched" in row]
    assert not list((tmp_path / "broken" / "run").glob("state-*"))
    assert (tmp_path / "broken" / "run" / "curve.png").stat().st_size > 1000


def test_training_learns_and_a_finished_run_is_not_done_again(tmp_path: Path) -> None:
    made = loop.train(run(epochs=20, accumulate=1, config={}), data(), tmp_path / "a", name="affectus/own")
    losses = [row["watched"] for row in map(json.loads, (tmp_path / "a/run/metrics.jsonl").open()) if "watched" in row]
    assert losses[-1] < 0.5 * losses[0]
    assert made.read(["i am furious 3"])[0].by == "affectus/own"
    again = loop.train(run(epochs=20, accumulate=1, config={}), data(), tmp_path / "a", resume=True)
    assert torch.equal(made.heads["goemotions-28"].weight, again.heads["goemotions-28"].weight)


def test_the_best_state_is_kept_when_asked(tmp_path: Path) -> None:
    wild = run(epochs=3, accumulate=1, select="best", schedule={"shape": "constant"}, optim=[{"lr": 0.05}])
    best = loop.train(wild, data(), tmp_path / "a")
    losses = [row["watched"] for row in map(json.loads, (tmp_path / "a/run/metrics.jsonl").open()) if "watched" in row]
    source = Source(best, wild, data())
    found = loop.mean_loss(loop.Step(best, None), source, source.watched, 4, torch.device("cpu"))
    assert found == pytest.approx(min(losses), rel=1e-5)


def test_a_folder_is_not_overwritten_and_not_mixed(tmp_path: Path) -> None:
    loop.RunFolder(tmp_path / "run", run(), resume=False)
    with pytest.raises(OutputError, match="--resume"):
        loop.train(run(), data(), tmp_path)
    with pytest.raises(ConfigError, match="another epochs"):
        loop.train(run(epochs=5), data(), tmp_path, resume=True)


def test_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to train on"):
        loop.train(run(), Data([], (0,), (1.0,)), tmp_path)


def test_groups_take_in_order_freeze_and_decay() -> None:
    system = build("text-classifier/tiny")
    made = parameter_groups(
        system,
        [
            Group(match="heads.*", lr=1.0),
            Group(match="*embeddings*", lr=0.0),
            Group(match="*", lr=0.1, layer_decay={"backbone.encoder.layer": 0.5}),
        ],
    )
    assert sorted(group["lr"] for group in made) == [0.05, 0.1, 1.0]
    assert not system.backbone.embeddings.word_embeddings.weight.requires_grad
    with pytest.raises(ConfigError, match="no group matches"):
        parameter_groups(system, [Group(match="heads.*", lr=1.0)])
    with pytest.raises(ConfigError, match="matches no parameter"):
        parameter_groups(system, [Group(match="*", lr=1.0), Group(match="heads.*", lr=1.0)])


def test_init_takes_parameters_by_pattern() -> None:
    donor, system = build("text-classifier/tiny"), build("text-classifier/tiny")
    torch.nn.init.ones_(donor.backbone.embeddings.word_embeddings.weight)
    assert loop.take(system, donor.state_dict(), {"backbone.embeddings.*": "backbone.embeddings.*"}) > 2
    assert (system.backbone.embeddings.word_embeddings.weight == 1).all()
    with pytest.raises(ConfigError, match="no parameter fits"):
        loop.take(system, donor.state_dict(), {"bckbone.*": "backbone.*"})


def test_collate_draws_are_those_of_their_step() -> None:
    system = build("text-classifier/tiny")
    batches, again = Source(system, run(), data()).batches(1), Source(system, run(), data()).batches(1)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
