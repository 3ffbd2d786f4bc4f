"""Arrays that a closed-form fit produced (scikit-learn, calibrators), kept as buffers: no pickle is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Fitted(nn.Module):
    """Named buffers that take the shape of the checkpoint, since a fit decides its own sizes.

    Args:
        **arrays: Initial values; `set` replaces them.
    """

    def __init__(self, **arrays: np.ndarray | Tensor) -> None:
        super().__init__()
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(np.asarray(array)).clone())

    def set(self, **arrays: np.ndarray | Tensor) -> None:
        """Replace values; names must exist."""
        for name, array in arrays.items():
            old = self.get_buffer(name)
            setattr(self, name, torch.as_tensor(np.asarray(array)).to(old.device, old.dtype).clone())

    def __getattr__(self, name: str) -> Tensor:
        return super().__getattr__(name)  # type: ignore[return-value]  # every attribute of this module is a tensor

    def _load_from_state_dict(self, state: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name, buffer in self.named_buffers(recurse=False):
            new = state.get(prefix + name)
            if new is not None and new.shape != buffer.shape:
                setattr(self, name, torch.empty_like(new, device=buffer.device))
        super()._load_from_state_dict(state, prefix, *rest)
