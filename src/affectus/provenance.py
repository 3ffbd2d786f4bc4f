"""What a result depends on: versions, machine, commit, and the bytes of a checkpoint."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("affectus", "torch", "transformers", "tokenizers", "accelerate", "numpy", "safetensors", "onnxruntime")
_BYTES = ("config.json", "model.safetensors", "model.onnx")


def environment() -> dict[str, str]:
    """Versions of what a result depends on, the commit and the machine."""
    found = {"python": platform.python_version(), "machine": f"{platform.machine()}, {os.cpu_count()} CPUs"}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    here = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10, check=True
        )
        found["commit"] = commit.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    return found


def fingerprint(folder: Path) -> str:
    """SHA-256 over configuration and weights of a checkpoint folder, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in _BYTES:
        path = folder / name
        if path.is_file():
            digest.update(f"{name} {path.stat().st_size}\n".encode())
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()
