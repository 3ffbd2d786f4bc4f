"""What goes into a system: a batch of NumPy arrays, so that collating needs no torch and can run in workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from affectus.sample import Item, Span

if TYPE_CHECKING:
    import torch


class Batch(NamedTuple):
    """What `collate` makes: NumPy arrays, so that it can run in workers and without torch.

    Args:
        inputs: Keyword arguments of `forward`.
        targets: Gold values by name; empty when there are none.
        spans: Index of each row of the timeline.
        notes: What `decode` needs beside the outputs (words and their places, warnings); never moved to a device.
    """

    inputs: dict[str, Any]
    targets: dict[str, Any]
    spans: list[Span]
    notes: Any = None

    def to(self, device: torch.device | str) -> Batch:
        """The same batch with tensors on a device; values that are no arrays stay as they are."""
        import torch

        def move(values: dict[str, Any]) -> dict[str, Any]:
            return {
                k: torch.as_tensor(v).to(device) if isinstance(v, np.ndarray | torch.Tensor) else v
                for k, v in values.items()
            }

        return Batch(move(self.inputs), move(self.targets), self.spans, self.notes)


class Collate(Protocol):
    """A picklable object without weights. `rng=None` means evaluation: no crops, no masks, no draws."""

    def __call__(self, items: list[Item], rng: np.random.Generator | None = None) -> Batch:
        """Turn items into one batch."""
        ...
