"""A language model as a checkpoint of ours keeps it: a reference to its weights, and what was trained of them."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from torch import nn

from affectus.backbones.adapt import Backbone, merged
from affectus.backbones.llm.local import TransformersLLM
from affectus.backbones.loading import causal_lm
from affectus.errors import CheckpointError
from affectus.references import references, stored
from affectus.stored import read_stored

PART = "backbone"


def tuned_llm(folder: Path, name: str) -> TransformersLLM:
    """The language model of a checkpoint folder, its adapters worked in.

    Args:
        folder: What `affectus train` made of a system that answers by a language model.
        name: For records.

    Raises:
        CheckpointError: If the folder holds no language model, or one that was trained on other weights than are here.
    """
    held = read_stored(folder)
    try:
        how = TypeAdapter(Backbone).validate_python(held.config.get(PART))
    except ValidationError as error:
        raise _none(folder, held.system) from error
    system = nn.ModuleDict({PART: causal_lm(how)})
    given = held.tensors()
    if given.keys() != stored(system).keys():
        raise _none(folder, held.system)
    if held.references != references(system):
        raise CheckpointError(f"{str(folder)!r} was trained on a backbone with other weights", remedy="fetch those")
    system.load_state_dict(given, strict=False)
    return TransformersLLM(how.name, name, model=merged(system[PART]))


def _none(folder: Path, system: str) -> CheckpointError:
    return CheckpointError(
        f"{str(folder)!r} is a checkpoint of {system!r}, which is no language model",
        allowed="a checkpoint of a system that answers by one, such as chat-lm",
    )
