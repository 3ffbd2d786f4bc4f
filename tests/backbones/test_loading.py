from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectus import backbones
from affectus.backbones import tiny
from affectus.errors import CheckpointError, FileError, InputError


@pytest.mark.parametrize("kind", ["bert", "whisper", "llama"])
def test_tiny_networks_are_small_float32_and_always_the_same(kind):
    state = torch.random.get_rng_state()
    first, second = tiny.model(kind), tiny.model(kind)
    assert torch.equal(state, torch.random.get_rng_state())
    assert sum(p.numel() for p in first.parameters()) < 200_000
    assert {p.dtype for p in first.parameters()} == {torch.float32}
    assert not first.training
    assert backbones.weight_hash(first) == backbones.weight_hash(second)


def test_an_unknown_tiny_network_lists_the_known():
    with pytest.raises(InputError, match="'bert', 'xlnet', 'whisper', 'llama'"):
        backbones.text_encoder("tiny:gpt")


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=50))
def test_the_tiny_tokenizer_loses_nothing(text):
    tokenizer = _TOKENIZER
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if not any(special in text for special in tiny._SPECIAL.values()):
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
        assert len(ids) == len(text.encode())
    assert all(0 <= i < 320 for i in ids)


_TOKENIZER = backbones.tokenizer("tiny:bert")


def test_text_goes_through_tokenizer_and_encoder():
    batch = _TOKENIZER(["glad", "I am so glad"], padding=True, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        states = backbones.text_encoder("tiny:bert")(**batch).last_hidden_state
    assert states.shape == (2, 14, 32)
    assert torch.isfinite(states).all()


def test_the_language_model_chats():
    tokenizer, model = backbones.tokenizer("tiny:llama"), backbones.causal_lm("tiny:llama")
    turns = [{"role": "user", "content": "hello"}]
    batch = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    out = model.generate(**batch, max_new_tokens=5, do_sample=False)
    assert out.shape[1] <= batch["input_ids"].shape[1] + 5


@pytest.fixture
def half_folder(tmp_path):
    tiny.model("bert").to(torch.bfloat16).save_pretrained(tmp_path)
    _TOKENIZER.save_pretrained(tmp_path)
    return tmp_path


def test_half_precision_weights_are_widened_and_it_is_said(half_folder, caplog):
    with caplog.at_level(logging.INFO, logger="affectus"):
        model = backbones.text_encoder(half_folder)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert "widening the bfloat16 weights" in caplog.text


@pytest.mark.parametrize(("flags", "expected"), [({}, torch.float32), ({"avx512_bf16": True}, torch.bfloat16)])
def test_stored_precision_is_kept_only_where_the_processor_computes_it(half_folder, monkeypatch, flags, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    model = backbones.text_encoder(half_folder, dtype="stored")
    assert {p.dtype for p in model.parameters()} == {expected}


def test_an_unknown_processor_has_no_half_units():
    assert backbones.half_units({}) == frozenset()
    assert backbones.half_units({"amx_fp16": True, "avx512_bf16": False}) == {"float16"}


def test_a_folder_keeps_its_tokenizer(half_folder):
    assert backbones.tokenizer(half_folder)("glad")["input_ids"] == _TOKENIZER("glad")["input_ids"]


def test_a_pickle_is_never_loaded(tmp_path):
    model = tiny.model("bert")
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="safetensors"):
        backbones.text_encoder(tmp_path)


def test_broken_folders_are_checkpoint_errors(tmp_path, half_folder):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CheckpointError, match="can't be loaded"):
        backbones.text_encoder(empty)
    weights = half_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="can't be loaded"):
        backbones.text_encoder(half_folder)
    (half_folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="can't be loaded"):
        backbones.text_encoder(half_folder)


def test_a_hub_repository_is_not_downloaded_when_offline(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE=0"):
        backbones.text_encoder("hf:no-such-org/no-such-model")


def test_the_weight_hash_sees_every_change():
    model = torch.nn.Linear(3, 2)
    before = backbones.weight_hash(model)
    with torch.no_grad():
        model.bias[1] += 1e-6
    after = backbones.weight_hash(model)
    assert before != after
    assert backbones.weight_hash(model.half()) != after
    assert backbones.weight_hash(torch.nn.BatchNorm1d(2))  # a scalar buffer has a hash too


def test_an_onnx_session_runs_and_its_errors_are_named(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    x, y = (helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n"]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [x], [y])
    path = tmp_path / "neg.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    session = backbones.session(path, threads=1)
    np.testing.assert_array_equal(session.run(None, {"x": np.array([1, -2], np.float32)})[0], [-1, 2])
    with pytest.raises(FileError, match="no model file"):
        backbones.session(tmp_path / "none.onnx")
    path.write_bytes(b"not a model")
    with pytest.raises(CheckpointError, match="no readable ONNX"):
        backbones.session(path)
