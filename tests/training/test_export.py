"""Exported readers give what the torch class gives, without torch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import affectus
from affectus import runtime
from affectus.errors import CheckpointError, ConfigError
from affectus.registry import build
from affectus.runtime import OnnxReader
from affectus.sample import Dialogue, Sample
from affectus.taxonomy import Target
from affectus.training import bert_graph
from affectus.training.export import export
from affectus.training.graph_weights import graph_weights

TEXTS = ["I can't believe you did that for me!", "no", "", "so " * 90, "grüße 😀", "Why?"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    system = build("text-classifier/tiny", derived=("ekman-6+neutral", "valence-arousal"))
    system.name = "affectus/tiny-test"
    return export(system, tmp_path_factory.mktemp("exported") / "tiny-test", int8=False)


@pytest.mark.parametrize(("int8", "tolerance"), [(False, 1e-4), (True, 0.02)])
def test_the_graph_computes_what_torch_computes(tmp_path: Path, int8: bool, tolerance: float) -> None:
    torch.manual_seed(1)
    targets = (Target("goemotions-28", "perceived"), Target("meld-7", "perceived"))
    system = build("text-classifier/tiny", targets=targets).eval()
    reader = OnnxReader.open(export(system, tmp_path, int8=int8), threads=1)
    mine, theirs = reader.read(TEXTS), system.read(TEXTS)
    for name in ("goemotions-28", "meld-7"):
        assert np.allclose(mine.scores(name), theirs.scores(name), atol=tolerance, equal_nan=True)
    if not int8:
        for a, b in zip(mine, theirs, strict=True):
            assert a.labels == b.labels
            assert a.flags == b.flags
            assert [e.text for e in a.evidence] == [e.text for e in b.evidence]
            assert np.allclose([e.weight for e in a.evidence], [e.weight for e in b.evidence], atol=1e-4)


@pytest.mark.parametrize(("int8", "tolerance"), [(False, 0.0), (True, 0.01)])
def test_a_graph_gives_its_weights_back(tmp_path: Path, int8: bool, tolerance: float) -> None:
    torch.manual_seed(1)
    system = build("text-classifier/tiny").eval()
    found = graph_weights(export(system, tmp_path, int8=int8) / "model.onnx")
    wanted = system.state_dict()
    assert set(found) == {name for name in wanted if "position_ids" not in name}
    folded = ("position_embeddings.weight", "token_type_embeddings.weight")
    for name, value in found.items():
        if not name.endswith(folded):
            torch.testing.assert_close(value, wanted[name], atol=tolerance, rtol=0)
    before = system.logits(TEXTS)["goemotions-28"]
    system.load_state_dict(found, strict=False)
    assert np.allclose(system.logits(TEXTS)["goemotions-28"], before, atol=max(tolerance, 1e-5), equal_nan=True)


def test_a_graph_of_another_kind_has_no_weights_to_give(tmp_path: Path) -> None:
    import onnx

    graph = onnx.helper.make_model(onnx.helper.make_graph([], "other", [], []))
    onnx.save(graph, str(tmp_path / "model.onnx"))
    with pytest.raises(CheckpointError, match="positions"):
        graph_weights(tmp_path / "model.onnx")


def test_smoothing_tames_outliers_in_a_quantised_layer() -> None:
    """With one channel a hundred times too large, the int8 product is far nearer to the exact one."""
    import onnx
    import onnxruntime

    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(50, 64)).astype(np.float32), rng.normal(size=(64, 16)).astype(np.float32)
    x[:, 3] *= 100
    weight[3] /= 100
    gaps = {}
    for name, ranges in (("plain", {}), ("smoothed", {"layer": np.abs(x).max(0)})):
        graph = bert_graph._Graph(int8=True, ranges=ranges)
        out = graph.linear("x", weight, np.zeros(16, np.float32), "layer")
        ends = [
            onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n", k]) for n, k in (("x", 64), (out, 16))
        ]
        constants = [onnx.numpy_helper.from_array(v, k) for k, v in graph.constants.items()]
        made = onnx.helper.make_graph(graph.nodes, "layer", ends[:1], ends[1:], constants)
        opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
        model = onnx.helper.make_model(made, opset_imports=opsets, ir_version=9).SerializeToString()
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        gaps[name] = np.abs(session.run(None, {"x": x})[0] - x @ weight).mean()
    assert gaps["smoothed"] < 0.2 * gaps["plain"]


def test_ranges_cover_every_quantised_layer() -> None:
    system = build("text-classifier/tiny").eval()
    ranges = bert_graph.input_ranges(system, [Sample(id="a", text="some words"), Sample(id="b", text="more")])
    assert len(ranges) == 4 * system.backbone.config.num_hidden_layers
    assert {len(r) for r in ranges.values()} == {32, 64}
    assert all((r > 0).all() for r in ranges.values())
    assert not any(m._forward_pre_hooks for m in system.modules())


def test_order_does_not_depend_on_batches(folder: Path) -> None:
    reader = affectus.load(str(folder))
    rng = np.random.default_rng(0)
    texts = ["word " * int(n) for n in rng.integers(1, 40, 50)]
    whole = reader.read(texts, batch_size=8)
    assert whole.column("text").tolist() == texts
    singles = np.concatenate([reader.read([text]).scores("goemotions-28") for text in texts])
    assert np.allclose(whole.scores("goemotions-28"), singles, atol=1e-4)


def test_chunks_keep_order_and_bound_memory(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(runtime, "CHUNK_TEXTS", 3)
    monkeypatch.setattr(runtime, "CHUNK_LETTERS", 30)
    rows = [Sample(id=str(i), text="a" * n) for i, n in enumerate([5, 5, 5, 5, 40, 1, 29, 2])]
    assert [[len(s.text or "") for s in chunk] for chunk in runtime.chunks(rows)] == [
        [5, 5, 5],
        [5],
        [40],
        [1, 29],
        [2],
    ]
    reader = OnnxReader.open(folder)
    assert reader.read(rows).column("text").tolist() == [s.text for s in rows]
    assert reader.logits(rows)["goemotions-28"].shape == (8, 28)
    assert reader.logits([])["goemotions-28"].shape == (0, 28)


def test_derived_scales_are_flagged(folder: Path) -> None:
    reading = affectus.load(str(folder)).read(TEXTS)[0]
    assert {"derived:ekman-6+neutral", "derived:valence-arousal"} <= set(reading.flags)
    assert sum(reading.scores["ekman-6+neutral"].values()) == pytest.approx(1, abs=1e-4)
    assert -1 <= reading.scores["valence-arousal"]["valence"] <= 1
    assert reading.perspective == "perceived"
    assert reading.by == "affectus/tiny-test"


def test_an_empty_text_has_no_scores_and_says_so(folder: Path) -> None:
    reading = affectus.load(str(folder)).read([" \n "])[0]
    assert "empty" in reading.flags
    assert reading.top is None
    assert reading.labels == ()
    assert reading.evidence == ()


def test_dialogues_are_read_turn_by_turn(folder: Path) -> None:
    turns = [
        Sample(id=str(i), source="talk", item=i, track=who, text=t)
        for i, (who, t) in enumerate([("a", "hi"), ("b", "no!")])
    ]
    timeline = affectus.load(str(folder)).read([Dialogue(tuple(turns))])
    assert timeline.column("track").tolist() == ["a", "b"]
    assert len(affectus.load(str(folder)).read([])) == 0


def test_reading_imports_no_torch(folder: Path) -> None:
    code = (
        "import sys, affectus\n"
        f"t = affectus.load({str(folder)!r}).read(['thank you so much'])\n"
        "assert len(t) == 1 and t[0].evidence\n"
        "bad = {'torch', 'transformers', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr


def test_damaged_folders_are_named_errors(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no exported reader"):
        OnnxReader.open(tmp_path)
    for name in ("config.json", "tokenizer.json", "model.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(CheckpointError, match="no readable ONNX"):
        OnnxReader.open(tmp_path)
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="no readable tokenizer"):
        OnnxReader.open(tmp_path).read(["a"])


def test_only_bert_encoders_are_exported(tmp_path: Path) -> None:
    system = build("text-classifier/tiny")
    system.backbone.config.hidden_act = "relu"
    with pytest.raises(ConfigError, match="only BERT"):
        export(system, tmp_path)


def test_left_out_words_explain_the_highest_label(folder: Path) -> None:
    reader = OnnxReader.open(folder)
    text = "one two, three"
    reading = reader.explain([text, "", "alone"])
    first, empty, alone = reading
    assert empty.evidence == ()
    assert [e.text for e in alone.evidence] == ["alone"]
    assert first.evidence
    p = reader.read([text, text.replace("two", "")]).scores("goemotions-28").astype(float)
    top = p[0].argmax()
    odds = np.log(p[:, top] / (1 - p[:, top]))
    weight = next(e.weight for e in first.evidence if e.text == "two")
    assert weight == pytest.approx(odds[0] - odds[1], abs=1e-3)
