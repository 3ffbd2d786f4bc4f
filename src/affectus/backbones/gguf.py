"""A user's own GGUF file as a folder that transformers loads; made once, and kept in the cache by the file's hash."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from affectus.assets import root
from affectus.assets.cache import sha256
from affectus.assets.convert import gguf_llama
from affectus.atomic import make_folder, output_errors
from affectus.errors import CheckpointError, require

SUFFIX = ".gguf"
_SERVE = "serve it with llama.cpp (`llama-server -m FILE`) and give its URL"
_WIDE = ("F32", "F64", "BF16")  # what float16 can't hold


def unpacked(path: Path, part: Literal["model", "tokenizer"]) -> Path:
    """The folder of one part of a GGUF file; the tokenizer takes seconds the first time, the model minutes.

    Quantised weights and float16 are kept in float16, wider ones in float32.

    Raises:
        CheckpointError: If the file can't be read, or its architecture can't be converted.
        MissingDependency: If the package `gguf` is not installed.
    """
    stat = path.stat()
    target = root().parent / "gguf" / _hash(path, stat.st_size, stat.st_mtime_ns) / part
    if target.is_dir():
        return target
    from filelock import FileLock

    make_folder(target.parent)
    with output_errors(target), FileLock(target.parent / f".{part}.lock"):
        if not target.is_dir():
            work = target.with_name(f".{part}.part")
            shutil.rmtree(work, ignore_errors=True)  # left by a process that was killed
            _convert(path, part, work)
            os.replace(work, target)
    return target


@lru_cache(maxsize=32)
def _hash(path: Path, size: int, changed: int) -> str:
    """Of the content; `size` and `changed` are there for the cache."""
    return sha256(path)[:16]


def _convert(path: Path, part: str, out: Path) -> None:
    reader: Any = _opened(path)
    field = reader.get_field("general.architecture")
    architecture = str(field.contents()) if field is not None else "?"
    known = _known()
    if architecture.replace("-", "") not in {name.replace("_", "") for name in known}:
        raise CheckpointError(
            f"{str(path)!r} holds a model of the architecture {architecture!r}, which can't be converted",
            allowed=", ".join(known),
            remedy=_SERVE,
        )
    try:
        if part == "tokenizer":
            gguf_llama.tokenizer(path, out)
        else:
            matrices = {tensor.tensor_type.name for tensor in reader.tensors if len(tensor.shape) > 1}
            gguf_llama.model(path, out, half=not matrices & set(_WIDE))
    except Exception as error:  # a damaged file fails anywhere, and the tokenizers' Rust side raises a bare Exception
        raise CheckpointError(
            f"the {part} of {str(path)!r} ({architecture}) can't be converted: {error}", remedy=_SERVE
        ) from error


def _opened(path: Path) -> Any:
    gguf = require("gguf", extra="chat", purpose="GGUF files")
    try:
        return gguf.GGUFReader(path)
    except (ValueError, KeyError, IndexError) as error:
        raise CheckpointError(
            f"{str(path)!r} is no readable GGUF file ({error})", remedy="get it again: it may be cut off"
        ) from error


def _known() -> list[str]:
    """Architectures of language models that transformers takes from GGUF."""
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return sorted(set(GGUF_SUPPORTED_ARCHITECTURES) & set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))
