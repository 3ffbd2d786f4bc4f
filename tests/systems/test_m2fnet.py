"""M2FNet against the re-implementation's outputs, and what must hold of any dialogue reader."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from affectus import build
from affectus.corpora.base import Loaded, with_gold
from affectus.corpora.meld import CORPUS
from affectus.errors import ConfigError, InputError
from affectus.sample import Dialogue, Item, Media, Sample, flatten
from affectus.systems.m2fnet import (
    M2FNet,
    M2FNetConfig,
    M2FNetExtractor,
    covariance_loss,
    margins,
    pool_faces,
    triplet_loss,
    triplets,
    variance_loss,
    visual_feature,
)
from affectus.testing.learning import learn
from affectus.training.job import carry_out, load_data
from affectus.training.recipe import Recipe, parse

REFERENCE = Path("../shared/reference/m2fnet")
WIDTHS = {"text": 12, "audio": 8, "visual": 4}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def made(**changes: Any) -> M2FNet:
    """A small network on ready-made features, in evaluation mode."""
    system = build("m2fnet/tiny", **{"backbone": "", "widths": WIDTHS, **changes})
    assert isinstance(system, M2FNet)
    return system.eval()


def talk(turns: int, seed: int = 0, missing: dict[str, list[int]] | None = None) -> Dialogue:
    """A dialogue of random features; `missing` names the turns that lack a modality."""
    rng = np.random.default_rng(seed)
    samples = []
    for i in range(turns):
        given = {name: rng.standard_normal(width).astype(np.float32) for name, width in WIDTHS.items()}
        kept = {name: x for name, x in given.items() if i not in (missing or {}).get(name, [])}
        samples.append(Sample(id=f"{seed}-{i}", source=f"talk-{seed}", item=i, track=f"p{i % 2}", features=kept))
    return Dialogue(tuple(samples), id=f"talk-{seed}")


def logits(system: M2FNet, *items: Item) -> np.ndarray:
    """Outputs of all turns, (turns, 7)."""
    return system.logits(list(items))["meld-7"]


# -- parity ------------------------------------------------------------------------------------------------------------
def _ours(name: str) -> str:
    """Our name of one of the re-implementation's parameters."""
    for theirs, our in {
        "text_encoders.": "encoders.text.transformers.",
        "audio_encoders.": "encoders.audio.transformers.",
        "text_proj.": "encoders.text.projection.",
        "audio_proj.": "encoders.audio.projection.",
        "fusion_layers.": "fusions.",
        "output_layer.": "classifier.layers.",
    }.items():
        name = our + name.removeprefix(theirs) if name.startswith(theirs) else name
    return name.replace(".multihead_attention.", ".attention.audio.")


@pytest.mark.data
def test_the_dialogue_model_is_that_of_the_re_implementation() -> None:
    path = REFERENCE / "fusion_text_audio_io.safetensors"
    if not path.is_file():
        pytest.skip("the reference vectors are not here")
    with safe_open(path, "pt") as file:
        sizes = json.loads(file.metadata()["config"])
    config = M2FNetConfig(
        widths={"text": sizes["text_dim"], "audio": sizes["audio_dim"]},
        width=sizes["fusion_dim"],
        heads=sizes["heads"],
        encoders=sizes["encoders_per_modality"],
        layers=sizes["layers_per_encoder"],
        inner=sizes["ffn"],
        fusions=sizes["fusion_layers"],
        bend=True,
        hidden=sizes["classifier_hidden"],
    )
    system = M2FNet(config).eval()
    weights = load_file(REFERENCE / "fusion_text_audio_weights.safetensors")
    system.load_state_dict({_ours(name): value for name, value in weights.items()})
    io = load_file(path)
    turn = ~io["padding_mask"].bool()
    kept: dict[str, torch.Tensor] = {}
    for name, module in {
        "text": system.encoders["text"],
        "audio": system.encoders["audio"],
        "1": system.fusions[0],
    }.items():
        module.register_forward_hook(lambda _, __, out, name=name: kept.update({name: out}))
    place = torch.full(turn.shape, -1)
    place[turn] = torch.arange(int(turn.sum()))
    with torch.no_grad():
        out = system(place, turn.flatten().nonzero()[:, 0], text=io["text"][turn], audio=io["audio"][turn])
    for found, wanted in (("text", "text_context"), ("audio", "audio_context"), ("1", "fusion_layer_1")):
        torch.testing.assert_close(kept[found][turn], io[wanted][turn], atol=1e-4, rtol=0)
    torch.testing.assert_close(out["meld-7"], io["logits"][turn], atol=1e-4, rtol=0)


