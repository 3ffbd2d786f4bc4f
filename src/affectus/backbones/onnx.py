"""Running ONNX files without torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from affectus.errors import CheckpointError, FileError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def session(path: Path | str, threads: int | None = None) -> InferenceSession:
    """An onnxruntime session on the CPU.

    Args:
        path: The `.onnx` file.
        threads: Threads inside an operator; by default `OMP_NUM_THREADS` if it is set, else as many as there are cores.

    Raises:
        FileError: If there is no such file.
        CheckpointError: If it is no valid ONNX model.
    """
    import onnxruntime

    if not Path(path).is_file():
        raise FileError(f"there is no model file {str(path)!r}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads if threads is not None else int(os.environ.get("OMP_NUM_THREADS") or 0)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin take the processor from the other stages of an analysis.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's error classes have no common base but this
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{str(path)!r} is no readable ONNX model: {reason}", remedy="fetch or export it again"
        ) from error
