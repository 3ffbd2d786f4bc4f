import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from affectus.batch import Batch
from affectus.config import Config, parse_config
from affectus.errors import CheckpointError, ConfigError
from affectus.nn.fitted import Fitted
from affectus.readout import read_out
from affectus.sample import Sample
from affectus.system import System
from affectus.taxonomy import Target


@dataclass(frozen=True, kw_only=True)
class ToyConfig(Config):
    width: int = 3
    targets: tuple[Target, ...] = (Target("emodb-4", "intended"),)


class ToyCollate:
    def __call__(self, items, rng=None):
        x = np.stack([np.full(3, len(i.text), np.float32) for i in items])
        return Batch({"x": x}, {}, [i.span for i in items])


class Toy(System):
    Config = ToyConfig

    def __init__(self, config):
        super().__init__(config)
        self.collate = ToyCollate()
        self.head = nn.Linear(config.width, 4)
        self.fitted = Fitted(mean=np.zeros(1))

    def forward(self, x):
        return {"emodb-4": self.head(x - self.fitted.mean.mean())}

    def decode(self, outputs, batch):
        return read_out(batch.spans, outputs, self.readouts, by=self.name, modality="text")


@pytest.fixture
def toy():
    torch.manual_seed(0)
    return Toy(ToyConfig())


def texts(n=5):
    return [Sample(id=str(i), item=i, text="x" * i) for i in range(1, n + 1)]


def test_reads_in_input_order_whatever_the_batch_size(toy):
    whole, single = toy.read(texts(), batch_size=5), toy.read(texts(), batch_size=2)
    assert np.allclose(whole.scores("emodb-4"), single.scores("emodb-4"))
    assert whole.column("item").tolist() == [1, 2, 3, 4, 5]


def test_checkpoint_round_trip_keeps_readouts_and_fitted_shapes(toy, tmp_path):
    toy.fitted = Fitted(mean=np.arange(7.0))
    toy.readouts = (type(toy.readouts[0])("emodb-4", "intended", slope=(0.5,)),)
    toy.save_pretrained(tmp_path)
    again = Toy.from_pretrained(tmp_path)
    assert again.readouts == toy.readouts
    assert again.fitted.mean.tolist() == list(range(7))
    assert np.array_equal(again.read(texts()).scores("emodb-4"), toy.read(texts()).scores("emodb-4"))


@pytest.mark.parametrize("damage", ["missing", "extra", "shape", "garbage", "no config"])
def test_a_checkpoint_that_does_not_fit_is_refused(toy, tmp_path, damage):
    toy.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    tensors = load_file(weights)
    if damage == "missing":
        del tensors["head.bias"]
    elif damage == "extra":
        tensors["other"] = torch.zeros(1)
    elif damage == "shape":
        tensors["head.weight"] = torch.zeros(2, 2)
    save_file(tensors, weights)
    if damage == "garbage":
        weights.write_bytes(b"not weights")
    if damage == "no config":
        (tmp_path / "config.json").unlink()
    with pytest.raises(CheckpointError):
        Toy.restore(tmp_path)


def test_no_checkpoint_is_a_pickle(toy, tmp_path):
    toy.save_pretrained(tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} <= {".json", ".safetensors", ".md"}
    assert json.loads((tmp_path / "config.json").read_text())["config"]["width"] == 3


def test_unknown_config_keys_suggest_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'width'"):
        parse_config(ToyConfig, {"widht": 3})
    with pytest.raises(ConfigError, match="'wide'"):
        parse_config(ToyConfig, {"width": "wide"})


def test_nested_configs_come_back_as_objects():
    config = parse_config(ToyConfig, {"targets": [{"scale": "meld-7", "perspective": "perceived"}]})
    assert config.targets == (Target("meld-7", "perceived"),)
