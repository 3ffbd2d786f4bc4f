"""Naming weights and finding their files must not cost the start-up of the libraries that run them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "transformers",
    "tokenizers",
    "onnxruntime",
    "huggingface_hub",
    "pandas",
    "pyarrow",
    "scipy",
    "safetensors",
}
ASK = "import sys; {}; print(*sorted(set(sys.modules) & set({!r})))"


@pytest.mark.parametrize(
    "code",
    [
        "import affectus.assets, affectus.assets.cache, affectus.cli.assets; affectus.assets.listing()",
        "import affectus.backbones; affectus.backbones.resolve('tiny:bert'); affectus.backbones.log_mel([0.0] * 800)",
    ],
)
def test_heavy_libraries_stay_unloaded(code):
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(code, sorted(HEAVY))], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
