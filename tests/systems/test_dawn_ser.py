"""Dawn-SER: equality with the published code path, released tensors, masks, windows, other encoders, strict loading."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from affectus import assets, registry
from affectus.backbones import sound, tiny
from affectus.backbones.sound import Shape
from affectus.errors import AssetError, CheckpointError, ConfigError
from affectus.nn.losses import concordance, concordance_loss
from affectus.sample import Media, Sample
from affectus.systems import dawn_ser as d
from affectus.taxonomy import Target
from affectus.timeline import Timeline

REFERENCE = Path(__file__).parents[1] / "golden/dawn-ser"
MANIFEST = json.loads((REFERENCE / "manifest.json").read_text())
SPACE = d.SPACE.scale


def made(name="dawn-ser/tiny", **changes):
    torch.manual_seed(0)
    return registry.build(name, **changes).eval()


def wave(seconds, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * d.RATE)) / d.RATE
    tone = 0.1 * np.sin(2 * np.pi * rng.uniform(100, 300) * time) * (1 + np.sin(2 * np.pi * 3 * time))
    return (tone + 0.01 * rng.standard_normal(len(time))).astype(np.float32)


def sample(values, **more):
    return Sample(id="x", media=Media("audio", array=values, rate=d.RATE), **more)


def official(folder, system=None, spelling="new", **config):
    """A network of ours, saved as the release is."""
    system = system or made()
    old = {"original0": "weight_g", "original1": "weight_v"}
    names = {}
    for name in system.state_dict():
        theirs = name.replace("backbone.net.", "wav2vec2.")
        if spelling == "old" and "parametrizations" in theirs:
            stem, _, last = theirs.rpartition(".parametrizations.weight.")
            theirs = f"{stem}.{old[last]}"
        names[theirs] = system.state_dict()[name].contiguous()
    save_file(names, folder / "model.safetensors")
    row = {
        **system.backbone.net.config.to_dict(),
        "vocab_size": None,
        "final_dropout": 0.0,
        "id2label": {"0": "arousal", "1": "dominance", "2": "valence"},
    }
    (folder / "config.json").write_text(json.dumps(row | config))
    return system


# -- the released network ----------------------------------------------------------------------------------------------
def test_the_released_tensors_are_covered_exactly():
    with torch.device("meta"):  # 165 million weights that take no memory
        system = registry.build("dawn-ser/large-robust-12")
    own = {name: list(value.shape) for name, value in system.state_dict().items()}
    assert own == {d.ours(name): shape for name, shape in MANIFEST.items()}
    assert len(own) == 234
    assert sum(p.numel() for p in system.parameters()) == sum(int(np.prod(s)) for s in MANIFEST.values())


def test_the_released_sizes_are_those_of_the_paper():
    with torch.device("meta"):
        net = registry.build("dawn-ser/large-robust-12").backbone.net
    assert [c.conv.kernel_size[0] for c in net.feature_extractor.conv_layers] == [10, 3, 3, 3, 3, 2, 2]
    assert [c.conv.stride[0] for c in net.feature_extractor.conv_layers] == [5, 2, 2, 2, 2, 2, 2]
    assert all(type(c).__name__ == "Wav2Vec2LayerNormConvLayer" for c in net.feature_extractor.conv_layers)
    assert type(net.encoder).__name__ == "Wav2Vec2EncoderStableLayerNorm"
    assert len(net.encoder.layers) == 12
    assert net.encoder.pos_conv_embed.conv.kernel_size == (128,)
    assert net.encoder.pos_conv_embed.padding.num_pad_remove == 1
    assert {net.config.layerdrop, net.config.hidden_dropout, net.config.attention_dropout} == {0.1}


@pytest.mark.parametrize("spelling", ["old", "new"])
def test_a_release_in_either_spelling_gives_the_same_scores(tmp_path, spelling):
    system = official(tmp_path, spelling=spelling)
    converted = d.convert_official(tmp_path)
    batch = system.collate([sample(wave(0.9))])
    with torch.no_grad():
        one, two = (s(**batch.to("cpu").inputs)[SPACE] for s in (system, converted))
    assert torch.equal(one, two)


def test_a_pickled_release_is_read_only_if_it_holds_tensors(tmp_path):
    system = official(tmp_path)
    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    assert torch.equal(d.convert_official(tmp_path).classifier.dense.weight, system.classifier.dense.weight)
    (tmp_path / "pytorch_model.bin").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="safely"):
        d.convert_official(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": "encoder.pos_conv_embed.conv.parametrizations.weight.original0"}, "1 names differ"),
        ({"add": "projector.weight"}, "1 names differ"),
        ({"config": {"hidden_size": 16}}, "size mismatch"),
        ({"config": {"conv_kernel": [10, 3]}}, "convolutions"),
        ({"config": {"id2label": {"0": "valence", "1": "arousal", "2": "dominance"}}}, "labels"),
    ],
)
def test_nothing_is_left_random(tmp_path, change, message):
    official(tmp_path, **change.get("config", {}))
    tensors = load_file(tmp_path / "model.safetensors")
    if "drop" in change:
        del tensors["wav2vec2." + change["drop"]]
    if "add" in change:
        tensors[change["add"]] = torch.zeros(2)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=message):
        d.convert_official(tmp_path)


@torch.no_grad()
def test_scores_equal_the_published_path_on_the_class_itself():
    """The class's own forward with an attention mask, the mean over valid frames, two layers."""
    system = made()
    waves = [d.normalised(wave(s, i)) for i, s in enumerate((1.0, 0.33))]
    alone = []
    for one in waves:
        hidden = system.backbone.net(torch.from_numpy(one)[None]).last_hidden_state
        x = hidden.mean(1)
        head = system.classifier
        alone.append(head.out_proj(torch.tanh(head.dense(x))))
    batch = system.collate([sample(w) for w in waves])
    torch.testing.assert_close(system(**batch.to("cpu").inputs)[SPACE], torch.cat(alone), atol=1e-5, rtol=0)


