"""Weights that would have to be unpickled are never loaded: unpickling runs whatever code the file holds."""

from __future__ import annotations

from pathlib import Path

from affectus.errors import CheckpointError

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
OURS = ("model.safetensors", "model.onnx")


def refuse_pickled(path: Path) -> None:
    """Raise `CheckpointError`, with the remedy, if a checkpoint has its weights in pickled files alone.

    Args:
        path: A checkpoint folder, or a file of weights.
    """
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
    if any(file.name in OURS for file in files):
        return
    found = next((file.name for file in files if file.suffix.lower() in PICKLED), None)
    if found is not None:
        raise CheckpointError(
            f"{str(path)!r} has its weights in {found!r}, which would have to be unpickled, and that can run any code",
            allowed=" or ".join(OURS),
            remedy=f"turn published weights into a checkpoint: affectus convert SYSTEM/VARIANT {path} --out FOLDER",
        )
