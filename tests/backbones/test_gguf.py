"""A user's own GGUF file: written here from a tiny network, opened as any other reference."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectus import backbones
from affectus.backbones import gguf as ours
from affectus.backbones import tiny
from affectus.backbones.llm import Message, open_llm
from affectus.backbones.llm.local import TransformersLLM
from affectus.errors import CheckpointError, MissingDependency
from affectus.registry import build

gguf = pytest.importorskip("gguf")

CHAT = [Message("system", "Hm."), Message("user", "My dog died.")]
OPTIONS = ["Oh", "I am", "yes"]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def network() -> Any:
    made = copy.deepcopy(tiny.model("llama"))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(4)
    return made.eval()


def written(path: Path, network: Any, kind: str = "F16", architecture: str = "llama") -> Path:
    """The file that llama.cpp's converter would write."""
    config, tokens = network.config, tiny.tokenizer("llama")
    out = gguf.GGUFWriter(path, architecture)
    out.add_context_length(config.max_position_embeddings)
    out.add_embedding_length(config.hidden_size)
    out.add_block_count(config.num_hidden_layers)
    out.add_feed_forward_length(config.intermediate_size)
    out.add_head_count(config.num_attention_heads)
    out.add_head_count_kv(config.num_key_value_heads)
    out.add_layer_norm_rms_eps(config.rms_norm_eps)
    out.add_rope_freq_base(10_000.0)
    out.add_vocab_size(config.vocab_size)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    names = [name for name, _ in sorted(tokens.get_vocab().items(), key=lambda row: row[1])]
    names += ["QZ", *(f"[unused {at}]" for at in range(len(names) + 1, config.vocab_size))]
    out.add_token_list(names)
    out.add_token_types([3 if name.startswith("<") and len(name) > 1 else 1 for name in names])
    out.add_token_merges(["Q Z"])  # some files are required to have one
    for add, token in ((out.add_bos_token_id, "<s>"), (out.add_eos_token_id, "</s>"), (out.add_pad_token_id, "<pad>")):
        add(tokens.convert_tokens_to_ids(token))
    out.add_chat_template(tokens.chat_template)
    for name, tensor in tensors(network).items():
        wanted = gguf.GGMLQuantizationType[kind if tensor.ndim > 1 else "F32"]
        out.add_tensor(name, gguf.quants.quantize(tensor, wanted), raw_dtype=wanted)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


def tensors(network: Any) -> dict[str, np.ndarray]:
    """Weights under llama.cpp's names; rows of queries and keys stand in the order of its rotation."""
    names = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
             "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
             "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}  # fmt: skip
    heads = {"q_proj": network.config.num_attention_heads, "k_proj": network.config.num_key_value_heads}
    out = {}
    for key, value in network.state_dict().items():
        parts, array = key.split("."), value.numpy()
        if parts[1] == "layers":
            kind = parts[-2]
            if kind in heads:
                array = array.reshape(heads[kind], 2, -1, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
            out[f"blk.{parts[2]}.{names[kind]}.weight"] = np.ascontiguousarray(array)
        elif key != "lm_head.weight":
            out[{"embed_tokens": "token_embd", "norm": "output_norm"}[parts[1]] + ".weight"] = array
    return out


def scores(model: Any) -> list[float]:
    return TransformersLLM("tiny:llama", model=model).score(CHAT, OPTIONS)


@pytest.mark.parametrize(("kind", "dtype", "within"), [("F16", "float16", 1e-2), ("F32", "float32", 1e-4),
                                                       ("Q8_0", "float16", 0.5)])  # fmt: skip
def test_a_file_becomes_the_network_that_it_was_made_of(
    tmp_path: Path, network: Any, kind: str, dtype: str, within: float
) -> None:
    path = written(tmp_path / "own.gguf", network, kind)
    model = backbones.causal_lm(path)
    assert next(model.parameters()).dtype == torch.float32
    assert scores(model) == pytest.approx(scores(network), abs=within)
    folder = ours.unpacked(path, "model")
    assert f'"{dtype}"' in (folder / "config.json").read_text()
    assert (folder / "model.safetensors").is_file()


def test_the_tokenizer_and_template_come_along(tmp_path: Path, network: Any) -> None:
    llm = open_llm(written(tmp_path / "own.gguf", network), runtime="transformers")
    assert llm.count(CHAT) == TransformersLLM("tiny:llama").count(CHAT)
    assert llm.name.endswith("own.gguf")
    assert llm.score(CHAT, OPTIONS) == pytest.approx(scores(network), abs=1e-2)


def test_a_file_is_converted_once(tmp_path: Path, network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "own.gguf", network)
    first = ours.unpacked(path, "model")
    monkeypatch.setattr(ours, "_convert", lambda *a: pytest.fail("converted again"))
    assert ours.unpacked(path, "model") == first
    moved = path.rename(tmp_path / "other name.gguf")
    assert ours.unpacked(moved, "model") == first
    assert [each.name for each in first.parent.iterdir() if not each.name.startswith(".")] == ["model"]


def test_adapters_go_into_it(tmp_path: Path, network: Any) -> None:
    path = written(tmp_path / "own.gguf", network)
    system: Any = build("chat-lm/tiny", backbone={"name": str(path), "lora": 2, "match": ["q_proj"]})
    assert {name.split(".")[-2] for name in system.owned()} == {"default"}
    assert "lora_A" in next(iter(system.owned()))


def test_what_can_not_be_converted_is_named(tmp_path: Path, network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = written(tmp_path / "other.gguf", network, architecture="rwkv6")
    with pytest.raises(CheckpointError, match=r"architecture 'rwkv6'.*llama, .*qwen2.*llama-server"):
        open_llm(other, runtime="transformers")
    whole = written(tmp_path / "own.gguf", network).read_bytes()
    for name, content in (("empty", b""), ("text", b"hello, this is a text"), ("cut", whole[: len(whole) // 2])):
        (tmp_path / f"{name}.gguf").write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{name}.gguf"):
            backbones.causal_lm(tmp_path / f"{name}.gguf")
    with pytest.raises(CheckpointError, match="no language model"):
        open_llm(str(tmp_path / "none.gguf"))
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(MissingDependency, match=r"affectus\[chat\]"):
        backbones.tokenizer(tmp_path / "cut.gguf")


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed")
def test_llama_cpp_runs_the_file_as_it_is(tmp_path: Path, network: Any) -> None:
    llm = open_llm(written(tmp_path / "own.gguf", network))
    assert llm.score(CHAT, OPTIONS) == pytest.approx(scores(network), abs=0.1)
    assert not (ours.unpacked(tmp_path / "own.gguf", "tokenizer").parent / "model").exists()
