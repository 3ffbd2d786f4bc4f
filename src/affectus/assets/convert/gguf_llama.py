"""A GGUF language model → a safetensors folder for `transformers`.

The folder loads many times faster than the GGUF file and can be fine-tuned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def tokenizer(path: Path, out: Path) -> None:
    """Write the tokenizer, with its chat template if it has one."""
    from transformers import AutoTokenizer

    made = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
    made.save_pretrained(out)


def model(path: Path, out: Path, *, half: bool) -> None:
    """Write the weights, taken out of their quantisation, and the configuration.

    Args:
        path: GGUF file.
        out: Folder.
        half: Whether in float16, else in float32.
    """
    import torch
    from transformers import AutoModelForCausalLM

    made: Any = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, local_files_only=True
    )
    # The weights are plain numbers by now; these marks of their origin would forbid saving.
    if hasattr(made.config, "quantization_config"):
        del made.config.quantization_config
    made.hf_quantizer = None
    made.is_quantized = False
    made.to(torch.float16 if half else torch.float32).save_pretrained(out)
