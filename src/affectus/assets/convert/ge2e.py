"""Resemblyzer's speaker encoder: a training checkpoint → the weights of the encoder alone.

The checkpoint also holds the optimiser and the two scalars of the GE2E loss (Wan et al. 2018, arXiv:1710.10467, eq. 5),
which the encoder does not use.
"""

from __future__ import annotations

from pathlib import Path

VERSION = 1


def convert(raw: Path, out: Path) -> None:
    """Write `model.safetensors` with `lstm.*` and `linear.*`, float32.

    The file is a pickle, so it is read by torch's restricted loader, which builds tensors and plain containers only.
    """
    import torch
    from safetensors.torch import save_file

    state = torch.load(raw / "pretrained.pt", map_location="cpu", weights_only=True)["model_state"]
    kept = {key: value.contiguous() for key, value in state.items() if not key.startswith("similarity_")}
    save_file(kept, out / "model.safetensors", metadata={"format": "pt"})
