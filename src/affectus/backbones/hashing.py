"""Hashes of weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def weight_hash(weights: nn.Module | Mapping[str, Tensor]) -> str:
    """Sixteen hex digits that change with any weight, shape or type of a module; the key of caches of its outputs.

    Args:
        weights: The module, or some of its tensors by name.
    """
    import torch

    tensors = weights.state_dict() if isinstance(weights, torch.nn.Module) else weights
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]
