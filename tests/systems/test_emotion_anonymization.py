import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from affectus import registry
from affectus.backbones.sound import random_encoder
from affectus.errors import CheckpointError, ConfigError, FileError, InputError
from affectus.formats.kaldi import write_ark, write_list
from affectus.nn.reparametrised import older
from affectus.sample import Media, Sample
from affectus.systems.emotion_anonymization import (
    EmotionAnonymization,
    SoftContent,
    assemble,
    check_weights,
    convert_official,
    hear,
)
from affectus.testing.items import synthetic_items
from affectus.timeline import Timeline

GOLDEN = Path(__file__).parents[1] / "golden" / "emotion-anonymization"
GIVEN = load_file(GOLDEN / "io.safetensors")
FOUR = ("angry", "happy", "sad", "neutral")
RATE = 16_000


def built(**changes) -> EmotionAnonymization:
    torch.manual_seed(0)
    return registry.build("emotion-anonymization/tiny", **changes).eval()


def voice(name: str = "a", seconds: float = 0.5, pitch: float = 140.0, **fields) -> Sample:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 0.2 * sum(np.sin(2 * np.pi * pitch * h * time) / h for h in range(1, 6))
    return Sample(id=name, source=name, media=Media("audio", array=wave.astype(np.float32), rate=RATE), **fields)


def with_boundaries(system: EmotionAnonymization) -> EmotionAnonymization:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, system.config.ecapa.width))
    x[np.arange(40), np.arange(40) % 4] += 5
    system.boundaries.fit(x, [FOUR[i % 4] for i in range(40)], rng)
    return system


# -- the path ----------------------------------------------------------------------------------------------------------
def test_the_generators_input_is_that_of_the_official_code() -> None:
    found = assemble(GIVEN["content"], GIVEN["f0"], GIVEN["speaker"])
    torch.testing.assert_close(found, GIVEN["generator_input"], atol=1e-5, rtol=0)


def test_what_holds_for_the_utterance_comes_last() -> None:
    felt = torch.randn(1, 1, 6)
    found = assemble(GIVEN["content"], GIVEN["f0"], GIVEN["speaker"], felt)
    assert found.shape == (1, 27, 20)
    torch.testing.assert_close(found[:, :21], GIVEN["generator_input"], atol=1e-5, rtol=0)
    torch.testing.assert_close(found[0, 21:, 7], F.layer_norm(felt, felt.shape)[0, 0])


