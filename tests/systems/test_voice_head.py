from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import affectus
from affectus import assets, registry
from affectus.errors import AssetError, CheckpointError, ConfigError, InputError
from affectus.sample import Media, Sample
from affectus.systems import voice_head
from affectus.systems.voice_head import RATE, VoiceHead, logistic, principal, row_space
from affectus.testing import synthetic_items
from affectus.timeline import Timeline

SHARED = Path(__file__).parents[3] / "shared" / "data"


def tiny(**changes) -> VoiceHead:
    torch.manual_seed(0)
    return registry.build("voice-head/tiny", **changes)


def buzz(pitch=150.0, seconds=1.0, gain=0.1):
    time = np.arange(int(seconds * RATE)) / RATE
    return (gain * sum(np.sin(2 * np.pi * pitch * h * time) / h for h in range(1, 8))).astype(np.float32)


def sample(wave, rate=RATE, **more):
    return Sample(id="x", source="x", media=Media("audio", array=wave, rate=rate), **more)


def taught(**changes) -> tuple[VoiceHead, list[Sample]]:
    """A tiny reader that was fitted on four pitches by four speakers."""
    reader = tiny(**changes)
    items = [replace(item, track=f"s{i // 12}") for i, item in enumerate(synthetic_items(reader, "voice", 48))]
    reader.held = reader.fit([reader.collate(items)])
    return reader, items


@pytest.fixture(scope="module")
def fitted():
    return taught()


# -- what is learned ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("k", [2, 3])
def test_logistic_in_the_row_space_is_the_full_one(k):
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=(40, 90)), np.arange(40) % k
    weight, bias = logistic(x, label, k, 0.1)
    full = LogisticRegression(C=0.1, class_weight="balanced", max_iter=5000, tol=1e-8).fit(x, label)
    p = np.exp(x @ weight.T + bias)
    assert np.allclose(p / p.sum(1, keepdims=True), full.predict_proba(x), atol=2e-3)


def test_absent_classes_are_never_read():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 5))
    for label in (np.full(30, 2), np.where(x[:, 0] > 0, 1, 3)):
        weight, bias = logistic(x, label, 4, 1.0)
        assert set((x @ weight.T + bias).argmax(1)) == set(label)


def test_principal_components_find_the_directions_of_most_variance():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 6)) * [5, 3, 1, 1, 1, 1]
    axes, variance, rest = principal(z, 2)
    assert np.allclose(axes @ axes.T, np.eye(2), atol=1e-6)
    assert np.abs(axes[0, 0]) > 0.99
    assert variance == pytest.approx([25, 9], rel=0.15)
    assert rest == pytest.approx(1, rel=0.15)
    assert row_space(z[:3]).shape == (3, 6)


def test_the_fit_learns_the_task_and_leaves_each_speaker_out_in_turn(fitted):
    reader, items = fitted
    gold = np.concatenate([item.gold.scores("emodb-4") for item in items])
    assert (reader.read(items).scores("emodb-4").argmax(1) == gold.argmax(1)).mean() >= 0.9
    held = reader.held
    assert held.outputs["emodb-4"].shape == gold.shape
    assert np.array_equal(np.sort(held.targets["emodb-4"].argmax(1)), np.sort(gold.argmax(1)))
    without = tiny()
    rows = without.features([without.collate(items)])
    without.learn(rows.where(rows.speaker != "s0"))
    logits, distance = without.answer(rows.where(rows.speaker == "s0"))
    assert np.allclose(held.outputs["emodb-4"][:12], logits, atol=1e-4)
    assert np.allclose(held.outputs["distance"][:12], distance, rtol=1e-4)


def test_degraded_copies_are_learned_from_but_not_calibrated_on():
    reader = tiny()
    items = [replace(item, track=f"s{i % 3}") for i, item in enumerate(synthetic_items(reader, "voice", 12))]
    batches = [reader.collate(items), reader.collate(items, np.random.default_rng(0))]
    assert len(reader.features(batches).label) == 24
    assert len(reader.fit(batches).targets["emodb-4"]) == 12


def test_two_speakers_are_too_few_to_leave_one_out():
    reader = tiny()
    items = [replace(item, track=f"s{i % 2}") for i, item in enumerate(synthetic_items(reader, "voice", 8))]
    assert reader.fit([reader.collate(items)]) is None


