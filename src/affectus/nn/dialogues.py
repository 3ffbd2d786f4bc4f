"""Turns one below the other, and the same turns as dialogues of one length."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Padded(NamedTuple):
    """Turns as dialogues of one length.

    Args:
        row: (turns,) dialogue of each turn.
        at: (turns,) its place there.
        valid: (b, t) bool.
    """

    row: Tensor
    at: Tensor
    valid: Tensor

    def wide(self, values: Tensor) -> Tensor:
        """Values of the turns (turns, …) in dialogues (b, t, …), 0 behind their ends."""
        return values.new_zeros(*self.valid.shape, *values.shape[1:]).index_put((self.row, self.at), values)


def padded(opens: Tensor) -> Padded:
    """Where the turns stand, from `opens` (turns,) bool, True at the first turn of each dialogue."""
    row = opens.long().cumsum(0) - 1
    starts = opens.nonzero()[:, 0]
    at = torch.arange(len(opens), device=opens.device) - starts[row]
    valid = torch.zeros(len(starts), int(at.max()) + 1 if len(at) else 1, dtype=torch.bool, device=opens.device)
    valid[row, at] = True
    return Padded(row, at, valid)
