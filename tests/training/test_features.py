from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_loop import data, run, samples

from affectus.errors import ConfigError
from affectus.registry import build
from affectus.training import features, loop
from affectus.training.source import Data

FROZEN = [{"match": "heads.*", "lr": 0.01}, {"match": "*", "lr": 0.0}]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFFECTUS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def frozen(**changes: Any) -> Any:
    return run(**{"optim": FROZEN, "config": {}, "sampler": "shuffle", **changes})


def test_cached_training_equals_plain_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tiny encoder drops states in training mode, which a cached one never does.
    monkeypatch.setattr(loop.Step, "train", lambda self, mode=True: torch.nn.Module.train(self, False))
    plain = loop.train(frozen(), data(), tmp_path / "plain")
    cached = loop.train(frozen(cache=True), data(), tmp_path / "cached")
    weights = plain.heads["goemotions-28"].weight, cached.heads["goemotions-28"].weight
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


def test_an_encoder_runs_once_for_each_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    calls: list[int] = []
    kind = type(build("text-classifier/tiny"))
    encode = kind.encode
    monkeypatch.setattr(kind, "encode", lambda self, ids, **rest: calls.append(len(ids)) or encode(self, ids, **rest))
    loop.train(frozen(cache=True, epochs=5), data(), tmp_path / "a")
    assert sum(calls) == 40  # the 8 watched texts also stand among the 40
    loop.train(frozen(cache=True, seed=5), Data(samples(44), (44,), (1.0,)), tmp_path / "b")
    assert sum(calls) == 44  # only the new ones
    assert len(list(cache.glob("*/*.safetensors"))) == 2


def test_long_texts_keep_their_windows(cache: Path) -> None:
    items = samples(3)
    items[1] = type(items[1])(**{**vars(items[1]), "text": "so happy about all of it " * 20})
    system = build("text-classifier/tiny").requires_grad_(False)
    encoded, whole = features.Encoded(system, items), system.collate(items)
    made = encoded.batch(range(3))
    assert len(made.inputs["pooled"]) == len(whole.inputs["ids"]) > 3
    expected = system.eval().encode(**whole.to("cpu").inputs)["pooled"].numpy()
    np.testing.assert_allclose(made.inputs["pooled"], expected, atol=1e-5)
    np.testing.assert_array_equal(made.targets["goemotions-28"], whole.targets["goemotions-28"])


def test_other_weights_or_texts_have_other_keys() -> None:
    config = {"backbone": {"name": "tiny:bert", "train": False}}
    system = build("text-classifier/tiny", **config)
    before = features.encoder_hash(system)
    assert before == features.encoder_hash(build("text-classifier/tiny", **config))  # the heads differ
    system.backbone.embeddings.word_embeddings.weight[0, 0] += 1
    assert features.encoder_hash(system) != before
    first, second = (system.collate([sample]).inputs for sample in samples(2))
    assert features.input_hash(first) != features.input_hash(second)
    assert features.input_hash(first) == features.input_hash(system.collate([samples(1)[0]]).inputs)


def test_what_is_trained_is_not_cached(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="weights that are trained"):
        loop.train(run(cache=True, config={}), data(), tmp_path / "a")
