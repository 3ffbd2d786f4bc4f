"""A TFLite file as a function of NumPy arrays."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from affectus.errors import AssetError


class LiteRT:
    """One TFLite net with one float32 input, run by LiteRT on the CPU.

    Calls from several threads wait for each other; a copy or a pickle loads the net anew.

    Args:
        net: The `.tflite` file, or its bytes.
        threads: Threads that one call may use.

    Raises:
        AssetError: If it can't be read as a net.
    """

    def __init__(self, net: str | Path | bytes, threads: int = 1) -> None:
        with warnings.catch_warnings():  # the interpreter announces its successor at every import
            warnings.simplefilter("ignore")
            from ai_edge_litert.interpreter import Interpreter
        self._made_of, self._lock = (net, threads), threading.Lock()
        given = {"model_content": net} if isinstance(net, bytes) else {"model_path": str(net)}
        try:
            with _silence():
                self._net = Interpreter(**given, num_threads=threads)
                self._net.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            what = "the given bytes are" if isinstance(net, bytes) else f"{str(net)!r} is"
            raise AssetError(
                f"{what} no TFLite net ({error})", remedy="fetch it again with `affectus assets fetch default`"
            ) from error
        given_input = self._net.get_input_details()[0]
        self._input = given_input["index"]
        self._outputs = [row["index"] for row in self._net.get_output_details()]
        self.input_shape: tuple[int, ...] = tuple(int(n) for n in given_input["shape"])

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        """Outputs, in the file's order, for one input of `input_shape`."""
        with self._lock:
            self._net.set_tensor(self._input, np.ascontiguousarray(x, np.float32))
            self._net.invoke()
            return [self._net.get_tensor(index) for index in self._outputs]

    def __reduce__(self) -> tuple[Any, ...]:
        return LiteRT, self._made_of


_silence_lock = threading.Lock()
_silenced = False


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the line that the runtime's native code writes to stderr at the first net out of users' terminals."""
    global _silenced
    with _silence_lock:
        if _silenced:
            yield
            return
        try:
            kept = os.dup(2)
        except OSError:  # no stderr, nothing to keep clean
            yield
            return
        try:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
            _silenced = True
        finally:
            os.dup2(kept, 2)
            os.close(kept)
