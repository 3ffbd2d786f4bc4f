"""Converters on small files of the real layout, made here."""

from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affectus.assets.convert import copy, ctranslate2, ge2e, whisper
from affectus.errors import AssetError


def ct2_bytes(variables: dict[str, np.ndarray], spec: str = "WhisperSpec", version: int = 6) -> bytes:
    """The file that CTranslate2 would write."""

    def text(value: str) -> bytes:
        raw = value.encode() + b"\0"
        return struct.pack("<H", len(raw)) + raw

    codes = {np.dtype("f4"): 0, np.dtype("i1"): 1, np.dtype("i2"): 2, np.dtype("i4"): 3, np.dtype("f2"): 4}
    out = struct.pack("<I", version) + text(spec) + struct.pack("<II", 3, len(variables))
    for name, value in variables.items():
        out += text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        out += struct.pack("<BI", codes[value.dtype], value.nbytes) + value.tobytes()
    return out + struct.pack("<I", 1) + text("decoder/projection/weight") + text("decoder/embeddings/weight")


def whisper_variables(tiny, rng) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Random weights of a small Whisper under transformers' names, and the same in CTranslate2's layout."""
    state = {
        key: rng.normal(size=value.shape).astype("f2")
        for key, value in tiny.state_dict().items()
        if key != "proj_out.weight"
    }
    out = {"encoder/num_heads": np.array(2, "i2"), "decoder/num_heads": np.array(2, "i2")}
    for stack in ("encoder", "decoder"):
        out[f"{stack}/position_encodings/encodings"] = state[f"model.{stack}.embed_positions.weight"]
        names = {f"{stack}/layer_norm": f"model.{stack}.layer_norm"}
        for i in range(2):
            old, new = f"{stack}/layer_{i}", f"model.{stack}.layers.{i}"
            names |= {
                f"{old}/self_attention/layer_norm": f"{new}.self_attn_layer_norm",
                f"{old}/ffn/layer_norm": f"{new}.final_layer_norm",
            }
            blocks = {"self_attention": "self_attn"}
            if stack == "decoder":
                names[f"{old}/attention/layer_norm"] = f"{new}.encoder_attn_layer_norm"
                blocks["attention"] = "encoder_attn"
            for theirs, ours in blocks.items():
                q, k, v, o = (f"{new}.{ours}.{part}_proj" for part in ("q", "k", "v", "out"))
                zero = np.zeros(32, "f2")
                bias = {q: state[f"{q}.bias"], k: zero, v: state[f"{v}.bias"]}
                groups = [[q, k, v], [o]] if theirs == "self_attention" else [[q], [k, v], [o]]
                bias[o] = state[f"{o}.bias"]
                for number, group in enumerate(groups):
                    at = f"{old}/{theirs}/linear_{number}"
                    out[f"{at}/weight"] = np.concatenate([state[f"{name}.weight"] for name in group])
                    out[f"{at}/bias"] = np.concatenate([bias[name] for name in group])
            for number in (0, 1):
                for kind in ("weight", "bias"):
                    out[f"{old}/ffn/linear_{number}/{kind}"] = state[f"{new}.fc{number + 1}.{kind}"]
        for theirs, ours in names.items():
            out[f"{theirs}/gamma"], out[f"{theirs}/beta"] = state[f"{ours}.weight"], state[f"{ours}.bias"]
    for conv in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            out[f"encoder/{conv}/{kind}"] = state[f"model.encoder.{conv}.{kind}"]
    out["decoder/embeddings/weight"] = state["model.decoder.embed_tokens.weight"]
    return state, out


@pytest.fixture
def small():
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    sizes = {
        f"{s}_{k}": v
        for s in ("encoder", "decoder")
        for k, v in {"layers": 2, "attention_heads": 2, "ffn_dim": 48}.items()
    }
    return WhisperForConditionalGeneration(
        WhisperConfig(vocab_size=whisper.VOCABULARY, d_model=32, max_source_positions=20, **sizes)
    )


@pytest.fixture
def raw(tmp_path, small):
    state, variables = whisper_variables(small, np.random.default_rng(0))
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "model.bin").write_bytes(ct2_bytes(variables))
    decoding = {"suppress_ids": [1], "suppress_ids_begin": [220], "alignment_heads": [[0, 0]]}
    (folder / "config.json").write_text(json.dumps(decoding))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "vocabulary.txt").write_text("a")
    return folder, state, variables


def test_whisper_comes_back_tensor_by_tensor(raw, tmp_path):
    from transformers import WhisperForConditionalGeneration

    folder, state, _ = raw
    out = tmp_path / "out"
    out.mkdir()
    whisper.convert(folder, out)
    assert sorted(p.name for p in (out / "ct2").iterdir()) == [
        "config.json",
        "model.bin",
        "tokenizer.json",
        "vocabulary.txt",
    ]
    model, info = WhisperForConditionalGeneration.from_pretrained(out / "hf", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    found = model.state_dict()
    for key, value in state.items():
        np.testing.assert_array_equal(found[key].numpy(), value, err_msg=key)
    assert model.config.encoder_ffn_dim == 48
    assert model.config.encoder_attention_heads == 2
    assert (out / "hf" / "tokenizer.json").stat().st_ino == (out / "ct2" / "tokenizer.json").stat().st_ino


def test_a_key_bias_is_refused(raw):
    _, _, variables = raw
    variables["encoder/layer_0/self_attention/linear_0/bias"][40] = 1
    with pytest.raises(AssetError, match="key bias"):
        dict(whisper.state(ctranslate2.Model("WhisperSpec", 3, variables, {})))


def test_another_network_is_refused():
    with pytest.raises(AssetError, match="TransformerSpec"):
        dict(whisper.state(ctranslate2.Model("TransformerSpec", 7, {}, {})))


@pytest.mark.parametrize("cut", [0, 3, 20, 60, -1])
def test_a_truncated_weight_file_is_an_error(tmp_path, cut):
    path = tmp_path / "model.bin"
    path.write_bytes(ct2_bytes({"a": np.ones((3, 4), "f4")})[:cut])
    with pytest.raises(AssetError, match=r"model\.bin is not a whole"):
        ctranslate2.read(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 200))
def test_mutated_weight_files_never_crash(tmp_path, changes, cut):
    data = bytearray(ct2_bytes({"a/b": np.ones((3, 4), "f4"), "c": np.array(5, "i2")}))
    for at, value in changes:
        data[at % len(data)] = value
    (tmp_path / "model.bin").write_bytes(bytes(data)[: len(data) - cut])
    with contextlib.suppress(AssetError):
        ctranslate2.read(tmp_path / "model.bin")


def test_other_versions_are_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(ct2_bytes({}, version=2))
    with pytest.raises(AssetError, match="binary version 2"):
        ctranslate2.read(tmp_path / "model.bin")


def test_ctranslate2_reads_every_type(tmp_path):
    arrays = {code: np.arange(6).reshape(2, 3).astype(code) for code in ("f4", "i1", "i2", "i4", "f2")}
    (tmp_path / "model.bin").write_bytes(ct2_bytes(arrays | {"scalar": np.array(5, "i2")}))
    model = ctranslate2.read(tmp_path / "model.bin")
    for code, value in arrays.items():
        np.testing.assert_array_equal(model.variables[code], value)
    assert int(model.variables["scalar"]) == 5
    assert model.aliases == {"decoder/projection/weight": "decoder/embeddings/weight"}


def test_ge2e_keeps_the_encoder_alone(tmp_path):
    import torch
    from safetensors.numpy import load_file

    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir(), out.mkdir()
    state = {"similarity_weight": torch.ones(1), "similarity_bias": torch.ones(1), "linear.bias": torch.arange(3.0)}
    torch.save({"step": 5, "model_state": state, "optimizer_state": {}}, raw / "pretrained.pt")
    ge2e.convert(raw, out)
    tensors = load_file(out / "model.safetensors")
    assert list(tensors) == ["linear.bias"]
    np.testing.assert_array_equal(tensors["linear.bias"], [0, 1, 2])


def test_ge2e_never_runs_code_in_the_checkpoint(tmp_path):
    import pickle

    import torch

    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "pwned",)

    torch.save({"model_state": Evil()}, tmp_path / "pretrained.pt")
    with pytest.raises(pickle.UnpicklingError):
        ge2e.convert(tmp_path, tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_copy_moves_files(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir(), out.mkdir()
    (raw / "a").write_bytes(b"1")
    copy.convert(raw, out)
    assert (out / "a").read_bytes() == b"1"
    assert not list(raw.iterdir())
