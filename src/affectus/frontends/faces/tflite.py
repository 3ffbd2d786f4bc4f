"""What a TFLite file holds: its weights in the order of its operators, and a copy of it with all weights as float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from affectus.errors import AssetError


def _parse(path: Path) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    try:
        return schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    except Exception as error:  # a damaged flat buffer raises struct, index and type errors
        raise AssetError(
            f"{str(path)!r} is no readable TFLite file ({error})",
            remedy="fetch it again with `affectus assets fetch default`",
        ) from error


def _constant(model: Any, tensor: Any) -> np.ndarray | None:
    """Values of a constant float32 or int8 tensor as float32; None for an activation or another type."""
    from ai_edge_litert.schema_py_generated import TensorType

    kinds = {TensorType.FLOAT32: np.float32, TensorType.INT8: np.int8}
    data = model.buffers[tensor.buffer].data
    if data is None or not len(data) or tensor.type not in kinds:
        return None
    values = np.frombuffer(np.asarray(data, np.uint8).tobytes(), kinds[tensor.type]).reshape(tensor.shape)
    q = tensor.quantization
    if tensor.type == TensorType.FLOAT32 or q is None or q.scale is None:
        return values.astype(np.float32)
    shape = [1] * values.ndim
    shape[q.quantizedDimension] = -1
    scale, zero = (np.asarray(v, np.float32) for v in (q.scale, q.zeroPoint))
    if scale.size == 1:
        return (values.astype(np.float32) - zero) * scale
    return (values.astype(np.float32) - zero.reshape(shape)) * scale.reshape(shape)


def weights(path: Path) -> list[list[np.ndarray]]:
    """Constant float inputs (kernel, then bias) of each operator that has any, in the order of execution.

    Int8 weights are widened by their scales. Kernels are as TFLite stores them: (out, height, width, in), depthwise
    (1, height, width, channels).

    Raises:
        AssetError: If the file can't be read.
    """
    model = _parse(path)
    graph = model.subgraphs[0]
    found = [
        [_constant(model, graph.tensors[index]) for index in operator.inputs if index >= 0]
        for operator in graph.operators
    ]
    rows = [[values for values in row if values is not None] for row in found]
    return [row for row in rows if row]


def widened(path: Path) -> bytes:
    """The same net with every int8 weight stored as the float32 number that it stands for.

    The packaged classifiers keep weights in int8 and compute in float32 or, as the kernel likes, in int8 with scales
    chosen at run time: the answer then depends on the CPU's kernels. The widened net has one meaning everywhere.

    Raises:
        AssetError: If the file can't be read.
    """
    import flatbuffers  # type: ignore[import-untyped]
    from ai_edge_litert.schema_py_generated import TensorType

    model = _parse(path)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            values = _constant(model, tensor) if tensor.type == TensorType.INT8 else None
            if values is not None:
                model.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
                tensor.type, tensor.quantization = TensorType.FLOAT32, None
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
