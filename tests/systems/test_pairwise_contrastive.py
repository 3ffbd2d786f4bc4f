"""Pairwise contrastive learning: equality with the official code, properties of the loss, windows, training."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from affectus.corpora.base import Corpus, Loaded, with_gold
from affectus.errors import CheckpointError, ConfigError, InputError
from affectus.nn.video_resnet import VideoResNet
from affectus.registry import build, load
from affectus.sample import Media, Sample
from affectus.systems.pairwise_contrastive import (
    LabelFree,
    PairwiseContrastive,
    PairwiseContrastiveConfig,
    contrast,
    convert_official,
    face_graph,
    ours,
    pair_loss,
    sinusoids,
)
from affectus.taxonomy import Target
from affectus.testing.items import synthetic_items
from affectus.testing.learning import built, learn, loss_of
from affectus.training.job import carry_out
from affectus.training.optim import parameter_groups
from affectus.training.recipe import Recipe, parse, read_recipe

GOLDEN = Path(__file__).parents[1] / "golden" / "pairwise-contrastive"
REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "pairwise-contrastive"
IO = load_file(GOLDEN / "io.safetensors")
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text(encoding="utf-8"))
NAMES = {"audio": "audio", "landmarks": "landmark", "text": "text"}  # ours → the official ones, in its order


def views(name: str) -> Tensor:
    """Projections of both views, (2, 4, d); of length 1."""
    return torch.stack([F.normalize(IO[f"projection{view}.{name}"], dim=1) for view in (1, 2)])


# -- the official code -------------------------------------------------------------------------------------------------
def test_the_graph_is_the_official_one() -> None:
    torch.testing.assert_close(face_graph(), IO["A_hat"], atol=1e-6, rtol=0)
    edges = np.argwhere(np.triu((face_graph() > 0).numpy(), 1)).tolist()
    assert edges == MANIFEST["edges"]


def test_losses_are_the_official_ones() -> None:
    close = {"atol": 1e-5, "rtol": 0.0}
    unsupervised = []
    for i, a in enumerate(NAMES.values()):
        for j, b in enumerate(NAMES.values()):
            if i != j:
                unsupervised.append(pair_loss(views(a), views(b)))
                torch.testing.assert_close(unsupervised[-1], IO["pair_loss_unsupervised"][i, j], **close)
                supervised = pair_loss(views(a), views(b), labels=IO["label"])
                torch.testing.assert_close(supervised, IO["pair_loss_supervised"][i, j], **close)
    torch.testing.assert_close(torch.stack(unsupervised).mean(), IO["loss_unsupervised"], **close)
    config = PairwiseContrastiveConfig(modalities=("audio", "landmarks", "text"))
    both = {ours_: torch.cat([IO[f"projection{view}.{name}"] for view in (1, 2)]) for ours_, name in NAMES.items()}
    torch.testing.assert_close(contrast(both, torch.ones(8, 3), 2, config), IO["loss_unsupervised"], **close)
    a, b = IO["toy_a"].transpose(0, 1), IO["toy_b"].transpose(0, 1)
    torch.testing.assert_close(pair_loss(a, b), IO["toy_loss_ab"], **close)
    torch.testing.assert_close(pair_loss(b, a), IO["toy_loss_ba"], **close)
    torch.testing.assert_close(pair_loss(a, b, labels=IO["label"]), IO["toy_loss_ab_supervised"], **close)


def test_names_and_shapes_are_those_of_the_published_size() -> None:
    with torch.device("meta"):
        system = PairwiseContrastive(PairwiseContrastiveConfig())
    state = {name: list(value.shape) for name, value in system.state_dict().items()}
    official = {new: shape for old, shape in MANIFEST["encoder"].items() if (new := ours(old)) is not None}
    video = {f"encoders.video.{k}": v for k, v in MANIFEST["r2plus1d_18"].items() if not k.startswith("fc.")}
    official |= video | {"encoders.video.fc.1.weight": [512, 512], "encoders.video.fc.1.bias": [512]}
    official |= {
        f"projections.video.{k}": official[f"projections.audio.{k}"]
        for k in ("0.weight", "0.bias", "2.weight", "2.bias")
    }
    rest = ("classifier.", "single.")
    assert {name: shape for name, shape in state.items() if not name.startswith(rest)} == official
    two = {
        f"linear{k}.{part}": state[f"classifier.{place}.{part}"]
        for k, place in ((1, 0), (2, 2))
        for part in ("weight", "bias")
    }
    assert two == MANIFEST["classifier"]


def test_the_video_encoder_is_torchvisions() -> None:
    net = VideoResNet(400).eval()
    assert sum(p.numel() for p in net.parameters()) == 31_505_325
    state = net.state_dict()
    assert {name: list(value.shape) for name, value in state.items()} == MANIFEST["r2plus1d_18"]
    rng, weights = np.random.default_rng(0), {}
    for name in sorted(state):
        shape = tuple(state[name].shape)
        value = rng.standard_normal(shape) if shape else np.zeros(())
        if name.endswith("running_var"):
            value = np.abs(value) + 0.5
        elif len(shape) > 1:
            value = value * (2 / np.prod(shape[1:])) ** 0.5
        else:
            value = 0.1 * value + name.endswith("weight")
        weights[name] = torch.tensor(value, dtype=state[name].dtype)
    net.load_state_dict(weights)
    pictures = torch.tensor(rng.standard_normal((2, 3, 8, 32, 32)), dtype=torch.float32)
    with torch.no_grad():
        found = net(pictures)
    torch.testing.assert_close(found, load_file(GOLDEN / "video.safetensors")["outputs"], atol=1e-4, rtol=1e-4)


@pytest.mark.data
def test_features_and_projections_are_the_official_ones() -> None:
    if not REFERENCE.is_dir():
        pytest.skip("the reference is not here")
    system = convert_official(REFERENCE / "encoder_weights.safetensors")
    for view in (1, 2):
        inputs = {new: IO[f"view{view}.{old}"] for new, old in NAMES.items()}
        with torch.no_grad():
            features = system.encode(there=torch.ones(4, 3), **inputs)
            projected = system.project(features)
        for new, old in NAMES.items():
            torch.testing.assert_close(features[new], IO[f"feature{view}.{old}"], atol=1e-4, rtol=0)
            torch.testing.assert_close(projected[new], IO[f"projection{view}.{old}"], atol=1e-4, rtol=0)


# -- properties of the loss --------------------------------------------------------------------------------------------
vectors = st.integers(2, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 2**31)))


@settings(deadline=None, max_examples=25)
@given(vectors)
def test_swapped_views_change_nothing_and_no_loss_is_negative(drawn: tuple[int, int]) -> None:
    n, seed = drawn
    generator = torch.Generator().manual_seed(seed)
    a, b = (F.normalize(torch.randn(2, n, 5, generator=generator), dim=2) for _ in range(2))
    for labels in (None, torch.arange(n) % 2):
        loss = pair_loss(a, b, labels=labels)
        torch.testing.assert_close(pair_loss(a.flip(0), b.flip(0), labels=labels), loss)
        order = torch.randperm(n, generator=generator)
        shuffled = pair_loss(a[:, order], b[:, order], labels=None if labels is None else labels[order])
        torch.testing.assert_close(shuffled, loss)
        assert loss >= 0


def test_known_values_of_the_loss() -> None:
    same = F.normalize(torch.ones(2, 5, 3), dim=2)
    assert pair_loss(same, same).item() == pytest.approx(0.5 * math.log(2 * 5 - 1))
    assert pair_loss(same, same, form="clip").item() == pytest.approx(math.log(5))
    aligned = torch.eye(6)[None].expand(2, -1, -1)
    assert pair_loss(aligned, aligned, temperature=0.02).item() < 1e-6
    assert pair_loss(aligned, aligned, temperature=0.02, form="clip").item() < 1e-6
    assert pair_loss(aligned[:, :1], aligned[:, :1]).item() == 0  # one clip alone has nothing to be told from


def test_a_pair_takes_the_clips_that_have_both() -> None:
    config = PairwiseContrastiveConfig(modalities=("audio", "text"))
    z = {name: torch.randn(8, 3) for name in config.modalities}
    there = torch.tensor([[1, 1], [1, 0], [0, 1], [1, 1]]).repeat(2, 1)
    kept = {name: values[[0, 3, 4, 7]] for name, values in z.items()}
    torch.testing.assert_close(contrast(z, there, 2, config), contrast(kept, torch.ones(4, 2), 2, config))
    assert contrast(z, torch.tensor([[1, 0]] * 8), 2, config) == 0


# -- windows -----------------------------------------------------------------------------------------------------------
def tiny(**changes: Any) -> PairwiseContrastive:
    system = built("pairwise-contrastive/tiny", **changes)
    assert isinstance(system, PairwiseContrastive)
    return system


def clip(frames: int, name: str = "a") -> Sample:
    step = np.arange(frames, dtype=float)
    mel = 10 ** (np.repeat(step[:, None], 128, 1) / 10)
    return Sample(id=name, source=name, features={"mel": mel, "words": np.repeat(step[:, None], 8, 1)})


def test_two_windows_are_cut_at_one_place_for_all_streams() -> None:
    collate = tiny(modalities=("audio", "text")).collate
    clips_ = [clip(40), clip(7, "short")]
    read = collate(clips_)
    assert read.inputs["text"][:, :, 0].tolist() == [list(range(12)), [*range(7), *range(5)]]
    batch = collate(clips_, np.random.default_rng(0))
    starts = batch.inputs["text"][[0, 2], 0, 0]
    assert starts[0] != starts[1]
    for row, start in zip((0, 2), starts, strict=True):
        np.testing.assert_allclose(batch.inputs["text"][row, :, 0], start + np.arange(12))
        np.testing.assert_allclose(batch.inputs["audio"][row, :, 0], start + np.arange(12) - 39, atol=1e-4)
    assert (batch.inputs["text"][1] == batch.inputs["text"][3]).all()
    assert len(batch.spans) == 2
    assert batch.inputs["there"].tolist() == [[1, 1]] * 4


def test_streams_come_from_sound_video_and_points(tmp_path: Path) -> None:
    collate = tiny().collate
    time = np.arange(16_000) / 16_000
    wave = np.where(time < 0.5, 0.01, 1) * np.sin(2 * np.pi * 440 * time) * 0.3
    sound = collate.streams(Sample(id="s", media=Media("audio", array=wave.astype(np.float32), rate=16_000)))["audio"]
    assert sound.shape == (31, 128)  # one second and the frame that its last 10 ms begin
    assert sound.max() == 0
    assert sound[20:].max(1).min() > sound[:13].max(1).max() + 30
    points = np.random.default_rng(0).uniform(100, 300, (20, 68, 2))
    found = collate.streams(Sample(id="p", features={"landmarks": points}))["landmarks"]
    low, high = points.min((0, 1)), points.max((0, 1))
    np.testing.assert_allclose(found, ((points - low) / (high - low))[:, 17:], rtol=1e-5)
    frames = np.zeros((30, 20, 30, 3), np.uint8)
    video = collate([Sample(id="v", media=Media("video", array=frames, rate=30.0))])
    assert video.inputs["video"].shape == (1, 3, 2, 16, 16)
    assert video.inputs["there"].tolist() == [[0, 0, 1, 0]]


def test_augmented_windows_differ_and_reading_ones_do_not() -> None:
    collate = tiny(augment=True).collate
    item = synthetic_items(tiny(), "clip", 1)[0]
    assert isinstance(item, Sample)
    short = replace(item, features={name: stream[:12] for name, stream in item.features.items()})
    drawn, plain = collate([short], np.random.default_rng(0)), collate([short])
    for name in ("video", "audio"):
        assert np.abs(drawn.inputs[name][0] - drawn.inputs[name][1]).max() > 0, name
    for name in ("landmarks", "text"):
        np.testing.assert_array_equal(drawn.inputs[name][:1], plain.inputs[name])


@pytest.mark.parametrize(
    ("features", "what"),
    [
        ({"mel": np.zeros((9, 64))}, r"'mel' of 'x' has shape \(9, 64\)"),
        ({"landmarks": np.zeros((9, 20, 2))}, r"'landmarks' of 'x' has shape \(9, 20, 2\)"),
        ({"words": np.zeros((0, 8))}, "'words' of 'x' has shape"),
        ({"words": np.full((9, 8), np.nan)}, "holds NaN"),
    ],
)
def test_features_that_do_not_fit(features: dict[str, np.ndarray], what: str) -> None:
    with pytest.raises(InputError, match=what):
        tiny().read([Sample(id="x", features=features)])


# -- the system --------------------------------------------------------------------------------------------------------
def test_positions_are_of_time_unless_the_official_ones_are_asked_for() -> None:
    table = sinusoids(6, 8)
    np.testing.assert_allclose(table[3, :2], [math.sin(3), math.cos(3)], rtol=1e-5)
    words = torch.zeros(3, 5, 8)
    for compat, alike in (((), True), (("positions-by-item",), False)):
        encoder = tiny(compat=compat).eval().encoders["text"]
        found = encoder(words, torch.ones(3, 5, dtype=torch.bool))
        assert torch.allclose(found[0], found[2], atol=1e-6) is alike


def test_a_missing_modality_is_zeros_and_teaches_no_norm() -> None:
    system = tiny()
    whole = [item for item in synthetic_items(system, "clip", 4) if isinstance(item, Sample)]
    deaf = [replace(s, features={k: v for k, v in s.features.items() if k != "mel"}) for s in whole]
    apart = system.eval().features(deaf)
    assert np.isnan(apart["audio"]).all()
    np.testing.assert_allclose(apart["text"], system.features(whole)["text"], atol=1e-6)
    statistics = []
    for rows in (whole, [*whole, *(replace(s, features={"mel": s.features["mel"]}) for s in whole)]):
        fresh = tiny().train()
        fresh(**fresh.collate(rows).to("cpu").inputs)
        statistics.append(fresh.encoders["landmarks"].block1.batch_norm.running_mean)
    torch.testing.assert_close(statistics[0], statistics[1])
    assert [list(a.flags) for a in system.read([*whole[:1], Sample(id="none")])] == [[], ["empty"]]


@pytest.mark.parametrize("pair", [("audio", "text"), ("text", "landmarks", "audio"), ("video", "landmarks")])
def test_any_two_or_more_modalities_do(pair: tuple[str, ...]) -> None:
    system = tiny(modalities=pair)
    items = synthetic_items(system, "clip", 4)
    assert torch.isfinite(loss_of(system, items, 0))
    assert len(system.read(items)) == 4


def test_labels_teach_the_classifiers_alone_unless_told_otherwise() -> None:
    for detach in (True, False):
        system = tiny(modalities=("audio", "text"), detach=detach)
        items = synthetic_items(system, "clip", 4)
        batch = system.collate(items).to("cpu")  # one window, hence no contrast
        terms = system.loss(system(**batch.inputs), batch)
        assert set(terms) == {"ravdess-8", "ravdess-8 alone"}
        torch.stack(list(terms.values())).sum().backward()
        grads = [p.grad for p in system.encoders.parameters()]
        assert all((g is None or not g.any()) is detach for g in grads) if detach else all(g is not None for g in grads)


def test_the_objective_sees_no_label() -> None:
    system = tiny(modalities=("audio", "text"))
    items = synthetic_items(system, "clip", 6)
    bare = [replace(item, gold=None) for item in items if isinstance(item, Sample)]
    objective = LabelFree(system.config)
    losses = [objective(system, system.collate(rows, np.random.default_rng(0)).to("cpu")) for rows in (items, bare)]
    assert list(losses[0]) == ["contrast"]
    assert losses[0]["contrast"] == losses[1]["contrast"]
    assert torch.isfinite(objective(system, system.collate(items).to("cpu"))["contrast"])


def test_clips_of_one_label_can_be_alike() -> None:
    free, supervised = tiny(), tiny(alike="label")
    items = synthetic_items(free, "clip", 8)
    values = []
    for system in (free, supervised):
        batch = system.collate(items, np.random.default_rng(0)).to("cpu")
        values.append(float(system.eval().loss(system(**batch.inputs), batch)["contrast"].detach()))
    assert abs(values[0] - values[1]) > 1e-3
    bare = [replace(item, gold=None) for item in items if isinstance(item, Sample)]
    batch = supervised.collate(bare, np.random.default_rng(0)).to("cpu")
    with pytest.raises(ConfigError, match="alike: clip"):
        supervised.loss(supervised(**batch.inputs), batch)


def test_weights_of_positives() -> None:
    weights = tuple(range(1, 7))
    mosei = (Target("mosei-6", "perceived"),)
    system = tiny(targets=mosei, modalities=("audio", "text"), positive=weights).eval()
    gold = np.array([[1, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 1]], np.float32)
    items = with_gold([clip(20), clip(20, "b")], {"mosei-6": gold}, perspective="perceived", by="made", modality="clip")
    batch = system.collate(items).to("cpu")
    outputs = system(**batch.inputs)
    p = torch.sigmoid(outputs["mosei-6"].double())
    wanted = -(torch.tensor(gold * np.array(weights)) * p.log() + torch.tensor(1 - gold) * (1 - p).log()).mean()
    torch.testing.assert_close(system.loss(outputs, batch)["mosei-6"].double(), wanted, atol=1e-6, rtol=1e-5)
    wrong = tiny(modalities=("audio", "text"), positive=(1.0,))
    with pytest.raises(ConfigError, match="1 weights of positives for 'ravdess-8'"):
        loss_of(wrong, synthetic_items(wrong, "clip", 2), 0)


def test_configurations_that_can_not_be() -> None:
    for modalities in (("audio",), ("audio", "audio")):
        with pytest.raises(ConfigError, match="two or more of audio"):
            tiny(modalities=modalities)
    with pytest.raises(ConfigError, match="11 or more with landmarks"):
        tiny(frames=10)
    with pytest.raises(ConfigError, match="with a backbone"):
        tiny(backbone="tiny:bert", compat=("positions-by-item",))


def test_a_text_encoder_takes_the_place_of_word_vectors() -> None:
    system = tiny(backbone="tiny:bert", modalities=("audio", "text"), heads=1).eval()
    said = [replace(clip(20, str(i)), text=text) for i, text in enumerate(("so it is", "no", ""))]
    batch = system.collate(said)
    assert batch.inputs["there"].tolist() == [[1, 1], [1, 1], [1, 0]]
    together, alone = system.features(said), [system.features([s]) for s in said]
    for name in ("audio", "text"):
        np.testing.assert_allclose(together[name], np.concatenate([one[name] for one in alone]), atol=1e-5)
    drawn = system.collate([*said, said[0]], np.random.default_rng(0))
    assert len(drawn.inputs["ids"]) == 8
    given = drawn.to("cpu").inputs
    with torch.no_grad():
        read = system.encode(**given)
        system.train().backbone.eval()  # whose dropout is not 0, unlike the rest's
        learning = system.encode(**given)
    torch.testing.assert_close(learning["text"], read["text"], atol=1e-5, rtol=1e-4)


# -- official files ----------------------------------------------------------------------------------------------------
def test_official_files_with_other_tensors_are_refused(tmp_path: Path) -> None:
    source = tiny(modalities=("audio", "text"), heads=5, words=10)
    names = {ours(name): name for name in _official_names(source)}
    state = {names[name]: value for name, value in source.state_dict().items() if name in names}
    save_file(state, tmp_path / "encoder.safetensors")
    made = convert_official(tmp_path / "encoder.safetensors")
    assert made.config.modalities == ("audio", "text")
    for name, value in made.state_dict().items():
        if name in names:
            torch.testing.assert_close(value, source.state_dict()[name])
    save_file({**state, "strange": torch.zeros(1)}, tmp_path / "more.safetensors")
    with pytest.raises(CheckpointError, match="has no tensor 'strange'"):
        convert_official(tmp_path / "more.safetensors")
    name = next(name for name in state if name.startswith("proj_text"))
    save_file({k: v for k, v in state.items() if k != name}, tmp_path / "less.safetensors")
    with pytest.raises(CheckpointError, match="1 names differ"):
        convert_official(tmp_path / "less.safetensors")
    torch.save({"model": [1, 2]}, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match="does not hold tensors by name"):
        convert_official(tmp_path / "odd.pt")


def _official_names(system: PairwiseContrastive) -> list[str]:
    out = []
    for name in system.state_dict():
        part, _, rest = name.partition(".")
        if part in ("encoders", "projections"):
            which, _, rest = rest.partition(".")
            block = {"audio": "audio_encoder.", "text": "trnn1."}[which] if part == "encoders" else f"proj_{which}."
            rest = rest.removeprefix("transformer.")
            if which == "audio" and rest.startswith("blocks."):
                _, number, place, leaf = rest.split(".")
                rest = f"TCN.{number}.res_conv.{leaf}" if place == "6" else f"TCN.{number}.shared_block.{place}.{leaf}"
            out.append(
                "text_linear." + rest.removeprefix("out.")
                if block == "trnn1." and rest.startswith("out.")
                else block + rest
            )
    return out


# -- training ----------------------------------------------------------------------------------------------------------
CORPUS = Corpus(
    name="own-clips", title="made", modality="clip", targets=(Target("ravdess-8", "intended"),), language="en",
    licence="made", ship=True, consent="nobody", citation="none", perspective_source="made", group="none",
)  # fmt: skip


def test_a_recipe_learns_without_labels_then_probes(tmp_path: Path) -> None:
    system = tiny(modalities=("audio", "text"))
    rows = {
        split: synthetic_items(system, "clip", n, seed) for seed, (split, n) in enumerate((("train", 24), ("dev", 8)))
    }
    splits = {
        split: [
            replace(item, id=f"{split}-{i}", source=split) for i, item in enumerate(items) if isinstance(item, Sample)
        ]
        for split, items in rows.items()
    }
    common = {"system": "pairwise-contrastive/tiny", "data": {"own-clips": 1}, "batch": 8, "trackers": []}
    recipe: Recipe = parse(
        Recipe,
        {
            "runs": {
                "contrast": {
                    **common,
                    "objective": "LabelFree",
                    "epochs": 2,
                    "config": {"modalities": ["audio", "text"]},
                },
                "probe": {
                    **common,
                    "config": {"modalities": ["audio", "text"], "hidden": 0},
                    "init": {"contrast": {"encoders.*": "encoders.*", "projections.*": "projections.*"}},
                    "optim": [{"match": "classifier.*", "lr": 1e-2}, {"match": "*", "lr": 0}],
                    "cache": True,
                    "epochs": 2,
                },
            }
        },
    )
    first, second = carry_out(recipe, tmp_path, tmp_path / "out", own={"own-clips": Loaded(CORPUS, splits)})
    before, after = (load_file(folder / "model.safetensors") for folder in (first, second))
    for name in (n for n in after if n.startswith("encoders.")):
        torch.testing.assert_close(after[name], before[name], atol=0, rtol=0)
    assert len(load(str(second)).read(splits["dev"])) == 8


def test_the_recipe_for_ravdess_optimises_parameters_that_are_there() -> None:
    recipe = read_recipe(Path(__file__).parents[2] / "recipes" / "pairwise-contrastive" / "ravdess.yaml")
    small = {"backbone": {"name": "tiny:bert", "train": False}, "heads": 1}
    trained = []
    for run in recipe.runs.values():
        system = build(run.system, **{**run.config, **small})
        groups = parameter_groups(system, run.optim)
        trained.append({name.split(".")[0] for name, p in system.named_parameters() if p.requires_grad})
        assert groups
    assert trained == [{"encoders", "projections", "classifier", "single"}, {"classifier"}]


@pytest.mark.slow
def test_joint_training_learns() -> None:
    system = tiny()
    items = synthetic_items(system, "clip", 16)
    before = loss_of(system, items, 0).item()
    learn(system, items)
    assert loss_of(system, items, 0).item() < 0.7 * before


def test_the_tiny_size_is_tiny() -> None:
    assert sum(p.numel() for p in build("pairwise-contrastive/tiny").parameters()) < 60_000
