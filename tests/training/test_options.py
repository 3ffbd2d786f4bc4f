"""Choices of a run, one at a time: samplers, early stopping, plateaus, adapters, trackers, precision."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_loop import data, run, samples

from affectus.backbones import Backbone
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.registry import build, load
from affectus.sample import Sample
from affectus.training import loop
from affectus.training.optim import Watch
from affectus.training.recipe import Schedule
from affectus.training.sampling import balanced, within
from affectus.training.source import Data, Source


def logged(folder: Path, key: str) -> list[float]:
    rows = map(json.loads, (folder / "run" / "metrics.jsonl").read_text().splitlines())
    return [row[key] for row in rows if key in row]


def test_balanced_draws_give_every_class_its_share() -> None:
    classes = np.array([0] * 900 + [1] * 90 + [2] * 10)
    drawn = np.concatenate(balanced(np.arange(1000), classes, 32, np.random.default_rng(0)))
    assert len(drawn) == 1000
    shares = np.bincount(classes[drawn]) / 1000
    assert np.abs(shares - 1 / 3).max() < 0.05


def test_episodes_hold_one_person_and_every_row_once() -> None:
    groups = np.random.default_rng(0).integers(0, 5, 200)
    batches = within(np.arange(200), groups, 16, np.random.default_rng(1))
    assert all(len(set(groups[batch])) == 1 for batch in batches)
    assert sorted(np.concatenate(batches)) == list(range(200))
    assert len({groups[batch[0]] for batch in batches[:6]}) > 1  # persons are mixed


def test_samplers_read_classes_tracks_and_corpora() -> None:
    system = build("text-classifier/tiny")
    people = [Sample(**{**vars(s), "track": f"p{i % 3}"}) for i, s in enumerate(samples(40))]
    two = Data(people, (30, 10), (1.0, 1.0))
    for batch in Source(system, run(sampler="episodes"), two).batches(0):
        assert len({people[i].track for i in batch}) == 1
    for batch in Source(system, run(sampler="one-corpus"), two).batches(0):
        assert len({i < 30 for i in batch}) == 1
    keys = Source(system, run(sampler="balanced"), two).keys
    assert keys is not None
    assert len(set(keys)) == 4
    with pytest.raises(InputError, match="no track"):
        Source(system, run(sampler="episodes"), data())
    bare = Data([Sample(id="0", text="no gold")], (1,), (1.0,))
    with pytest.raises(InputError, match="no gold"):
        Source(system, run(sampler="balanced"), bare)


def test_training_stops_early_and_resumes_as_stopped(tmp_path: Path) -> None:
    # A rate that ruins the weights: the watched loss rises after the first epoch.
    wild = run(epochs=30, accumulate=1, patience=2, select="best", schedule={"shape": "constant"}, optim=[{"lr": 0.5}])
    loop.train(wild, data(), tmp_path / "a")
    seen = logged(tmp_path / "a", "watched")
    assert len(seen) < 30
    assert len(seen) - 1 - int(np.argmin(seen)) == 2


def test_a_plateau_lowers_the_rate_and_an_improvement_waits_anew() -> None:
    schedule, watch = Schedule(shape="plateau", factor=0.5, patience=1, end=0.2), Watch()
    factors = []
    for loss in (1.0, 2.0, 2.0, 2.0, 2.0, 0.5, 2.0, 2.0, 2.0):
        watch.see(loss, schedule)
        factors.append(watch.factor)
    # As torch's ReduceLROnPlateau with threshold 0: lowered once more than `patience` epochs have not improved.
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=1, threshold=0, min_lr=0.2)
    expected = []
    for loss in (1.0, 2.0, 2.0, 2.0, 2.0, 0.5, 2.0, 2.0, 2.0):
        theirs.step(loss)
        expected.append(optimiser.param_groups[0]["lr"])
    assert factors == expected == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2]


def test_the_rate_of_a_plateau_reaches_the_optimiser(tmp_path: Path) -> None:
    plateau = {"shape": "plateau", "warmup": 0.0, "factor": 0.5, "patience": 0}
    loop.train(run(epochs=12, accumulate=1, schedule=plateau, optim=[{"lr": 0.5}]), data(), tmp_path / "a")
    factors = logged(tmp_path / "a", "factor")
    assert factors[0] == 1
    assert factors[-1] < 0.5


def adapted(**changes: Any) -> dict[str, Any]:
    return {"backbone": {"name": "tiny:bert", "lora": 2, **changes}}


def test_adapters_alone_are_trained_and_stored(tmp_path: Path) -> None:
    groups = [{"match": "*lora_*", "lr": 0.02}, {"match": "heads.*", "lr": 0.01}]
    made = loop.train(run(config=adapted(), optim=groups, epochs=10), data(), tmp_path / "a")
    base = build("text-classifier/tiny").backbone
    own = made.backbone.encoder.layer[0].attention.self.query
    assert torch.equal(own.base_layer.weight, base.encoder.layer[0].attention.self.query.weight)
    assert made.owned().keys() == {k for k in made.state_dict() if "lora_" in k or k.startswith("heads.")}
    assert logged(tmp_path / "a", "watched")[-1] < 0.9 * logged(tmp_path / "a", "watched")[0]
    again = load(str(tmp_path / "a"))
    texts = ["i am furious 3", "happy"]
    np.testing.assert_array_equal(made.read(texts).scores("goemotions-28"), again.read(texts).scores("goemotions-28"))


def test_a_checkpoint_knows_the_weights_it_was_trained_on(tmp_path: Path) -> None:
    build("text-classifier/tiny", **adapted()).save_pretrained(tmp_path)
    row = json.loads((tmp_path / "config.json").read_text())
    row["references"]["backbone"] = "0" * 16
    (tmp_path / "config.json").write_text(json.dumps(row))
    with pytest.raises(CheckpointError, match="other weights"):
        load(str(tmp_path))


def test_merged_adapters_give_the_same_outputs() -> None:
    import copy

    from affectus.backbones import merged

    system = build("text-classifier/tiny", **adapted()).eval()
    for name, parameter in system.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    plain = copy.deepcopy(system)
    plain.backbone = merged(plain.backbone)
    assert plain.state_dict().keys() == build("text-classifier/tiny").state_dict().keys()
    inputs = system.collate(samples(3)).to("cpu").inputs
    torch.testing.assert_close(system(**inputs)["goemotions-28"], plain(**inputs)["goemotions-28"], rtol=0, atol=1e-5)
    with pytest.raises(ConfigError, match="no layer"):
        build("text-classifier/tiny", **adapted(match=["quary"]))
    assert str(Backbone(name="tiny:bert")) == "tiny:bert"


def test_a_frozen_backbone_stays_and_is_not_stored(tmp_path: Path) -> None:
    config = {"backbone": {"name": "tiny:bert", "train": False}}
    made = loop.train(run(config=config, optim=[{"match": "heads.*", "lr": 0.01}]), data(), tmp_path / "a")
    assert set(made.owned()) == {"heads.goemotions-28.weight", "heads.goemotions-28.bias"}
    with pytest.raises(ConfigError, match="matches no parameter"):
        loop.train(run(config=config, optim=[{"match": "backbone.*", "lr": 1}, {"lr": 1}]), data(), tmp_path / "b")


def test_a_tracker_writes_into_the_run_folder(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    loop.train(run(trackers=["tensorboard"]), data(), tmp_path / "a")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "a" / "run" / "logs"))
    events.Reload()
    points = [point.value for point in events.Scalars("watched")]
    assert points == pytest.approx(logged(tmp_path / "a", "watched"), rel=1e-6)


def test_half_precision_needs_units_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "half_units", lambda: frozenset())
    with pytest.raises(ConfigError, match="no units"):
        loop.train(run(precision="bf16"), data(), tmp_path / "a")
    monkeypatch.setattr(loop, "half_units", lambda: frozenset({"bfloat16"}))
    half = loop.train(run(precision="bf16"), data(), tmp_path / "b")
    whole = loop.train(run(), data(), tmp_path / "c")
    gap = (half.heads["goemotions-28"].weight - whole.heads["goemotions-28"].weight).abs().max()
    assert 0 < gap < 0.1
