"""Smaller networks: swaps do what they say and are undone, and the page tells them apart."""

import numpy as np
import pytest
import torch
from torch import nn
from voices import Pitched, corpus

from affectus.errors import InputError
from affectus.evaluation.probes import efficiency, material
from affectus.evaluation.probes.smaller import Int8Linear, cut, in_8_bits, layers, megabytes, swapped
from affectus.registry import build
from affectus.taxonomy import Target
from affectus.testing import synthetic_items


def test_8_bits_are_near_and_not_equal():
    torch.manual_seed(0)
    layer, x = nn.Linear(64, 32), torch.randn(5, 7, 64)
    gap = (Int8Linear(layer)(x) - layer(x)).abs().max()
    assert 0 < gap < 0.05
    assert Int8Linear(nn.Linear(8, 4, bias=False))(torch.randn(2, 8)).shape == (2, 4)


@pytest.mark.parametrize("name", ["voice-head/tiny", "dawn-ser/tiny"])
def test_swaps_change_the_reading_and_are_undone(name):
    torch.manual_seed(0)
    reader = build(name)
    items, scale = synthetic_items(reader, "voice", 3), reader.config.targets[0].scale
    before = reader.read(items).scores(scale)
    depth = len(layers(reader))
    assert depth == 2
    for swaps in (cut(reader, 1), in_8_bits(reader)):
        with swapped(swaps):
            changed = reader.read(items).scores(scale)
        assert np.abs(changed - before).max() > 1e-7
        assert np.isfinite(changed).all()
        assert np.array_equal(reader.read(items).scores(scale), before)
    with swapped(cut(reader, depth)):
        assert np.array_equal(reader.read(items).scores(scale), before)


def test_an_error_inside_undoes_the_swaps_too():
    reader = build("dawn-ser/tiny")
    whole = [type(part) for part in reader.modules()]
    with pytest.raises(InputError), swapped(cut(reader, 0)):
        next(reader.stream([(0.0, np.zeros((2, 2)))], detector=float))
    assert [type(part) for part in reader.modules()] == whole


def test_size_counts_what_is_used():
    reader = build("dawn-ser/tiny")
    whole = sum(p.numel() for p in reader.parameters()) * 4 / 1e6
    assert megabytes(reader, 2, False) == pytest.approx(whole)
    layer = sum(p.numel() for p in layers(reader)[1].parameters()) * 4 / 1e6
    assert megabytes(reader, 1, False) == pytest.approx(whole - layer)
    assert whole / 4 < megabytes(reader, 2, True) < whole


def test_a_run_tells_all_variants(tmp_path):
    torch.manual_seed(0)
    reader = build("dawn-ser/tiny", targets=(Target("emodb-4", "intended"),))
    found = efficiency(material(reader, corpus({"a": "female", "b": "male"}, rounds=2), resamples=100))
    rows = found.values["rows"]
    assert [(row["layers"], row["bits"]) for row in rows] == [(k, b) for b in (32, 8) for k in (2, 1, 0)]
    assert rows[0]["difference"] == rows[0]["score_change"] == 0
    assert all(row["cpu_seconds_per_second"] > 0 for row in rows)
    assert rows[1]["score_change"] > 0
    assert "8-bit linear layers" in str(found.sections[0].picture)


def test_a_reader_without_layers_is_named():
    with pytest.raises(InputError, match="'pitched' has no stack of layers"):
        efficiency(material(Pitched(), corpus({"a": "female", "b": "male"})))
