"""Any system's network as an ONNX graph."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affectus.batch import Batch
from affectus.config import Config
from affectus.errors import ConfigError, InputError
from affectus.sample import as_items, flatten
from affectus.system import System
from affectus.training.graph import export_onnx, run_onnx


class Words:
    """Texts → numbers (b, t), padded."""

    def __call__(self, items, rng=None):
        rows = [[len(word) for word in sample.text.split()] for sample in flatten(items)]
        words = np.zeros((len(rows), max(map(len, rows))), np.float32)
        for row, found in zip(words, rows, strict=True):
            row[: len(found)] = found
        return Batch({"words": words, "power": 2}, {}, [s.span for s in flatten(items)])


class Small(System):
    """Sum of powers of the numbers; an output is named like the input."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.collate = Words()
        self.weight = nn.Parameter(torch.tensor([2.0, 3.0]))

    def forward(self, words: Tensor, power: int) -> dict[str, Tensor]:
        return {"total": words.pow(power).sum(1, keepdim=True) * self.weight, "words": words + 1}


class Loops(Small):
    """Its way depends on values, which no graph follows."""

    def forward(self, words: Tensor, power: int) -> dict[str, Tensor]:
        return {"total": torch.stack([row.sum() for row in words if row[0] > 1])}


def test_batches_of_any_size_and_length_give_what_torch_gives(tmp_path):
    system = Small(Config()).train()
    path = export_onnx(system, tmp_path / "model.onnx", ["one", "two or three"])
    assert system.training
    for texts in (["a"], ["so many more words than before", "b c", "d"]):
        batch = system.collate(as_items(texts))
        wanted = system(**batch.to("cpu").inputs)
        found = run_onnx(path, batch)
        assert list(found) == ["total", "words"]
        for name, value in wanted.items():
            assert np.allclose(found[name], value.detach().numpy(), atol=1e-6)


def test_a_network_that_no_graph_follows_is_a_named_error(tmp_path):
    with pytest.raises(ConfigError, match=r"Loops can't be exported to ONNX: \S"):
        export_onnx(Loops(Config()), tmp_path / "model.onnx", ["one", "two or three"])
    assert not list(tmp_path.iterdir())


def test_one_item_does_not_show_which_axes_are_free(tmp_path):
    with pytest.raises(InputError, match="two or more"):
        export_onnx(Small(Config()), tmp_path / "model.onnx", ["one"])