@torch.no_grad()
def test_reference_vectors():
    io = load_file(REFERENCE / "io.safetensors")
    system = made(shape=Shape(channels=24, width=32, layers=3, heads=4, inner=64))
    system.load_state_dict({d.ours(k): v for k, v in load_file(REFERENCE / "tiny_weights.safetensors").items()})
    net, before = system.backbone.net, {}
    net.encoder.layer_norm.register_forward_pre_hook(lambda _, args: before.update(last=args[0]))

    def close(found, name):
        torch.testing.assert_close(found, io[name], atol=1e-5, rtol=0)

    for i in range(2):
        one = torch.from_numpy(d.normalised(io[f"raw_{i}"].numpy()))
        close(one, f"normalised_{i}")
        close(net.feature_extractor(one[None])[0], f"conv_features_{i}")
        lengths = torch.tensor([len(one)])
        states, _ = system.backbone(one[None], lengths, every_layer=True)
        for j in range(3):
            close(states[j, 0], f"hidden_{i}_{j}")
        close(before["last"][0], f"hidden_{i}_3")
        close(states[-1, 0], f"last_hidden_{i}")
    raw = [sample(io[f"raw_{i}"].numpy()) for i in range(2)]
    batch = system.collate(raw).to("cpu")
    assert system.backbone.frames(batch.inputs["lengths"]).tolist() == io["batch_feature_lengths"].tolist()
    pooled, scores = system.pooled(**system.encode(**batch.inputs)), system(**batch.inputs)[SPACE]
    for i in range(2):
        close(pooled[i], f"pooled_{i}")
        close(scores[i], f"logits_{i}")
    torch.testing.assert_close(concordance(io["ccc_pred"], io["ccc_true"]), io["ccc_value"], atol=1e-9, rtol=0)
    loss = concordance_loss(io["ccc_pred"], io["ccc_true"])
    torch.testing.assert_close(loss, io["ccc_loss"].squeeze(), atol=1e-9, rtol=0)


# -- input -------------------------------------------------------------------------------------------------------------
def test_gain_and_offset_change_nothing():
    system, x = made(), wave(1.0)
    want = system.logits([sample(x)])[SPACE]
    for changed in (0.2 * x, 4 * x, x + 0.3, 0.5 * x - 0.1):
        np.testing.assert_allclose(system.logits([sample(changed.astype(np.float32))])[SPACE], want, atol=1e-5)


def test_whisper_hears_no_gain_and_no_offset_either():
    system, x = made("dawn-ser/whisper-tiny", backbone="tiny:whisper"), wave(1.0)
    want = system.logits([sample(x)])["emodb-4"]
    np.testing.assert_allclose(system.logits([sample(3 * x + np.float32(0.1))])["emodb-4"], want, atol=1e-4)


