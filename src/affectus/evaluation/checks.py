"""What every function of this room asks of its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectus.errors import InputError


def same_length(*arrays: np.ndarray) -> None:
    """Raise `InputError` unless all arrays have the same, positive number of rows."""
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise InputError(f"arrays have {lengths} rows", allowed="the same number of rows, at least one")


def finite(name: str, values: Any) -> np.ndarray:
    """The values as float64, or `InputError` if one is NaN or infinite."""
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        raise InputError(
            f"{name} hold {int((~np.isfinite(array)).sum())} values that are NaN or infinite", allowed="finite numbers"
        )
    return array


def check_gold(gold: np.ndarray, k: int) -> None:
    """Raise `InputError` unless gold is (n,) class numbers below `k`, or (n, k) zeros and ones."""
    if gold.ndim == 1 and np.issubdtype(gold.dtype, np.integer) and gold.min() >= 0 and gold.max() < k:
        return
    if gold.ndim == 2 and gold.shape[1] == k and np.isin(gold, (0, 1)).all():
        return
    raise InputError(
        f"gold has shape {gold.shape}, type {gold.dtype}, values from {gold.min()} to {gold.max()}",
        allowed=f"(n,) integers from 0 to {k - 1}, or (n, {k}) zeros and ones",
    )