@torch.no_grad()
def test_content_is_normalised_over_time() -> None:
    torch.manual_seed(0)
    content = SoftContent(random_encoder(built().config.hubert).net, 10).eval()
    wave = torch.randn(1, 3200)
    states = content.network(wave).last_hidden_state[0]
    assert states.shape == (9, 16)
    expected = [[(states[t] / states.norm(dim=0)) @ w / w.norm() for w in content.W] for t in range(9)]
    torch.testing.assert_close(content(wave)[0], torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_waves_are_cut_to_whole_frames_at_one_peak() -> None:
    heard = hear(voice(seconds=0.53), "yin")
    assert len(heard.wave) == 26 * 320
    assert len(heard.pitch) == 52
    assert np.abs(heard.wave).max() == pytest.approx(0.95, abs=1e-3)
    assert len(heard.original) == 8480
    assert np.median(heard.pitch[heard.pitch > 0]) == pytest.approx(140, rel=0.02)


@torch.no_grad()
def test_a_batch_gives_what_its_members_give() -> None:
    system, items = built(method="none"), synthetic_items(built(), "voice", 3)
    together = next(iter(system.run(items, 3)))[0]
    for i, item in enumerate(items):
        alone = next(iter(system.run([item], 1)))[0]
        n = alone["wave"].shape[1]
        np.testing.assert_allclose(together["wave"][i, :n], alone["wave"][0], atol=1e-6)
        assert not together["wave"][i, n:].any()
        np.testing.assert_allclose(together["speaker"][i], alone["speaker"][0], atol=1e-6)


def test_length_and_level_are_those_of_the_original() -> None:
    sample = voice(seconds=0.53)
    (hidden,) = built().anonymize([sample])
    wave = hidden.wave(RATE)
    assert len(wave) == 8480
    assert np.sqrt((wave**2).mean()) == pytest.approx(np.sqrt((sample.wave(RATE) ** 2).mean()), rel=1e-4)
    assert hidden.features["speaker"].dtype == np.dtype("<f4")
    assert hidden.features["speaker"].shape == (12,)


def test_without_a_method_the_speaker_stays() -> None:
    system, sample = built(method="none"), voice()
    np.testing.assert_allclose(
        system.anonymize([sample])[0].features["speaker"], system.vectors([sample])[0], rtol=1e-5
    )


# -- methods -----------------------------------------------------------------------------------------------------------
def test_reflections_keep_lengths_and_angles_of_voices() -> None:
    system, samples = built(), [voice("a"), voice("b", pitch=200)]
    own, hidden = system.vectors(samples), np.stack([s.features["speaker"] for s in system.anonymize(samples)])
    np.testing.assert_allclose(hidden @ hidden.T, own @ own.T, rtol=1e-4)
    assert np.abs(hidden - own).max() > 0.1


def test_selection_draws_strangers_of_the_same_sex() -> None:
    system = built(method="selection")
    rng = np.random.default_rng(0)
    pool = rng.standard_normal((40, 12)).astype(np.float32)
    pool[:20, 0], pool[20:, 0] = 100, -100  # all women lie on one side
    system.pool.set(vectors=pool, female=np.arange(40) < 20)
    for sex, side in (("female", 1), ("male", -1)):
        (hidden,) = system.anonymize([voice(groups={"sex": sex})], rng)
        assert side * hidden.features["speaker"][0] == pytest.approx(100)
    own = system.vectors([voice()])[0]
    (hidden,) = system.anonymize([voice()], rng)
    assert np.sign(hidden.features["speaker"][0]) == np.sign(own[0])


@pytest.mark.parametrize("per", ["utterance", "speaker"])
def test_a_speaker_may_have_one_voice(per: str) -> None:
    system = built(method="selection", per=per)
    samples = [voice("a", track="x"), voice("b", track="x"), voice("c", pitch=200, track="y")]
    a, b, c = (s.features["speaker"] for s in system.anonymize(samples, np.random.default_rng(0)))
    assert np.array_equal(a, b) == (per == "speaker")
    assert not np.array_equal(a, c)


def test_draws_follow_the_generator() -> None:
    system = built(method="selection")
    first, same, other = (
        system.anonymize([voice()], np.random.default_rng(seed))[0].features["speaker"] for seed in (1, 1, 2)
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_pool_must_be_large_enough() -> None:
    system = built(method="selection")
    system.pool.set(vectors=np.ones((4, 12), np.float32), female=np.ones(4, bool))
    with pytest.raises(InputError, match="12 least similar of 4"):
        system.anonymize([voice()])


# -- emotion -----------------------------------------------------------------------------------------------------------
def test_the_new_voice_lies_at_the_distance_of_the_predicted_emotion() -> None:
    system = with_boundaries(built(distance=40.0)).keeping_emotion()
    samples = [voice("a"), voice("b", pitch=300), voice("c", pitch=90)]
    predicted = system.boundaries.predict(system.vectors(samples))
    for hidden, emotion in zip(system.anonymize(samples), predicted, strict=True):
        side = -40 if emotion == "sad" else 40
        assert system.boundaries.normal(emotion) @ hidden.features["speaker"] == pytest.approx(side, rel=1e-5)
        assert FOUR[int(hidden.features["emotion"].argmax())] == emotion


def gold(emotion: str) -> Timeline:
    scores = np.array([[e == emotion for e in FOUR]], np.float32)
    return Timeline.build([("a",)], {"iemocap-4": scores}, perspective="intended", by="actor", modality="gold")


def test_gold_decides_only_as_an_oracle() -> None:
    system = with_boundaries(built(keep_emotion=True))
    told = {e: system.indicate([voice(gold=gold(e))], system.vectors([voice()])) for e in FOUR}
    assert len({tuple(v) for v in told.values()}) == 1
    oracle = with_boundaries(built(keep_emotion=True, oracle=True))
    for emotion in FOUR:
        (hidden,) = oracle.anonymize([voice(gold=gold(emotion))])
        side = -30 if emotion == "sad" else 30
        assert oracle.boundaries.normal(emotion) @ hidden.features["speaker"] == pytest.approx(side, rel=1e-5)
    with pytest.raises(InputError, match="no gold on 'iemocap-4'"):
        oracle.anonymize([voice()])


class Scripted:
    """Reads what it was told to, on another scale."""

    def read(self, items) -> Timeline:
        rows = [[0, 0, 0, 1], [np.nan] * 4]  # sadness, and no opinion
        return Timeline.build(
            [s.span for s in items],
            {"emodb-4": np.array(rows, np.float32)},
            perspective="intended",
            by="x",
            modality="voice",
        )


def test_a_reader_may_be_asked_and_where_it_abstains_the_boundaries_are() -> None:
    config = replace(built().config, reader="affectus/scripted")
    system = with_boundaries(EmotionAnonymization(config, reader=Scripted()))
    samples = [voice("a"), voice("b", pitch=250)]
    own = system.vectors(samples)
    assert system.indicate(samples, own) == ["sad", system.boundaries.predict(own)[1]]
    with pytest.raises(ConfigError, match="'affectus/scripted' was not given"):
        EmotionAnonymization(config).indicate(samples, own)


def test_the_registry_brings_the_reader_and_a_checkpoint_names_it(tmp_path: Path) -> None:
    system = with_boundaries(built(reader="voice-head/tiny"))
    assert not any("reader" in name for name in system.state_dict())
    system.save_pretrained(tmp_path)
    loaded = registry.load(str(tmp_path))
    assert loaded.reader.variant == "voice-head/tiny"
    read = loaded.reader.read([voice(seconds=1.0)]).scores("emodb-4")[0]
    names = ("angry", "happy", "neutral", "sad")  # in the order of emodb-4
    assert loaded.indicate([voice(seconds=1.0)], loaded.vectors([voice()])) == [names[int(read.argmax())]]


def test_without_boundaries_no_emotion_is_kept() -> None:
    with pytest.raises(CheckpointError, match="no emotion boundaries"):
        built().keeping_emotion()
    with pytest.raises(CheckpointError, match="no emotion boundaries"):
        built(keep_emotion=True).anonymize([voice()])


# -- input and configuration -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wave", "said"),
    [
        (np.zeros(RATE), "is silent"),
        (np.full(RATE, np.nan), "no numbers"),
        (np.ones(160), "lasts 0.010 s"),
        (np.ones(61 * RATE), "lasts 61.000 s"),
    ],
    ids=["silent", "nan", "short", "long"],
)
def test_bad_sound_is_refused(wave, said: str) -> None:
    with pytest.raises(InputError, match=said):
        built().anonymize([Sample(id="a", media=Media("audio", array=wave.astype(np.float32), rate=RATE))])


def test_only_emotions_of_the_scale_can_be_flipped() -> None:
    with pytest.raises(ConfigError, match="'sadness'"):
        built(flipped=("sadness",))


def test_variants_are_the_three_adaptations() -> None:
    adaptations = {name: registry.configuration(f"emotion-anonymization/{name}") for name in ("ohnn", "p1", "p2", "p3")}
    assert {name: (bool(c.emotion_encoder), c.keep_emotion) for name, c in adaptations.items()} == {
        "ohnn": (False, False),
        "p1": (True, False),
        "p2": (False, True),
        "p3": (True, True),
    }


# -- checkpoints -------------------------------------------------------------------------------------------------------
def test_a_stored_folder_gives_the_same_voice(tmp_path: Path) -> None:
    system = with_boundaries(built())
    system.save_pretrained(tmp_path / "made")
    loaded = registry.load(str(tmp_path / "made"))
    assert loaded.variant == "emotion-anonymization/tiny"
    before, after = (s.keeping_emotion().anonymize([voice()])[0] for s in (system, loaded))
    np.testing.assert_array_equal(before.wave(RATE), after.wave(RATE))


# -- published files ---------------------------------------------------------------------------------------------------
def fairseq(name: str) -> str:
    """The name that a tensor of transformers' HuBERT has in fairseq, written down by hand."""
    head, _, rest = name.partition(".")
    if name == "masked_spec_embed":
        return "mask_emb"
    if head == "feature_projection":
        return rest.replace("projection", "post_extract_proj")
    if head == "feature_extractor":
        return name.replace(".conv.", ".0.").replace(".layer_norm.", ".2.")
    for ours, theirs in (
        ("pos_conv_embed.conv.", "pos_conv.0."),
        ("attention.", "self_attn."),
        ("feed_forward.intermediate_dense.", "fc1."),
        ("feed_forward.output_dense.", "fc2."),
    ):
        name = name.replace(ours, theirs)
    before, _, after = name.partition("layers.")
    return f"{before}layers.{after.replace('.layer_norm.', '.self_attn_layer_norm.')}" if after else name


def published(folder: Path) -> EmotionAnonymization:
    """A folder as the authors publish it, of a small random network."""
    config = built().config
    system = built(hubert=replace(config.hubert, heads=1), tracker="best")
    state = {}
    for key, value in older(system.state_dict()).items():
        head, _, rest = key.partition(".")
        if key.startswith("content.network."):
            state[f"latent_encoder.ssl_model.{fairseq(rest.removeprefix('network.'))}"] = value
        elif head in ("content", "speaker", "generator"):
            state[{"content": "latent_encoder.", "speaker": "xv_model.", "generator": ""}[head] + rest] = value
    state["latent_encoder.ssl_model.label_embs_concat"] = torch.zeros(5, 4)  # of HuBERT's own training
    folder.mkdir()
    torch.save({"generator": state}, folder / "g_00400000")
    return system


def with_chain(folder: Path, vectors: torch.Tensor) -> None:
    save_file({"vectors": vectors.detach()}, folder / "householder.safetensors")


def with_pool(folder: Path, width: int = 12) -> None:
    pool = folder / "pool"
    pool.mkdir()
    rng = np.random.default_rng(0)
    rows = [(f"s{i:02}", rng.standard_normal(width).astype(np.float32)) for i in range(40)]
    write_ark(pool / "xvector.ark", rows, scp=pool / "xvector.scp")
    write_list(pool / "spk2gender", {name: "fm"[i % 2] for i, (name, _) in enumerate(rows)})


def convert(source: Path, method: str, out: Path) -> EmotionAnonymization:
    system = convert_official(source)
    system.variant = system.name = f"emotion-anonymization/{method}"
    system.save_pretrained(out)
    return registry.load(str(out))


def test_published_files_give_the_same_voice(tmp_path: Path) -> None:
    original = published(tmp_path / "published")
    with_chain(tmp_path / "published", original.reflections.vectors)
    loaded = convert(tmp_path / "published", "ohnn", tmp_path / "ours")
    before, after = (s.anonymize([voice()])[0] for s in (original, loaded))
    np.testing.assert_allclose(after.features["speaker"], before.features["speaker"], rtol=1e-6)
    np.testing.assert_allclose(after.wave(RATE), before.wave(RATE), atol=1e-6)


def test_published_boundaries_keep_the_emotion(tmp_path: Path) -> None:
    published(tmp_path / "published")
    with_pool(tmp_path / "published")
    (tmp_path / "published" / "boundaries").mkdir()
    for i, emotion in enumerate(FOUR):
        np.save(tmp_path / "published" / "boundaries" / f"{emotion}.npy", 3 * np.eye(12, dtype=np.float32)[i : i + 1])
    system = replace_pool_sizes(convert(tmp_path / "published", "selection", tmp_path / "ours")).keeping_emotion()
    (hidden,) = system.anonymize([voice()])
    emotion = int(hidden.features["emotion"].argmax())
    assert abs(hidden.features["speaker"][emotion]) == pytest.approx(30, rel=1e-5)


def replace_pool_sizes(system: EmotionAnonymization) -> EmotionAnonymization:
    """Published sizes are 200 and 100 of a large pool; this one has forty."""
    system.config = replace(system.config, far=12, drawn=4)
    return system


def test_what_is_missing_in_a_published_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    with pytest.raises(FileError, match="is no folder"):
        convert_official(folder)
    published(folder)
    with pytest.raises(FileError, match=r"neither of householder.safetensors and pool/xvector.scp"):
        convert_official(folder)
    with_pool(folder, width=7)
    with pytest.raises(CheckpointError, match=r"'s00' in 'xvector.scp'.*12 numbers"):
        convert_official(folder)
    with_chain(folder, torch.randn(3, 12))
    with pytest.raises(FileError, match="both of"):
        convert_official(folder)
    (folder / "pool" / "xvector.scp").unlink()
    (folder / "boundaries").mkdir()
    with pytest.raises(FileError, match=r"no readable angry.npy"):
        convert_official(folder)
    with_chain(folder, torch.randn(3, 9))
    with pytest.raises(CheckpointError, match=r"householder.safetensors.*size mismatch"):
        convert_official(folder)
    state = torch.load(folder / "g_00400000", weights_only=True)
    del state["generator"]["conv_post.bias"]
    torch.save(state, folder / "g_00400000")
    with_chain(folder, torch.randn(3, 12))
    with pytest.raises(CheckpointError, match=r"1 tensors differ, first 'generator.conv_post.bias'"):
        convert_official(folder)
    (folder / "g_00400000").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="no checkpoint of a generator"):
        convert_official(folder)
    (folder / "g_00400000").unlink()
    with pytest.raises(FileError, match=r"no g_\*.*libri_tts_clean_100_fbank_xv_ssl_freeze"):
        convert_official(folder)