@pytest.mark.parametrize("backbone", ["tiny:wav2vec2", "tiny:hubert", "tiny:wavlm", "tiny:whisper"])
@pytest.mark.parametrize("mix", [False, True])
def test_any_encoder_fits_and_a_batch_is_its_members(backbone, mix):
    system = made(shape=None, backbone=backbone, mix=mix)
    items = [sample(wave(s, i)) for i, s in enumerate((0.5, 1.3, 0.35))]
    alone = np.concatenate([system.logits([item])[SPACE] for item in items])
    np.testing.assert_allclose(system.logits(items)[SPACE], alone, atol=1e-5)
    assert system.embed(items).shape == (3, 32)


def test_a_padded_batch_without_mask_would_be_wrong():
    """The released snippet reads single clips and ignores the mask; here is what that would do to a batch."""
    system, short = made(), d.normalised(wave(0.4))
    padded = torch.from_numpy(np.pad(short, (0, 16000)))[None]
    with torch.no_grad():
        right, _ = system.backbone(padded, torch.tensor([len(short)]))
        wrong, _ = system.backbone(padded, torch.tensor([padded.shape[1]]))
    assert (right[0, 0, :10] - wrong[0, 0, :10]).abs().max() > 1e-2


def test_long_speech_is_cut_evenly_and_pooled_over_all_of_it():
    system, x = made(window=1.0), wave(2.5)
    batch = system.collate([sample(x), sample(x[:8000])])
    assert batch.inputs["owner"].tolist() == [0, 0, 0, 1]
    assert set(np.diff(batch.inputs["lengths"][:3])) <= {-1, 0}
    parts = np.array_split(d.normalised(x), 3)
    with torch.no_grad():
        states = [system.backbone(torch.from_numpy(p)[None], torch.tensor([len(p)]))[0][-1, 0] for p in parts]
    np.testing.assert_allclose(system.embed([sample(x)])[0], torch.cat(states).mean(0).numpy(), atol=1e-5)


@pytest.mark.parametrize(("samples", "flag"), [(0, "silent"), (160, "short"), (399, "short"), (4000, "short")])
def test_clips_without_enough_sound_get_a_flag_and_no_scores(samples, flag):
    timeline = made().read([sample(wave(1.0)[:samples])])
    assert flag in timeline[0].flags
    assert np.isnan(timeline.scores(SPACE)).all()


def test_silence_around_the_sound_is_cut_where_that_is_asked_for():
    still, loud = np.zeros(d.RATE, np.float32), wave(1.0)
    around = np.concatenate([still, loud, still])
    for trim, seconds in ((False, 3.0), (True, 1.2)):
        lengths = made(trim=trim).collate([sample(around)]).inputs["lengths"]
        assert lengths.tolist() == [round(seconds * d.RATE)]


def test_levels_beyond_the_scale_are_cut_and_flagged():
    system = made()
    with torch.no_grad():
        system.classifier.out_proj.bias.copy_(torch.tensor([2.0, 0.5, -1.0]))
    timeline = system.read([sample(wave(1.0))])
    arousal, _, valence = timeline.scores(SPACE)[0]
    assert (arousal, valence) == (1.0, 0.0)
    assert d.BEYOND in timeline[0].flags
    assert system.logits([sample(wave(1.0))])[SPACE][0, 0] > 1.5


def test_the_order_is_arousal_dominance_valence():
    timeline = made().read([sample(wave(1.0))])
    assert timeline.scales[0].labels == ("arousal", "dominance", "valence")


# -- training ----------------------------------------------------------------------------------------------------------
def test_hidden_stretches_have_the_published_rates():
    rng = np.random.default_rng(0)
    rows = d.hidden_stretches(np.full(4000, 500), 0.05, 10, 2, rng)
    assert rows.shape == (4000, 500)
    assert 0.045 < rows.mean() < 0.05  # 2.5 stretches of 10 in 500, now and then overlapping
    short = d.hidden_stretches(np.array([15, 9, 30]), 0.05, 10, 2, rng)
    assert short.sum(1)[0] == 10
    assert short.sum(1)[1] == 0
    assert 11 <= short.sum(1)[2] <= 20
    assert not short[:2, 15:].any()


def test_hidden_frames_are_replaced_in_training_only():
    system, item = made(), sample(wave(1.0))
    assert "masked" not in system.collate([item]).inputs
    batch = system.collate([item], np.random.default_rng(0))
    hidden = batch.inputs["masked"]
    with torch.no_grad():
        states = [system.backbone(**part)[0] for part in (_backbone(batch), _backbone(batch) | {"masked": None})]
    assert hidden.any()
    assert not torch.allclose(*states)


def _backbone(batch):
    inputs = batch.to("cpu").inputs
    return {name: inputs[name] for name in ("heard", "lengths", "masked")}