@pytest.mark.data
@pytest.mark.parametrize("kind", ["unit", "scaled"])
def test_the_losses_are_those_of_the_formulas(kind: str) -> None:
    path = REFERENCE / "extractor_losses.safetensors"
    if not path.is_file():
        pytest.skip("the reference vectors are not here")
    given = {k.removeprefix(f"{kind}."): v for k, v in load_file(path).items() if k.startswith(f"{kind}.")}
    roles = [given[name] for name in ("anchor", "positive", "negative")]
    near = {"atol": 1e-6, "rtol": 1e-5}
    alike, unlike = margins((roles[0] - roles[1]).norm(dim=1), (roles[0] - roles[2]).norm(dim=1))
    torch.testing.assert_close(alike, given["margin_sim"], **near)
    torch.testing.assert_close(unlike, given["margin_dissim"], **near)
    torch.testing.assert_close(triplet_loss(*roles), given["raw_loss"], **near)
    torch.testing.assert_close(triplet_loss(*roles, detach=False, hinge=True), given["raw_loss"].clamp(min=0), **near)
    for found, name in ((covariance_loss, "covariance_loss"), (variance_loss, "variance_loss")):
        torch.testing.assert_close(torch.stack([found(z) for z in roles]).sum(), given[name], **near)
    # The re-implementation adds 1e-6 inside the denominators, which is felt where e^(−4·D_an + 4) is small.
    distances = [(roles[0] - role).norm(dim=1) for role in roles[1:]]
    theirs = torch.stack(margins(*distances, 1e-6)).sum(0)
    torch.testing.assert_close(theirs, given["reimpl_margin_eps1e-6"], **near)
    torch.testing.assert_close(triplet_loss(*roles, epsilon=1e-6, hinge=True), given["reimpl_relu_loss"], **near)


# -- what must hold ----------------------------------------------------------------------------------------------------
def test_padding_changes_nothing() -> None:
    system = made()
    alone = [logits(system, talk(n, n)) for n in (1, 5, 9)]
    together = logits(system, *(talk(n, n) for n in (1, 5, 9)))
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)


def test_names_of_speakers_change_nothing() -> None:
    system = build("m2fnet/tiny").eval()
    turns = [Sample(id=str(i), source="t", item=i, text=f"line {i}", track="ab"[i % 2]) for i in range(4)]
    renamed = [replace(turn, track="ba"[i % 2]) for i, turn in enumerate(turns)]
    np.testing.assert_array_equal(logits(system, Dialogue(tuple(turns))), logits(system, Dialogue(tuple(renamed))))


def test_other_turns_matter_and_in_past_mode_only_earlier_ones() -> None:
    whole, short = talk(6), Dialogue(talk(6).turns[:4])
    assert np.abs(logits(made(), whole)[:4] - logits(made(), short)).max() > 1e-4
    past = made(past=True)
    np.testing.assert_allclose(logits(past, whole)[:4], logits(past, short), atol=1e-5)
    with pytest.raises(ConfigError, match="past is true and after is 1"):
        build("m2fnet/tiny", past=True)


