"""Names → language models."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Literal

from affectus import assets
from affectus.backbones.gguf import SUFFIX
from affectus.backbones.llm.base import LLM
from affectus.errors import CheckpointError, check_option, suggest

EMBEDDED = {"smollm2": "asset:smollm2-135m"}
_HUB = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_SCHEMES = ("asset:", "hf:", "tiny:")
_FORMS = "smollm2, the address of a server, ORG/NAME of the hub, a folder, a GGUF file"
RUNTIMES = ("auto", "llama.cpp", "transformers")


def open_llm(ref: str | Path = "smollm2", *, runtime: Literal["auto", "llama.cpp", "transformers"] = "auto") -> LLM:
    """A language model by name. Nothing but a server that `ref` names, or a hub id, is asked over the network.

    Args:
        ref: `smollm2` is the embedded model; `http://…` or `https://…` a server that speaks OpenAI's protocol, with
            the model's name behind a `#`; `hf:ORG/NAME` or `ORG/NAME` a repository of the hub; else an `asset:`, a
            `tiny:` network, a GGUF file or a folder: of a model in safetensors, or of a checkpoint that `affectus
            train` made of one, for example of adapters.
        runtime: What runs the embedded model and GGUF files: llama.cpp is several times faster, transformers can be
            trained. `auto` takes llama.cpp where it is installed.

    Raises:
        AssetError: If the embedded model has not been fetched.
        CheckpointError: If there is no such folder or repository.
        LLMError: If a server names no model.
    """
    check_option("runtime", runtime, RUNTIMES)
    name = str(ref)
    if name.startswith(("http://", "https://")):
        from affectus.backbones.llm.served import ServedLLM

        return ServedLLM(name)
    where = EMBEDDED.get(name, name)
    weights = _gguf(where)
    if weights is not None and (runtime == "llama.cpp" or (runtime == "auto" and _installed())):
        from affectus.backbones.llm.llama_cpp import LlamaCppLLM

        return LlamaCppLLM(weights, where, name)
    from affectus.backbones.llm.local import TransformersLLM

    folder = Path(where).expanduser()
    if _ours(folder):
        from affectus.backbones.llm.tuned import tuned_llm

        return tuned_llm(folder, name)
    if not where.startswith(_SCHEMES) and not folder.exists():
        if not _HUB.fullmatch(where) or folder.suffix.lower() == SUFFIX:
            remedy = f"write 'http://{name}'" if ":" in name else suggest(name, EMBEDDED)
            raise CheckpointError(f"there is no language model {name!r}", allowed=_FORMS, remedy=remedy)
        where = f"hf:{where}"
    return TransformersLLM(where, name)


def _gguf(where: str) -> Path | None:
    """The GGUF file that a reference means, if it means one."""
    if where in EMBEDDED.values():
        return assets.path(where.removeprefix("asset:"), "gguf")
    path = Path(where).expanduser()
    return path if path.suffix.lower() == SUFFIX and path.is_file() else None


def _ours(folder: Path) -> bool:
    """Whether a folder is a checkpoint of ours; models of transformers have a `config.json` without `system`."""
    try:
        row = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(row, dict) and "system" in row and "config" in row


def _installed() -> bool:
    return importlib.util.find_spec("xllamacpp") is not None