@pytest.mark.parametrize("backbone", ["tiny:hubert", "tiny:wavlm", "tiny:whisper"])
def test_other_encoders_train_with_hidden_frames(backbone):
    system = made(shape=None, backbone=backbone).train()
    batch = system.collate([sample(wave(1.01)), sample(wave(0.5))], np.random.default_rng(0))
    outputs = system(**batch.to("cpu").inputs)[SPACE]
    outputs.sum().backward()
    assert system.classifier.dense.weight.grad is not None


@pytest.mark.parametrize("backbone", ["tiny:wav2vec2", "tiny:whisper"])
@pytest.mark.parametrize(("trained", "layers"), [(None, 2), (0, 0), (1, 1), (2, 2)])
def test_only_the_top_layers_are_trained_and_stored(tmp_path, backbone, trained, layers):
    system = made(shape=None, backbone=backbone, trained=trained)
    free = {
        n.split("layers.")[1].split(".")[0]
        for n, p in system.named_parameters()
        if "layers." in n and p.requires_grad and "conv_layers" not in n
    }
    assert len(free) == layers
    assert not any(p.requires_grad for n, p in system.named_parameters() if "conv1" in n or "feature_extractor" in n)
    stored = system.owned()
    assert any("layers.0." in n for n in stored) == (trained in (None, 2))
    system.save_pretrained(tmp_path)
    again = d.DawnSER.restore(tmp_path)
    items = [sample(wave(0.7))]
    assert np.array_equal(again.logits(items)[SPACE], system.logits(items)[SPACE])


def test_a_pretrained_encoder_is_pruned_from_above():
    whole, cut = sound.sound_encoder("tiny:wav2vec2"), sound.sound_encoder("tiny:wav2vec2", keep=1)
    x, lengths = torch.from_numpy(d.normalised(wave(0.5)))[None], torch.tensor([8000])
    with torch.no_grad():
        states, _ = whole(x, lengths, every_layer=True)
        kept, _ = cut(x, lengths)
    torch.testing.assert_close(kept[0], whole.net.encoder.layer_norm(states[1]))
    assert cut.net.config.num_hidden_layers == 1
    with pytest.raises(ConfigError, match="kept"):
        sound.sound_encoder("tiny:wav2vec2", keep=3)


def test_a_last_batch_of_one_row_is_trained_on_as_well():
    system = made(standardise=True).train()
    batch = system.collate([sample(wave(0.7))]).to("cpu")
    system(**batch.inputs)[SPACE].sum().backward()
    assert torch.isfinite(system.classifier.dense.weight.grad).all()


def test_categories_are_trained_by_cross_entropy():
    system = made(targets=(Target("emodb-4", "intended"), Target(SPACE, "intended")))
    gold = Timeline.build([("a",)], {"emodb-4": [[0, 1, 0, 0]]}, perspective="intended", by="t", modality="gold")
    batch = system.collate([sample(wave(1.0), gold=gold)]).to("cpu")
    outputs = system(**batch.inputs)
    terms = system.loss(outputs, batch)
    assert list(terms) == ["emodb-4"]
    torch.testing.assert_close(terms["emodb-4"], -outputs["emodb-4"].log_softmax(1)[0, 1])


@pytest.mark.parametrize(
    "changes", [{"targets": ()}, {"keep": 2}, {"trained": 1}, {"shape": None, "backbone": "tiny:whisper", "trained": 3}]
)
def test_impossible_configurations_are_refused(changes):
    with pytest.raises(ConfigError):
        made(**changes)


def test_other_networks_are_no_encoders_of_sound():
    with pytest.raises(CheckpointError, match="wav2vec"):
        sound.sound_encoder("tiny:bert")


@pytest.mark.assets
def test_the_real_whisper_gives_the_states_of_its_class():
    try:
        assets.path("whisper-tiny-en")
    except AssetError as error:
        pytest.skip(str(error))
    system = made("dawn-ser/whisper-tiny")
    assert system.embed([sample(wave(1.0))]).shape == (1, 384)
    assert sum(p.numel() for p in system.parameters() if p.requires_grad) < 200_000


def test_random_shapes_cover_the_family():
    for kind in ("wav2vec2", "hubert", "wavlm"):
        small = Shape(kind=kind, channels=8, width=16, layers=1, heads=2, inner=16, positions=16, groups=4)
        assert sound.random_encoder(small).layers == 1
    assert tiny.model("wavlm").config.feat_extract_norm == "group"