def test_a_modality_that_is_never_there_is_as_none() -> None:
    """With V absent a layer equals that of two modalities."""
    three, two = made(), made(widths={"text": 12, "audio": 8})
    width, state = three.config.width, three.state_dict()
    kept = {k: v for k, v in state.items() if "visual" not in k}
    for name in [k for k in kept if k.startswith("fusions") and k.endswith("linear.weight")]:
        kept[name] = torch.cat([kept[name][:, :width], kept[name][:, 2 * width :]], 1)
    first = kept["classifier.layers.0.weight"]
    kept["classifier.layers.0.weight"] = torch.cat([first[:, :width], first[:, 2 * width :]], 1)
    two.load_state_dict(kept)
    items = [talk(5, seed, {"visual": list(range(5))}) for seed in (1, 2)]
    np.testing.assert_allclose(logits(three, *items), logits(two, *items), atol=1e-5)


@pytest.mark.parametrize("names", ["text", "audio", "visual", "text audio", "audio visual", "text audio visual"])
def test_any_subset_of_modalities_is_read(names: str) -> None:
    system = made(widths={name: WIDTHS[name] for name in names.split()})
    assert np.isfinite(logits(system, talk(3))).all()
    assert len(system.fusions) == (2 if " " in names else 0)


def test_turns_that_lack_a_modality_are_read_and_turns_without_any_are_flagged() -> None:
    system = made()
    item = talk(5, missing={"text": [0, 3], "audio": [1, 3], "visual": [3]})
    reading = system.read([item])
    scores = reading.scores("meld-7")
    assert np.isnan(scores[3]).all()
    assert np.isfinite(scores[[0, 1, 2, 4]]).all()
    assert [list(a.flags) for a in reading] == [[], [], [], ["empty"], []]
    other = Dialogue((*item.turns[:3], replace(item.turns[3], track="x"), item.turns[4]))
    np.testing.assert_array_equal(system.read([other]).scores("meld-7"), scores)


def test_one_turn_many_turns_and_empty_ones() -> None:
    system = build("m2fnet/tiny").eval()
    assert np.isfinite(logits(system, Sample(id="a", source="t", text="hello"))).all()
    many = Dialogue(
        tuple(Sample(id=str(i), source="t", item=i, text=f"so {i}", track=f"p{i % 40}") for i in range(300))
    )
    assert np.isfinite(logits(system, many)).all()
    turns = [Sample(id=str(i), source="t", item=i, text=text) for i, text in enumerate(["oh", " ", "well"])]
    reading = system.read([Dialogue((*turns, Sample(id="3", source="t", item=3)))])
    assert [list(a.flags) for a in reading] == [[], ["empty"], [], ["empty"]]
    assert np.isnan(reading.scores("meld-7")[[1, 3]]).all()


def test_bare_turns_of_one_source_are_a_dialogue() -> None:
    system = made()
    np.testing.assert_array_equal(logits(system, *talk(5).turns), logits(system, talk(5)))


def test_the_head_gives_from_what_is_encoded_what_forward_gives() -> None:
    system = build("m2fnet/tiny", widths={"audio": 8}).eval()
    items = [
        Dialogue(tuple(replace(turn, text=f"I say {i}") for i, turn in enumerate(talk(n, n).turns))) for n in (2, 1, 4)
    ]
    batch = system.collate(items).to("cpu")
    with torch.no_grad():
        whole, parted = system(**batch.inputs), system.head(**system.encode(**batch.inputs))
    torch.testing.assert_close(parted, whole)
    turns = len(flatten(items))
    assert whole["meld-7"].shape == (turns, 7)


def test_wrong_configurations_and_features_are_named() -> None:
    with pytest.raises(ConfigError, match="no modality"):
        build("m2fnet/tiny", backbone="")
    with pytest.raises(ConfigError, match="both a backbone and a width of text"):
        build("m2fnet/tiny", widths={"text": 8})
    with pytest.raises(ConfigError, match="4 heads of a width of 6"):
        made(widths={"text": 6}, heads=4)
    with pytest.raises(InputError, match=r"'audio' of '0-0' has shape \(8,\)"):
        logits(made(widths={"audio": 10}), talk(2))