def test_gold_is_needed_to_learn():
    reader = tiny()
    with pytest.raises(InputError, match="gold"):
        reader.fit([reader.collate([sample(buzz())])])
    with pytest.raises(InputError, match="nothing"):
        reader.fit([])


# -- reading -----------------------------------------------------------------------------------------------------------
def test_a_batch_is_exactly_its_members(fitted):
    reader, _ = fitted
    items = [sample(buzz(120, 0.5)), sample(buzz(240, 2.3)), sample(buzz(180, 1.1))]
    together = reader.read(items).scores("emodb-4")
    alone = np.concatenate([reader.read([item]).scores("emodb-4") for item in items])
    assert np.allclose(together, alone, atol=1e-6)


def test_gain_offset_and_silence_around_change_next_to_nothing(fitted):
    reader, _ = fitted
    wave = buzz(200, 1.0) * np.hanning(RATE).astype(np.float32) ** 0.2
    still = np.zeros(RATE, np.float32)
    want = reader.read([sample(wave)]).scores("emodb-4")
    for other in (wave * 0.1, wave * 0.5 + 0.2, np.concatenate([still, wave, still])):
        assert np.abs(reader.read([sample(other)]).scores("emodb-4") - want).max() < 0.05


def test_long_speech_is_read_in_windows_and_its_moments_joined():
    reader = tiny(window=1.0)
    batch = reader.collate([sample(buzz(150, 2.7)), sample(buzz(150, 0.7))])
    assert batch.inputs["owner"].tolist() == [0, 0, 0, 1]
    assert batch.inputs["lengths"].max() <= 100
    encoded = reader.encode(**batch.to("cpu").inputs)
    states, counts = encoded["states"][:3], encoded["counts"]
    frames = [(n + 1) // 2 for n in batch.inputs["lengths"][:3]]
    joined = torch.cat([states[i, :, :n] for i, n in enumerate(frames)], 1)  # (layers, t, width)
    assert counts.tolist()[0] == joined.shape[1]
    moments = torch.stack([joined.mean(1), joined.std(1, correction=0)], 1).flatten()
    assert torch.allclose(encoded["pooled"][0], moments, atol=1e-4)


def test_frames_add_up_to_the_part_of_the_logits_that_is_a_mean(fitted):
    reader, items = fitted
    batch = reader.collate(items[:3])
    encoded = reader.encode(**batch.to("cpu").inputs)
    outputs = reader.head(**encoded)
    flat = dict(encoded)
    width = reader.backbone.width
    shape = (len(items[:3]), 2, 2, width)
    only_spread = encoded["pooled"].reshape(shape).clone()
    only_spread[:, :, 0] = reader.standard.mean.reshape(2, 2, width)[:, 0]
    flat["pooled"] = only_spread.flatten(1)
    rest = reader.head(**flat)["emodb-4"]
    valid = [(n + 1) // 2 for n in batch.inputs["lengths"]]
    sums = torch.stack([outputs["frames"][i, :n].sum(0) for i, n in enumerate(valid)])
    assert torch.allclose(outputs["emodb-4"] - rest, sums, atol=1e-4)


def test_evidence_names_a_stretch_within_the_sample_and_descriptors(fitted):
    reader, _ = fitted
    affect = reader.read([sample(buzz(200, 1.5), start=10.0, end=11.5)])[0]
    span, *descriptors = affect.evidence
    assert span.kind == "span"
    assert 10 <= span.start < span.end <= 11.5
    assert span.end - span.start <= voice_head.SPAN + 1e-6
    assert len(descriptors) == voice_head.SHOWN
    assert all(d.kind == "prosody" and d.text.endswith(" sd") for d in descriptors)


def test_times_come_from_the_sound_where_the_sample_has_none(fitted):
    reader, _ = fitted
    affect = reader.read([sample(buzz(200, 1.5))])[0]
    assert (affect.start, affect.end) == (0.0, 1.5)
    cut = Sample(id="x", source="x", media=Media("audio", array=buzz(200, 1.0), rate=RATE, start=3.0))
    assert reader.read([cut])[0].start == 3.0


@pytest.mark.parametrize(
    ("wave", "flag"),
    [
        (np.zeros(RATE, np.float32), "silent"),
        (np.full(RATE, 0.3, np.float32), "silent"),
        (np.full(RATE, np.nan, np.float32), "non-finite-replaced"),
        (np.zeros(0, np.float32), "silent"),
        (buzz(200, 0.01), "short"),
        (np.concatenate([buzz(200, 0.1), np.zeros(RATE, np.float32)]), "short"),
    ],
)
def test_nothing_is_said_of_silence_and_splinters(fitted, wave, flag):
    timeline = fitted[0].read([sample(wave)])
    assert flag in timeline[0].flags
    assert np.isnan(timeline.scores("emodb-4")).all()
    assert timeline[0].labels == ()
    assert timeline[0].top is None


def test_broken_samples_within_speech_are_flagged_and_read(fitted):
    wave = buzz(200)
    wave[100:120] = np.nan
    affect = fitted[0].read([sample(wave)])[0]
    assert "non-finite-replaced" in affect.flags
    assert affect.top is not None


def test_strange_sound_is_refused(fitted):
    reader, items = fitted
    held = reader.held.outputs["distance"]
    reader.readouts = (replace(reader.readouts[0], limit=float(np.quantile(held, 0.95))),)
    noise = np.random.default_rng(0).normal(scale=0.1, size=RATE).astype(np.float32)
    affect = reader.read([sample(noise)])[0]
    assert "abstained:out-of-distribution" in affect.flags
    assert affect.labels == ()
    familiar = reader.read(items[:12])
    assert sum(a.abstained for a in familiar) <= 3


# -- persistence and configuration -------------------------------------------------------------------------------------
def test_a_checkpoint_holds_the_head_and_only_names_the_encoder(tmp_path):
    reader, items = taught(prosody=True, derived=("ekman-6+neutral",))
    reader.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size < 60_000
    again = registry.load(str(tmp_path))
    a, b = reader.read(items[:4]), again.read(items[:4])
    assert np.array_equal(a.scores("emodb-4"), b.scores("emodb-4"))
    assert {s.name for s in b.scales} == {"emodb-4", "ekman-6+neutral"}
    assert again.config.backbone_hash


def test_another_encoder_under_the_same_name_is_refused():
    with pytest.raises(CheckpointError, match="fitted on"):
        tiny(backbone_hash="0" * 16)


@pytest.mark.parametrize("changes", [{"layers": (0, 7)}, {"layers": ()}, {"targets": ()}])
def test_impossible_configurations_are_refused(changes):
    with pytest.raises(ConfigError):
        tiny(**changes)


# -- the shipped reader ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def shipped():
    try:
        assets.path("whisper-tiny-en")
    except AssetError:
        pytest.skip("the assets are not fetched")
    return affectus.load("affectus/voice-embedded")


@pytest.mark.assets
def test_noise_and_tones_are_refused_by_the_shipped_reader(shipped):
    rng = np.random.default_rng(0)
    time = np.arange(2 * RATE) / RATE
    for wave in (0.1 * rng.standard_normal(2 * RATE), 0.3 * np.sin(2 * np.pi * 440 * time), np.zeros(2 * RATE)):
        affect = shipped.read([sample(wave.astype(np.float32))])[0]
        assert affect.labels == ()
        assert {"silent", "abstained:out-of-distribution"} & set(affect.flags)


@pytest.mark.assets
@pytest.mark.data
def test_files_of_the_corpus_are_read_as_on_the_card(shipped):
    files = sorted((SHARED / "emodb" / "wav").glob("*.flac"))[::12]
    if not files:
        pytest.skip("the corpus is not here")
    items = [Sample(id=f.stem, media=Media("audio", path=f)) for f in files]
    timeline = shipped.read(items)
    assert isinstance(timeline, Timeline)
    meant = {"W": "anger", "F": "happiness", "N": "neutral", "T": "sadness"}
    right = [affect.top == meant[f.stem[5]] for affect, f in zip(timeline, files, strict=True)]
    assert np.mean(right) > 0.95  # these recordings were learned from
    assert set(timeline.column("perspective")) == {"intended"}
    assert timeline.column("end")[0] > 0.5
