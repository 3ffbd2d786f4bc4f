"""A quantised Llama as a GGUF file → a safetensors folder for `transformers`, and 8-bit blocks for llama.cpp.

The folder loads many times faster than the GGUF file and can be fine-tuned. Blocks of 4 bits with an offset (Q4_1) are
read slowly by llama.cpp on processors: on one thread with AVX2 it took in 82 tokens of a prompt a second, and 190 of
the same weights as Q8_0. The step from the one to the other moves a weight by about half of a 127th of the largest of
its 32 neighbours at most.

`gguf_llama` converts other architectures too; it reads the file, whose vocabulary is slow to read, three times.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectus.assets.convert import gguf_llama
from affectus.errors import AssetError

if TYPE_CHECKING:
    from transformers import LlamaConfig

VERSION = 1
BLOCKS = "model.Q8_0.gguf"
_FILE_TYPE_Q8_0 = 7  # LLAMA_FTYPE_MOSTLY_Q8_0
_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def convert(raw: Path, out: Path) -> None:
    """Fill `out/hf` (float16 safetensors, tokenizer), and write the blocks beside it."""
    import gguf
    import torch
    from transformers import LlamaForCausalLM

    (path,) = raw.glob("*.gguf")
    gguf_llama.tokenizer(path, out / "hf")
    reader = gguf.GGUFReader(path)
    weights = {row.name: gguf.dequantize(row.data, row.tensor_type) for row in reader.tensors}
    told = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    config = configuration(told, tied="output.weight" not in weights)
    tensors = {name: torch.from_numpy(value.astype(np.float16)) for name, value in state(weights, config).items()}
    with torch.device("meta"):
        model: Any = LlamaForCausalLM(config)
    model.load_state_dict(tensors, strict=not config.tie_word_embeddings, assign=True)
    model.tie_weights()
    model.save_pretrained(out / "hf")
    _write_blocks(reader, told, weights, out / BLOCKS)


def configuration(told: Mapping[str, Any], tied: bool) -> LlamaConfig:
    """The configuration that the header of a GGUF file tells.

    Args:
        told: Its fields.
        tied: Whether the output layer is the embedding.

    Raises:
        AssetError: If the file holds another kind of network.
    """
    from transformers import LlamaConfig

    if told["general.architecture"] != "llama":
        raise AssetError(f"the file holds a {told['general.architecture']!r}", allowed="llama")
    ends = {f"{name}_token_id": told[f"tokenizer.ggml.{long}_token_id"] for name, long in _MARKS.items()}
    return LlamaConfig(
        vocab_size=told["llama.vocab_size"],
        hidden_size=told["llama.embedding_length"],
        intermediate_size=told["llama.feed_forward_length"],
        num_hidden_layers=told["llama.block_count"],
        num_attention_heads=told["llama.attention.head_count"],
        num_key_value_heads=told["llama.attention.head_count_kv"],
        head_dim=told["llama.rope.dimension_count"],
        max_position_embeddings=told["llama.context_length"],
        rms_norm_eps=told["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": told["llama.rope.freq_base"]},
        tie_word_embeddings=tied,
        dtype="float16",
        **ends,
    )


_MARKS = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}


def state(weights: Mapping[str, np.ndarray], config: LlamaConfig) -> dict[str, np.ndarray]:
    """The tensors under the names of `LlamaForCausalLM`.

    llama.cpp turns pairs of neighbouring features, `transformers` the halves of a head: queries and keys are reordered.
    """
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    named = {}
    for full, value in weights.items():
        *block, name, kind = full.split(".")
        if name in heads:
            value = value.reshape(heads[name], -1, 2, value.shape[1]).swapaxes(1, 2).reshape(value.shape)
        where = f"model.layers.{block[1]}." if block else ""
        named[f"{where}{_NAMES[name]}.{kind}"] = value
    return named


def _write_blocks(reader: Any, told: Mapping[str, Any], weights: Mapping[str, np.ndarray], path: Path) -> None:
    """The same file with all matrices as Q8_0."""
    import gguf

    kinds = gguf.GGMLQuantizationType
    writer = gguf.GGUFWriter(path, arch=told["general.architecture"])
    for name, value in told.items():
        if name != "general.architecture":
            types = reader.fields[name].types  # of a list, and of what is in it
            value = _FILE_TYPE_Q8_0 if name == "general.file_type" else value
            writer.add_key_value(name, value, types[0], sub_type=types[-1] if len(types) > 1 else None)
    for row in reader.tensors:
        kept = row.tensor_type in (kinds.F32, kinds.Q8_0)
        data = row.data if kept else gguf.quantize(weights[row.name], kinds.Q8_0)
        writer.add_tensor(row.name, data, raw_dtype=row.tensor_type if kept else kinds.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
