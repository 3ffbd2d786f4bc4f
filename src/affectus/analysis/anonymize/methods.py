"""Names of methods → anonymisers of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectus.errors import InputError, check_option

METHODS: Mapping[str, str] = {
    "embedded": "pseudo-voice",
    "mcadams": "mcadams",
    "ohnn": "emotion-anonymization/ohnn",
    "selection": "emotion-anonymization/selection",
}
"""Method → system, or system/variant where weights of the user's own are needed."""
KEEPING: Mapping[str, str] = {"embedded": "affectus/pseudo-voice"}
"""Method → shipped checkpoint that can keep the emotion."""
DEFAULT = "embedded"


def open_anonymizer(method: str = DEFAULT, *, keep_emotion: bool = False, weights: Path | None = None) -> Any:
    """An anonymiser, ready.

    Args:
        method: One of `METHODS`.
        keep_emotion: Whether what the voice is read to show is put back after the speaker was changed.
        weights: Checkpoint folder, for methods that need one.

    Raises:
        InputError: If weights are missing or given in vain, or the method has no way to keep the emotion.
        FileError: If a file of the weights is missing; the message says which.
        CheckpointError: If the folder holds no weights of this method, or no boundaries to keep the emotion by.
    """
    from affectus import registry

    check_option("method", method, METHODS)
    name = METHODS[method]
    if "/" not in name:
        if weights is not None:
            raise InputError(f"--weights were given for the method {method!r}", remedy="leave them out; it needs none")
        if not keep_emotion:
            return registry.load(name)
        if method not in KEEPING:
            able = [m for m, n in METHODS.items() if "/" in n or m in KEEPING]
            raise InputError(f"the method {method!r} can't keep the emotion", allowed=f"--method {' or '.join(able)}")
        return registry.load(KEEPING[method])
    if weights is None:
        raise InputError(
            f"the method {method!r} needs trained weights, which can't be shipped",
            remedy=f"pass --weights FOLDER with a checkpoint of {name}, or take --method {DEFAULT}, which needs none",
        )
    from affectus.systems.emotion_anonymization import check_weights

    check_weights(weights, method)
    found: Any = registry.load(str(weights))
    return found.keeping_emotion() if keep_emotion else found