# -- extractors --------------------------------------------------------------------------------------------------------
def test_the_printed_margin_draws_negatives_nearer_and_ours_does_not() -> None:
    anchor, positive = torch.zeros(1, 3), torch.zeros(1, 3)
    for detach, sign in ((True, -1), (False, 1)):
        negative = torch.tensor([[0.8, 0.0, 0.0]], requires_grad=True)
        triplet_loss(anchor, positive, negative, detach=detach).sum().backward()
        assert negative.grad is not None
        assert torch.sign(negative.grad[0, 0]) == sign  # descent goes the other way


def test_triplets_have_one_alike_and_one_unlike() -> None:
    labels = np.array([0, 1, 0, -1, 2, 1, 0])
    drawn = triplets(labels, np.random.default_rng(0))
    assert drawn[:, 0].tolist() == [0, 1, 2, 5, 6]  # the third label stands alone, and one is unknown
    assert (labels[drawn[:, 0]] == labels[drawn[:, 1]]).all()
    assert (drawn[:, 0] != drawn[:, 1]).all()
    assert (labels[drawn[:, 0]] != labels[drawn[:, 2]]).all()
    assert (labels[drawn] >= 0).all()
    assert triplets(np.zeros(4, int), np.random.default_rng(0)).shape == (0, 3)


def test_faces_are_weighed_by_area_and_frames_give_the_highest() -> None:
    rng = np.random.default_rng(0)
    faces = rng.standard_normal((3, 5))
    one = np.full(3, 7.0)
    np.testing.assert_allclose(pool_faces([faces], [one]), faces.mean(0), rtol=1e-6)
    np.testing.assert_allclose(pool_faces([faces[:1]], [one[:1]]), faces[0], rtol=1e-6)
    np.testing.assert_allclose(pool_faces([faces], [np.array([1, 0, 3])]), (faces[0] + 3 * faces[2]) / 4, rtol=1e-6)
    none = np.zeros((0, 5))
    both = pool_faces([faces[:1], none, faces[1:2]], [one[:1], one[:0], one[:1]])
    np.testing.assert_allclose(both, np.maximum(faces[0], faces[1]), rtol=1e-6)
    assert np.isnan(pool_faces([none, none], [one[:0]] * 2)).all()


def test_the_visual_feature_is_scene_and_faces() -> None:
    scene, face = (build("m2fnet/tiny-visual").eval() for _ in range(2))
    assert isinstance(scene, M2FNetExtractor)
    assert isinstance(face, M2FNetExtractor)
    frames = np.random.default_rng(0).integers(0, 255, (4, 40, 48, 3)).astype(np.uint8)
    made_ = visual_feature(frames, lambda _: [(4, 6, 20, 30)], scene, face)
    np.testing.assert_allclose(made_[:8], scene.vectors(frames).max(0), rtol=1e-5)
    np.testing.assert_allclose(made_[8:], face.vectors(frames[:, 6:30, 4:20]).max(0), atol=1e-5)
    assert (visual_feature(frames, lambda _: [], scene, face)[8:] == 0).all()


