"""A quantised GGUF language model → a safetensors folder for `transformers`.

The folder loads many times faster than the GGUF file and can be fine-tuned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

VERSION = 1


def convert(raw: Path, out: Path) -> None:
    """Fill `out/hf` (float16 safetensors, tokenizer) and keep the GGUF file beside it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (path,) = raw.glob("*.gguf")
    tokenizer = AutoTokenizer.from_pretrained(raw, gguf_file=path.name, local_files_only=True)
    model: Any = AutoModelForCausalLM.from_pretrained(
        raw, gguf_file=path.name, dtype=torch.float32, local_files_only=True
    )
    # The weights are plain numbers by now; these marks of their origin would forbid saving.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.to(torch.float16).save_pretrained(out / "hf")
    tokenizer.save_pretrained(out / "hf")
    path.rename(out / path.name)
