"""Whisper in CTranslate2's form → a folder for `transformers`, beside the original folder for faster-whisper.

CTranslate2 stacks the projections of attention on the output axis (query, key, value; in cross-attention key, value)
and gives the key a bias of zero, which Whisper (Radford et al. 2022, arXiv:2212.04356) does not have.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from affectus.assets.convert import ctranslate2
from affectus.errors import AssetError

VERSION = 1
# Special tokens of the English-only vocabulary; the multilingual one lies one higher.
END, START, NO_TIMESTAMPS = 50256, 50257, 50362
VOCABULARY = 51864

Pairs = Iterator[tuple[str, np.ndarray]]


def convert(raw: Path, out: Path) -> None:
    """Fill `out/ct2` (the files as they came) and `out/hf` (config, tokenizer, float16 safetensors)."""
    from safetensors.numpy import save_file

    shutil.copytree(raw, out / "ct2", copy_function=os.rename)
    original = out / "ct2"
    model = ctranslate2.read(original / "model.bin")
    tensors = dict(state(model))
    folder = out / "hf"
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    decoding = json.loads((original / "config.json").read_text(encoding="utf-8"))
    for name, content in {
        "config.json": _config(model),
        "generation_config.json": _generation(decoding),
        "preprocessor_config.json": _PREPROCESSOR,
        "tokenizer_config.json": _TOKENIZER,
    }.items():
        (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
    _link(original / "tokenizer.json", folder / "tokenizer.json")


def state(model: ctranslate2.Model) -> Pairs:
    """The tensors under the names of `WhisperForConditionalGeneration`, whose output projection is its embedding."""
    if model.spec != "WhisperSpec":
        raise AssetError(f"model.bin holds a {model.spec}", allowed="WhisperSpec")
    v = model.variables
    for conv in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            yield f"model.encoder.{conv}.{kind}", v[f"encoder/{conv}/{kind}"]
    yield "model.decoder.embed_tokens.weight", v["decoder/embeddings/weight"]
    for stack in ("encoder", "decoder"):
        yield f"model.{stack}.embed_positions.weight", v[f"{stack}/position_encodings/encodings"]
        yield from _norm(v, f"{stack}/layer_norm", f"model.{stack}.layer_norm")
        for index in range(_depth(v, stack)):
            old, new = f"{stack}/layer_{index}", f"model.{stack}.layers.{index}"
            yield from _attention(v, f"{old}/self_attention", f"{new}.self_attn", stacked=[("linear_0", "qkv")])
            yield from _norm(v, f"{old}/self_attention/layer_norm", f"{new}.self_attn_layer_norm")
            if stack == "decoder":
                yield from _attention(
                    v, f"{old}/attention", f"{new}.encoder_attn", stacked=[("linear_0", "q"), ("linear_1", "kv")]
                )
                yield from _norm(v, f"{old}/attention/layer_norm", f"{new}.encoder_attn_layer_norm")
            yield from _linear(v, f"{old}/ffn/linear_0", f"{new}.fc1")
            yield from _linear(v, f"{old}/ffn/linear_1", f"{new}.fc2")
            yield from _norm(v, f"{old}/ffn/layer_norm", f"{new}.final_layer_norm")


def _depth(v: dict[str, np.ndarray], stack: str) -> int:
    return len(
        {
            name.split("/")[1]
            for name in v
            if name.startswith(f"{stack}/layer_") and "layer_norm" not in name.split("/")[1]
        }
    )


def _linear(v: dict[str, np.ndarray], old: str, new: str) -> Pairs:
    for kind in ("weight", "bias"):
        yield f"{new}.{kind}", v[f"{old}/{kind}"]


def _norm(v: dict[str, np.ndarray], old: str, new: str) -> Pairs:
    yield f"{new}.weight", v[f"{old}/gamma"]
    yield f"{new}.bias", v[f"{old}/beta"]


def _attention(v: dict[str, np.ndarray], old: str, new: str, stacked: list[tuple[str, str]]) -> Pairs:
    for linear, letters in stacked:
        for kind in ("weight", "bias"):
            for letter, part in zip(letters, np.split(v[f"{old}/{linear}/{kind}"], len(letters)), strict=True):
                if (letter, kind) == ("k", "bias"):
                    if np.any(part):
                        raise AssetError(
                            f"{old} has a key bias, which Whisper has not: the layout of model.bin is not as expected"
                        )
                    continue
                yield f"{new}.{letter}_proj.{kind}", np.ascontiguousarray(part)
    yield from _linear(v, f"{old}/linear_{len(stacked)}", f"{new}.out_proj")


def _config(model: ctranslate2.Model) -> dict[str, Any]:
    v = model.variables
    vocabulary, width = v["decoder/embeddings/weight"].shape
    if vocabulary != VOCABULARY:
        raise AssetError(f"model.bin has a vocabulary of {vocabulary}", allowed=f"{VOCABULARY} (English only)")
    sizes: dict[str, Any] = {}
    for stack in ("encoder", "decoder"):
        sizes[f"{stack}_layers"] = _depth(v, stack)
        sizes[f"{stack}_attention_heads"] = int(v[f"{stack}/num_heads"])
        sizes[f"{stack}_ffn_dim"] = len(v[f"{stack}/layer_0/ffn/linear_0/bias"])
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "d_model": width,
        "num_hidden_layers": sizes["encoder_layers"],
        "vocab_size": vocabulary,
        "num_mel_bins": v["encoder/conv1/weight"].shape[1],
        "max_source_positions": len(v["encoder/position_encodings/encodings"]),
        "max_target_positions": len(v["decoder/position_encodings/encodings"]),
        "dtype": "float16",
        "bos_token_id": END,
        "eos_token_id": END,
        "pad_token_id": END,
        "decoder_start_token_id": START,
        "tie_word_embeddings": True,
        **sizes,
    }


def _generation(decoding: dict[str, Any]) -> dict[str, Any]:
    return {
        "is_multilingual": False,
        "bos_token_id": END,
        "eos_token_id": END,
        "pad_token_id": END,
        "decoder_start_token_id": START,
        "no_timestamps_token_id": NO_TIMESTAMPS,
        "prev_sot_token_id": 50360,
        "max_initial_timestamp_index": 50,
        "max_length": 448,
        "return_timestamps": False,
        "suppress_tokens": decoding["suppress_ids"],
        "begin_suppress_tokens": decoding["suppress_ids_begin"],
        "alignment_heads": decoding["alignment_heads"],
    }


_PREPROCESSOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": 80,
    "sampling_rate": 16000,
    "hop_length": 160,
    "n_fft": 400,
    "chunk_length": 30,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": False,
}
_TOKENIZER = {
    "tokenizer_class": "WhisperTokenizer",
    "bos_token": "<|endoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
    "model_max_length": 1024,
    "errors": "replace",
}


def _link(source: Path, target: Path) -> None:
    """A second name for the same bytes, or a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
