"""The weights of an exported text classifier, back out of its ONNX graph: what `bert_graph` wrote there, undone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affectus.errors import CheckpointError, require

if TYPE_CHECKING:
    from torch import Tensor


def graph_weights(path: Path) -> dict[str, Tensor]:
    """Weights in float32 under the names of `TextClassifier`; those of an int8 graph are what its numbers stand for.

    The one segment that was folded into the positions stays there, and that of the segments is 0.

    Args:
        path: `model.onnx`.

    Raises:
        CheckpointError: If it is no graph of `bert_graph`.
    """
    import torch

    onnx = require("onnx", extra="train", purpose="taking the weights of an exported checkpoint")
    held = {c.name: onnx.numpy_helper.to_array(c) for c in onnx.load(str(path)).graph.initializer}
    try:
        found = _named(held)
    except KeyError as error:
        raise CheckpointError(
            f"{str(path)!r} holds no {error.args[0]!r}", allowed="a text classifier that was exported by `--onnx`"
        ) from error
    return {name: torch.from_numpy(np.array(value, np.float32)) for name, value in found.items()}


def _named(held: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    places = held["positions"]
    out = {
        "embeddings.word_embeddings.weight": _rows(held),
        "embeddings.position_embeddings.weight": places,
        "embeddings.token_type_embeddings.weight": np.zeros((2, places.shape[1])),
    }
    dense = [name.removesuffix(".bias") for name in held if name.endswith((".attention.bias", ".dense.bias"))]
    for name in dense:
        weight, bias = _columns(held, name).T, held[f"{name}.bias"]
        roles = [f".self.{role}" for role in ("query", "key", "value")] if name.endswith(".attention") else [""]
        for role, rows, shift in zip(roles, np.split(weight, len(roles)), np.split(bias, len(roles)), strict=True):
            out |= {f"{name}{role}.weight": rows, f"{name}{role}.bias": shift}
    out |= {name: value for name, value in held.items() if "LayerNorm." in name}
    heads = {name: value.T for name, value in held.items() if name.startswith("heads.")}  # a bias is its own transpose
    return {f"backbone.{name}": value for name, value in out.items()} | heads


def _rows(held: dict[str, np.ndarray]) -> np.ndarray:
    if "words.table" in held:
        return held["words.table"]
    return held["words.int8"] * held["words.scale"]


def _columns(held: dict[str, np.ndarray], name: str) -> np.ndarray:
    """The weight (in, out) of a dense layer."""
    if f"{name}.int8" not in held:
        return held[f"{name}.weight"]
    weight = held[f"{name}.int8"] * held[f"{name}.scale"]
    return weight * held[f"{name}.smooth"][:, None] if f"{name}.smooth" in held else weight
