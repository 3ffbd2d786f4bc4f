"""A small made-up GGUF file, converted here and by `transformers`."""

from __future__ import annotations

import numpy as np
import pytest

from affectus.assets.convert import llama_blocks
from affectus.errors import AssetError

gguf = pytest.importorskip("gguf")

WIDTH, INNER, HEADS, SHARED, LAYERS = 64, 96, 4, 2, 2
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *"abcdefgh", "Ġ", "Ġa", "ab", "cd"]
MERGES = ["Ġ a", "a b", "c d"]


def write(path, draw, arch="llama"):
    """A network of two layers: matrices in blocks of 4 bits, norms as they are, no output layer of its own."""
    kinds, types = gguf.GGMLQuantizationType, gguf.GGUFValueType
    writer = gguf.GGUFWriter(path, arch=arch)
    numbers = {
        "block_count": LAYERS, "context_length": 128, "embedding_length": WIDTH, "feed_forward_length": INNER,
        "attention.head_count": HEADS, "attention.head_count_kv": SHARED, "vocab_size": len(TOKENS),
        "rope.dimension_count": WIDTH // HEADS,
    }  # fmt: skip
    writer.add_name("made up")
    writer.add_file_type(3)
    for name, value in numbers.items():
        writer.add_uint32(f"llama.{name}", value)
    writer.add_float32("llama.rope.freq_base", 5000.0)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] * 3 + [1] * (len(TOKENS) - 3))
    writer.add_token_merges(MERGES)
    for number, name in enumerate(("unknown", "bos", "eos")):
        writer.add_key_value(f"tokenizer.ggml.{name}_token_id", number, types.UINT32)
    writer.add_key_value("tokenizer.ggml.padding_token_id", 2, types.UINT32)

    def add(name, *shape):
        value = draw.normal(size=shape).astype(np.float32)
        packed = value if len(shape) == 1 else gguf.quantize(value, kinds.Q4_1)
        writer.add_tensor(name, packed, raw_dtype=kinds.F32 if len(shape) == 1 else kinds.Q4_1)

    add("token_embd.weight", len(TOKENS), WIDTH)
    add("output_norm.weight", WIDTH)
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            add(f"{at}.{norm}.weight", WIDTH)
        for name, rows in (("q", HEADS), ("k", SHARED), ("v", SHARED), ("output", HEADS)):
            add(f"{at}.attn_{name}.weight", rows * WIDTH // HEADS, WIDTH)
        for name in ("gate", "up"):
            add(f"{at}.ffn_{name}.weight", INNER, WIDTH)
        add(f"{at}.ffn_down.weight", WIDTH, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def folders(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    out.mkdir()
    write(raw / "small.gguf", np.random.default_rng(0))
    return raw, out


@pytest.mark.filterwarnings("ignore::UserWarning")  # transformers reads memory that can't be written
def test_the_folder_is_what_transformers_reads_from_the_file(folders):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    raw, out = folders
    llama_blocks.convert(raw, out)
    ours = AutoModelForCausalLM.from_pretrained(out / "hf", dtype=torch.float16)
    theirs = AutoModelForCausalLM.from_pretrained(raw, gguf_file="small.gguf", dtype=torch.float32)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value.half(), rtol=0, atol=0, msg=name)
    assert ours.config.tie_word_embeddings
    for name in ("rms_norm_eps", "rope_parameters", "bos_token_id", "eos_token_id", "pad_token_id", "head_dim"):
        assert getattr(ours.config, name) == getattr(theirs.config, name), name
    assert AutoTokenizer.from_pretrained(out / "hf").convert_ids_to_tokens([3, 13, 2]) == ["a", "ab", "<|im_end|>"]


def test_blocks_of_eight_bits_keep_header_and_weights(folders):
    raw, out = folders
    llama_blocks.convert(raw, out)
    before, after = gguf.GGUFReader(raw / "small.gguf"), gguf.GGUFReader(out / llama_blocks.BLOCKS)
    told = {name: field.contents() for name, field in before.fields.items() if not name.startswith("GGUF.")}
    assert {name: after.fields[name].contents() for name in told} == told | {"general.file_type": 7}
    assert [row.name for row in after.tensors] == [row.name for row in before.tensors]
    for old, new in zip(before.tensors, after.tensors, strict=True):
        a, b = (gguf.dequantize(row.data, row.tensor_type) for row in (old, new))
        if a.ndim == 1:
            np.testing.assert_array_equal(a, b)
        else:
            assert new.tensor_type.name == "Q8_0"
            largest = np.abs(a.reshape(-1, 32)).max(1, keepdims=True)
            assert (np.abs(a - b).reshape(-1, 32) <= 0.57 * largest / 127).all()  # a step has 11 bits itself


def test_another_architecture_is_refused():
    with pytest.raises(AssetError, match="'qwen2'"):
        llama_blocks.configuration({"general.architecture": "qwen2"}, tied=True)
