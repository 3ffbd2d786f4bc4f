"""The network of any system as an ONNX graph, through torch's own exporter.

The graph computes what `forward` computes, from what the system's collate makes; decoding stays in Python. Text
classifiers have a smaller and faster graph of their own: `training.export`.
"""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from affectus.atomic import writing
from affectus.batch import Batch
from affectus.errors import ConfigError, InputError, require
from affectus.sample import Item, as_items

if TYPE_CHECKING:
    from affectus.system import System


def export_onnx(system: System, path: Path, items: Iterable[Item | str]) -> Path:
    """Write `forward` in evaluation mode as one ONNX file, float32, for batches of any size.

    Args:
        system: Any system whose `forward` torch can trace.
        path: The file. Its inputs and outputs have the names that they have in `forward`; an output that is named like
            an input gets `.out` behind it.
        items: A few typical ones of different lengths. An axis on which the items differ may have any length in the
            graph, and so may the first axis; every other axis keeps its size.

    Returns:
        The path.

    Raises:
        InputError: If there are fewer than two items.
        ConfigError: If the network can't be exported, with the reason that torch gives.
        MissingDependency: If the packages of the extra `train` are absent.
    """
    require("onnxscript", extra="train", purpose="the export to ONNX")
    rows = as_items(items)
    if len(rows) < 2:
        raise InputError(f"{len(rows)} items were given", allowed="two or more, of different lengths")
    inputs = system.collate(rows).to(system.device).inputs
    shapes = _shapes(inputs, [system.collate([row]).inputs for row in rows])
    before = system.training
    try:
        program = _traced(system.eval(), inputs, shapes)
    finally:
        system.train(before)
    with writing(path, "wb") as file:
        file.write(program.model_proto.SerializeToString())
    return path


def _shapes(inputs: dict[str, Any], singles: list[dict[str, Any]]) -> dict[str, Any]:
    """For each input the axes that may have any length; None for a value that is no tensor."""

    def free(name: str, value: torch.Tensor, axis: int) -> bool:
        return axis == 0 or any(single[name].shape[axis] != value.shape[axis] for single in singles)

    return {
        name: {axis: torch.export.Dim.DYNAMIC for axis in range(value.ndim) if free(name, value, axis)}
        if isinstance(value, torch.Tensor)
        else None
        for name, value in inputs.items()
    }


@torch.no_grad()
def _traced(system: System, inputs: dict[str, Any], shapes: dict[str, Any]) -> torch.onnx.ONNXProgram:
    names = [f"{name}.out" if name in inputs else name for name in system(**inputs)]
    try:
        with _quiet():
            program = torch.onnx.export(
                system,
                kwargs=inputs,
                dynamic_shapes=_by_argument(system, shapes),
                input_names=[name for name, shape in shapes.items() if shape is not None],
                output_names=names,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # torch raises many kinds, from inside the traced code too
        cause = error.__cause__ or error
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise ConfigError(
            f"{type(system).__name__} can't be exported to ONNX: {reason}", remedy="read with torch instead"
        ) from error
    assert program is not None  # None is only given when torch writes the file itself
    return program


def _by_argument(system: System, shapes: dict[str, Any]) -> dict[str, Any]:
    """The axes by argument of `forward`; what it takes as `**rest` stands together under that name."""
    arguments = inspect.signature(system.forward).parameters
    rest = [name for name, argument in arguments.items() if argument.kind is argument.VAR_KEYWORD]
    loose = {name: shape for name, shape in shapes.items() if name not in arguments}
    named = {name: shape for name, shape in shapes.items() if name in arguments}
    return named | dict.fromkeys(rest, loose)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter speaks of its own workings and of operators of packages that nobody asked for."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def run_onnx(path: Path, batch: Batch) -> dict[str, np.ndarray]:
    """What the graph gives for a batch: name in `forward` → array, in its order.

    Args:
        path: A file of `export_onnx`.
        batch: From the system's collate.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    feed = {i.name: np.asarray(batch.inputs[i.name]) for i in session.get_inputs()}
    own = [name.removesuffix(".out") if name.removesuffix(".out") in feed else name for name in names]
    return dict(zip(own, session.run(names, feed), strict=True))
