"""What was fetched does what it is named for. Skipped where it was not fetched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectus import assets, backbones
from affectus.errors import AssetError

pytestmark = pytest.mark.assets
EMODB = Path(__file__).parents[3] / "shared" / "data" / "emodb" / "wav"
SENTENCE = "I am so happy that you came to see me today."


def fetched(name: str, part: str | None = None) -> Path:
    try:
        return assets.path(name, part)
    except AssetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """The sentence as synthesised speech, (samples,) float32 at 16 kHz."""
    hibari, soxr = pytest.importorskip("hibari"), pytest.importorskip("soxr")
    fetched("hibari-tts")
    return soxr.resample(np.asarray(hibari.Hibari()(SENTENCE, seed=0), np.float32), 24_000, 16_000)


def test_everything_fetched_has_the_pinned_bytes():
    checked = assets.verify()
    if not checked:
        pytest.skip("nothing has been fetched")
    assert {row.asset.name for row in assets.listing() if row.state == "ready"} == set(checked)


def test_minilm_finds_like_sentences():
    import torch

    fetched("minilm-l6")
    tokenizer, encoder = backbones.tokenizer("asset:minilm-l6"), backbones.text_encoder("asset:minilm-l6")
    batch = tokenizer(
        ["I am so happy", "This is the best day of my life", "The stock market fell"], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        states = encoder(**batch).last_hidden_state
    weight = batch["attention_mask"][..., None]
    mean = torch.nn.functional.normalize((states * weight).sum(1) / weight.sum(1), dim=1)
    near, far = float(mean[0] @ mean[1]), float(mean[0] @ mean[2])
    assert near > 0.4
    assert far < 0.1


@pytest.mark.slow
def test_both_forms_of_whisper_hear_the_sentence(speech):
    import torch
    from transformers import AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

    folder = fetched("whisper-tiny-en")
    model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    features = WhisperFeatureExtractor.from_pretrained(folder)(speech, sampling_rate=16_000, return_tensors="pt")
    tokens = model.generate(features.input_features)
    assert AutoTokenizer.from_pretrained(folder).decode(tokens[0], skip_special_tokens=True).strip() == SENTENCE

    faster = pytest.importorskip("faster_whisper")
    recogniser = faster.WhisperModel(
        str(fetched("whisper-tiny-en", "ct2")), device="cpu", compute_type="int8", cpu_threads=1
    )
    segments, _ = recogniser.transcribe(speech, beam_size=1)
    assert "".join(segment.text for segment in segments).strip() == SENTENCE


def test_the_speech_encoder_equals_transformers_and_needs_no_padding(speech):
    import torch
    from transformers import WhisperForConditionalGeneration

    folder = fetched("whisper-tiny-en")
    encoder = backbones.speech_encoder("asset:whisper-tiny-en")
    mel = torch.from_numpy(backbones.log_mel(np.pad(speech, (0, 480_000 - len(speech)))))[None]
    reference = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).model.encoder
    with torch.no_grad():
        long = encoder(mel)
        for ours, theirs in zip(long, reference(mel, output_hidden_states=True).hidden_states, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
        short = encoder(torch.from_numpy(backbones.log_mel(speech))[None])
    likeness = torch.nn.functional.cosine_similarity(short[:, 0].mean(1), long[:, 0, : short.shape[2]].mean(1), dim=-1)
    assert likeness.min() > 0.95  # without the silence behind it the speech looks nearly the same


def speaker(wave: np.ndarray) -> np.ndarray:
    """A GE2E embedding of a whole wave, straight from the weights."""
    import torch
    from safetensors.torch import load_file

    state = load_file(fetched("ge2e"))
    lstm, linear = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    lstm.load_state_dict({k.removeprefix("lstm."): v for k, v in state.items() if k.startswith("lstm.")})
    linear.load_state_dict({k.removeprefix("linear."): v for k, v in state.items() if k.startswith("linear.")})
    level = np.sqrt(np.mean(wave**2))
    mel = backbones.mel_power(wave * (10 ** (-30 / 20) / level), 40).T.astype(np.float32)
    mel = np.tile(mel, (1 + 160 // len(mel), 1))
    windows = np.stack([mel[at : at + 160] for at in range(0, len(mel) - 159, 40)])
    with torch.no_grad():
        _, (hidden, _) = lstm(torch.from_numpy(windows))
        each = torch.nn.functional.normalize(torch.relu(linear(hidden[-1])), dim=1)
    mean = each.mean(0).numpy()
    return mean / np.linalg.norm(mean)


def test_ge2e_knows_a_voice_again_within_a_recording(speech):
    fetched("ge2e")
    half = len(speech) // 2 + 1600
    rng = np.random.default_rng(0)
    hiss = rng.normal(size=48_000) * 0.05
    own = speaker(speech[:half]) @ speaker(speech[-half:])
    assert own > 0.75
    assert own - speaker(speech) @ speaker(hiss) > 0.15


@pytest.mark.data
@pytest.mark.skipif(not EMODB.is_dir(), reason="needs ../shared/data/emodb")
def test_ge2e_tells_speakers_apart():
    import soundfile

    fetched("ge2e")
    clips = [path for path in sorted(EMODB.glob("*N*.flac")) if path.name[3:5] in {"01", "02", "04"}]  # three sentences
    voices = [(path.name[:2], speaker(soundfile.read(path)[0])) for path in clips]
    pairs = [(p == q, float(a @ b)) for i, (p, a) in enumerate(voices) for q, b in voices[:i]]
    same, other = (np.array([score for own, score in pairs if own is wanted]) for wanted in (True, False))
    assert len({name for name, _ in voices}) == 10
    assert len(same) >= 20
    assert np.mean(same[:, None] > other) > 0.9  # area under the ROC curve


def voice_probability(wave: np.ndarray) -> np.ndarray:
    session = backbones.session(fetched("silero-vad"), threads=1)
    state, context, out = np.zeros((2, 1, 128), np.float32), np.zeros((1, 64), np.float32), []
    for at in range(0, len(wave) - 511, 512):
        chunk = np.concatenate([context, wave[None, at : at + 512].astype(np.float32)], axis=1)
        score, state = session.run(None, {"input": chunk, "state": state, "sr": np.array(16_000, np.int64)})
        context = chunk[:, -64:]
        out.append(float(score[0, 0]))
    return np.array(out)


def test_silero_hears_speech_and_not_noise(speech):
    hiss = np.random.default_rng(0).normal(size=48_000) * 0.05
    hum = 0.2 * np.sin(2 * np.pi * 100 * np.arange(48_000) / 16_000)
    assert np.mean(voice_probability(speech) > 0.5) > 0.6
    for sound in (hiss, hum, np.zeros(48_000)):
        assert np.mean(voice_probability(sound) > 0.5) < 0.05


@pytest.mark.parametrize(
    ("name", "part", "size", "outputs"),
    [
        ("blazeface", "short", (1, 128, 128, 3), {(1, 896, 16), (1, 896, 1)}),
        ("blazeface", "back", (1, 256, 256, 3), {(1, 896, 16), (1, 896, 1)}),
        ("blazeface", "full", (1, 192, 192, 3), {(1, 2304, 16), (1, 2304, 1)}),
        ("facemesh", None, (1, 192, 192, 3), {(1, 1, 1, 1404), (1, 1, 1, 1)}),
        ("mini-xception", None, (1, 64, 64, 1), {(1, 7)}),
    ],
)
def test_face_networks_open_and_have_the_expected_shapes(name, part, size, outputs):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    network = litert.Interpreter(model_path=str(fetched(name, part)), num_threads=1)
    network.allocate_tensors()
    (entry,) = network.get_input_details()
    assert tuple(entry["shape"]) == size
    network.set_tensor(entry["index"], np.zeros(size, np.float32))
    network.invoke()
    assert {tuple(out["shape"]) for out in network.get_output_details()} == outputs
    assert all(np.isfinite(network.get_tensor(out["index"])).all() for out in network.get_output_details())


@pytest.mark.slow
def test_smollm2_answers_and_can_be_scored():
    import torch

    fetched("smollm2-135m")
    tokenizer, model = backbones.tokenizer("asset:smollm2-135m"), backbones.causal_lm("asset:smollm2-135m")
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    english = tokenizer("The cat sat on the mat and looked out of the window.", return_tensors="pt")
    order = torch.randperm(english["input_ids"].shape[1], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        loss = model(**english, labels=english["input_ids"]).loss
        scrambled = model(input_ids=english["input_ids"][:, order], labels=english["input_ids"][:, order]).loss
    assert loss < 4.5
    assert scrambled > loss + 1.5
