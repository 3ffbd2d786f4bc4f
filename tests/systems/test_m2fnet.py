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
from affectus.sample import Dialogue, Item, Sample, flatten
from affectus.systems.m2fnet import M2FNet, M2FNetConfig
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