def _sounding(n: int, seed: int) -> list[Sample]:
    """Tones, low and high, with noise: gold follows the pitch."""
    rng, rate = np.random.default_rng(seed), 16_000
    time = np.arange(rate // 2) / rate
    samples = []
    for i in range(n):
        wave = np.sin(2 * np.pi * (200, 2000)[i % 2] * time * rng.uniform(0.9, 1.1)) + 0.1 * rng.standard_normal(
            len(time)
        )
        media = Media("audio", array=(0.1 * wave).astype(np.float32), rate=rate)
        samples.append(Sample(id=f"{seed}-{i}", source=f"t{seed}", item=i, text="oh", media=media))
    gold = np.zeros((n, 7), np.float32)
    gold[range(n), np.arange(n) % 2] = 1
    return with_gold(samples, {"meld-7": gold}, perspective="perceived", by="made", modality="dialogue")


def test_the_extractor_draws_like_sounds_together() -> None:
    system = build("m2fnet/tiny-audio")
    learn(system, [*_sounding(12, 0)])
    with torch.no_grad():
        found = system.eval()(**system.collate([*_sounding(8, 1)]).to("cpu").inputs)["embedding"]
    near = torch.nn.functional.normalize(found, dim=1)
    cosine = (near @ near.T).numpy()
    same = np.arange(8)[:, None] % 2 == np.arange(8) % 2
    assert cosine[same].mean() > cosine[~same].mean() + 0.5


def test_the_extractor_is_a_part_of_the_dialogue_model() -> None:
    system = build("m2fnet/tiny", audio="m2fnet/tiny-audio").eval()
    turns = _sounding(3, 0)
    silent = [turns[0], replace(turns[1], media=None), turns[2]]
    batch = system.collate([Dialogue(tuple(silent))]).to("cpu")
    with torch.no_grad():
        whole, parted = system(**batch.inputs), system.head(**system.encode(**batch.inputs))
    torch.testing.assert_close(parted, whole)
    both = [logits(system, Dialogue(tuple(rows))) for rows in (turns, silent)]
    assert np.abs(both[0] - both[1]).max() > 1e-4
    mute = [replace(turns[0], text=None), replace(turns[1], text=None, media=None)]
    assert [list(a.flags) for a in system.read([Dialogue(tuple(mute))])] == [[], ["empty"]]
    with pytest.raises(ConfigError, match="audio is ''"):
        M2FNet(M2FNetConfig(widths={"text": 4}), system.audio)


# -- training ----------------------------------------------------------------------------------------------------------
def _corpus() -> Loaded:
    words = ("happy", "angry")
    splits = {}
    for split, talks in {"train": 6, "dev": 2}.items():
        turns = [
            Sample(
                id=f"{split}-{i}-{j}",
                source=f"{split}/{i}",
                item=j,
                text=words[(i + j) % 2],
                track="ab"[j % 2],
                groups={"dialogue": f"{split}-{i}"},
            )
            for i in range(talks)
            for j in range(3)
        ]
        gold = np.zeros((len(turns), 7), np.float32)
        gold[range(len(turns)), [(i + j) % 2 for i in range(talks) for j in range(3)]] = 1
        splits[split] = with_gold(turns, {"meld-7": gold}, perspective="perceived", by="made", modality="text")
    return Loaded(CORPUS, splits)


def test_two_stages_of_a_recipe_learn_whole_dialogues(tmp_path: Path) -> None:
    common = {"data": {"meld": 1}, "epochs": 2, "batch": 2, "trackers": []}
    recipe: Recipe = parse(
        Recipe,
        {
            "runs": {
                "text": {"system": "m2fnet/tiny-text", **common},
                "dialogue": {
                    "system": "m2fnet/tiny",
                    "init": {"text": {"backbone.*": "backbone.*"}},
                    "optim": [{"match": "backbone.*", "lr": 0}, {"lr": 1e-3}],
                    "cache": True,
                    **common,
                },
            }
        },
    )
    own = {"meld": _corpus()}
    data, *_ = load_data(recipe.runs["dialogue"], tmp_path, own)
    assert [len(item.turns) for item in data.train if isinstance(item, Dialogue)] == [3] * 6
    first, second = carry_out(recipe, tmp_path, tmp_path / "out", own=own)
    before, after = (load_file(folder / "model.safetensors") for folder in (first, second))
    shared = [name for name in after if name.startswith("backbone.")]
    assert shared
    for name in shared:
        torch.testing.assert_close(after[name], before[name], atol=0, rtol=0)
    assert (second / "card.json").is_file()


def test_a_sampler_of_single_turns_is_refused(tmp_path: Path) -> None:
    run = {"system": "m2fnet/tiny", "data": {"meld": 1}, "sampler": "balanced", "trackers": []}
    with pytest.raises(ConfigError, match="learns whole dialogues"):
        carry_out(parse(Recipe, {"runs": {"a": run}}), tmp_path, tmp_path / "out", own={"meld": _corpus()})
