"""References → Hugging Face classes in float32, and their tokenizers.

Half-precision weights are widened while loading: a processor without units for them computes about a hundred times
slower. A weight file is never unpickled, and code that lies in a repository is never run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from affectus.backbones.adapt import Backbone, taking_part
from affectus.backbones.refs import Reference, resolve
from affectus.errors import CheckpointError, MissingDependency, check_option

log = logging.getLogger(__name__)
PRECISIONS = ("float32", "stored")
_UNITS = {"bfloat16": ("avx512_bf16", "amx_bf16"), "float16": ("avx512_fp16", "amx_fp16")}


def text_encoder(ref: str | Path | Backbone, *, dtype: str = "float32") -> Any:
    """A text encoder (`transformers.AutoModel`) in evaluation mode.

    Args:
        ref: What `resolve` understands; `hf:` references may be downloaded, unless `HF_HUB_OFFLINE` is set. A GGUF file
            is converted the first time. A `Backbone` also says how it takes part in training.
        dtype: `"float32"`, or `"stored"` to keep half precision where this processor has units for it.

    Raises:
        AssetError: If the asset has not been fetched.
        CheckpointError: If there is no such folder or repository, or it holds no such model in safetensors.
    """
    return pretrained("AutoModel", ref, dtype=dtype)


def causal_lm(ref: str | Path | Backbone, *, dtype: str = "float32") -> Any:
    """A language model (`transformers.AutoModelForCausalLM`); arguments and errors as in `text_encoder`."""
    return pretrained("AutoModelForCausalLM", ref, dtype=dtype)


def tokenizer(ref: str | Path | Backbone) -> Any:
    """The tokenizer that belongs to a text encoder or language model; loads no weights and no torch."""
    found = resolve(str(ref))
    if found.scheme == "tiny":
        from affectus.backbones import tiny

        return tiny.tokenizer(found.location)
    from transformers import AutoTokenizer

    place = _place(found, "tokenizer")
    with _explained(found.name):
        return AutoTokenizer.from_pretrained(place, local_files_only=found.local)


def file(ref: str | Path, name: str) -> Path | None:
    """One file of a folder or hub repository, None if it has no such file or is made in memory.

    Raises:
        CheckpointError: If the place can't be reached.
    """
    found = resolve(str(ref))
    if found.scheme == "tiny":
        return None
    from transformers.utils import cached_file

    place = _place(found, "tokenizer")
    with _explained(found.name):
        options = {"local_files_only": found.local, "_raise_exceptions_for_missing_entries": False}
        at = cached_file(place, name, **options)
    return Path(at) if at is not None else None


def pretrained(auto: str, ref: str | Path | Backbone, *, dtype: str = "float32") -> Any:
    """A model through one of transformers' automatic classes.

    Args:
        auto: Name of the class, for example `"AutoModel"`.
        ref: As in `text_encoder`.
        dtype: As in `text_encoder`.
    """
    import torch
    import transformers

    if isinstance(ref, Backbone):
        return taking_part(pretrained(auto, ref.name, dtype=dtype), ref)
    check_option("dtype", dtype, PRECISIONS)
    found = resolve(ref)
    if found.scheme == "tiny":
        from affectus.backbones import tiny

        return tiny.model(found.location)
    place = _place(found, "model")
    with _explained(found.name), _quiet():
        config = transformers.AutoConfig.from_pretrained(place, local_files_only=found.local)
        model = getattr(transformers, auto).from_pretrained(
            place,
            config=config,
            dtype=_precision(found.name, getattr(config, "dtype", None), dtype),
            local_files_only=found.local,
            use_safetensors=True,
        )
    if not isinstance(model, torch.nn.Module):
        raise CheckpointError(f"{found.name!r} gave no torch module")
    return model.eval()


def _place(found: Reference, part: Literal["model", "tokenizer"]) -> str:
    """What transformers is given: folder or hub id; a GGUF file is made a folder."""
    if found.scheme != "gguf":
        return found.location
    from affectus.backbones.gguf import unpacked

    with _quiet():
        return str(unpacked(Path(found.location), part))


def half_units(capabilities: Mapping[str, object] | None = None) -> frozenset[str]:
    """The half-precision formats that this processor computes natively: a subset of `bfloat16`, `float16`.

    Args:
        capabilities: Flags by name; by default those that torch reports. Unknown processors count as having none.
    """
    import torch

    if capabilities is None:
        ask = getattr(torch.cpu, "get_capabilities", None)
        capabilities = ask() if ask else {}
    return frozenset(name for name, flags in _UNITS.items() if any(capabilities.get(flag) for flag in flags))


def _precision(name: str, stored: Any, wanted: str) -> Any:
    import torch

    kind = str(stored).removeprefix("torch.")
    if kind not in _UNITS:
        return torch.float32
    if wanted == "stored" and kind in half_units():
        return getattr(torch, kind)
    log.info("widening the %s weights of %s to float32", kind, name)
    return torch.float32


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar of transformers: ours are shown by the front ends."""
    from transformers.utils import logging as bars

    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn transformers' errors about a place into ours."""
    from safetensors import SafetensorError

    try:
        yield
    except ImportError as error:
        raise MissingDependency(f"loading {name!r} needs another package: {_first_line(error)}") from error
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CheckpointError(
            f"{name!r} can't be loaded: {_first_line(error)}",
            remedy="check the name; files must be safetensors; a hub id is downloaded only with HF_HUB_OFFLINE=0",
        ) from error


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
