"""Names of normalised weights: the older spelling of published checkpoints and that of torch's parametrisations.

A weight under weight normalisation was stored as `weight_g` and `weight_v`, one under spectral normalisation as
`weight_orig`, `weight_u` and `weight_v`. `torch.nn.utils.parametrizations` keeps the same tensors under other names.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_STEM = "parametrizations.weight."
_WEIGHT = {"weight_g": f"{_STEM}original0", "weight_v": f"{_STEM}original1"}
_SPECTRAL = {"weight_orig": f"{_STEM}original", "weight_u": f"{_STEM}0._u", "weight_v": f"{_STEM}0._v"}
_OLDER = {new: old for names in (_WEIGHT, _SPECTRAL) for old, new in names.items()}


def _split(key: str, names: Mapping[str, str]) -> tuple[str, str]:
    """What stands before the name of a normalised weight, and the name; the name is empty for other keys."""
    for name in names:
        if key == name or key.endswith(f".{name}"):
            return key[: len(key) - len(name)], name
    return key, ""


def parametrised(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of torch's parametrisations; those that have them already stay as they are."""
    out = {}
    for key, value in state.items():
        before, name = _split(key, _WEIGHT | _SPECTRAL)
        names = _SPECTRAL if f"{before}weight_orig" in state else _WEIGHT
        out[before + names[name] if name else key] = value
    return out


def older(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under `weight_g` and `weight_v`, or `weight_orig`, `weight_u` and `weight_v`."""
    out = {}
    for key, value in state.items():
        before, name = _split(key, _OLDER)
        out[before + _OLDER[name] if name else key] = value
    return out