def test_a_published_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    tmp_path.joinpath("published").mkdir()
    torch.save({"generator": Trap()}, tmp_path / "published" / "g_1")
    with_chain(tmp_path / "published", torch.randn(3, 12))
    with pytest.raises(CheckpointError, match="UnpicklingError"):
        convert_official(tmp_path / "published")
    assert not (tmp_path / "ran").exists()


def test_what_is_missing_in_a_checkpoint_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    with pytest.raises(FileError, match=r"no folder.*affectus convert"):
        check_weights(folder, "ohnn")
    built().save_pretrained(folder)
    check_weights(folder, "ohnn")
    with pytest.raises(CheckpointError, match=r"hides by 'ohnn'.*--method ohnn"):
        check_weights(folder, "selection")
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileError, match=r"no model.safetensors \(the weights\)"):
        check_weights(folder, "ohnn")
    row = json.loads((folder / "config.json").read_text())
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "config.json").write_text(json.dumps(row | {"system": "voice-head"}))
    with pytest.raises(CheckpointError, match="holds 'voice-head'"):
        check_weights(folder, "ohnn")
    (folder / "config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="not of this system"):
        check_weights(folder, "ohnn")
    (folder / "config.json").unlink()
    with pytest.raises(FileError, match=r"no config.json \(sizes and method\)"):
        check_weights(folder, "ohnn")
    (folder / "g_1").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"published files.*affectus convert emotion-anonymization/ohnn"):
        check_weights(folder, "ohnn")


# -- emotion encoder (P1) ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoder", ["tiny:wav2vec2", "tiny:hubert", "tiny:wavlm"])
def test_the_generator_may_hear_the_emotion_too(encoder: str, tmp_path: Path) -> None:
    system = built(emotion_encoder=encoder)
    assert system.generator.conv_pre.weight.shape[1] == 10 + 1 + 12 + 32
    (before,) = system.anonymize([voice()])
    felt = system.emotion(torch.zeros(1, 3200)).last_hidden_state
    assert felt.shape == (1, 9, 32)
    system.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    assert not any(key.startswith("emotion.") for key in tensors), "it is kept by reference"
    (after,) = registry.load(str(tmp_path)).anonymize([voice()])
    np.testing.assert_array_equal(before.wave(RATE), after.wave(RATE))


def test_any_hubert_may_give_the_content() -> None:
    system = built(backbone="tiny:hubert")
    assert system.content.W.shape == (10, 32)
    assert np.isfinite(system.anonymize([voice()])[0].wave(RATE)).all()
    with pytest.raises(ConfigError, match=r"'tiny:bert' are \d+ samples apart"):
        built(backbone="tiny:bert")
