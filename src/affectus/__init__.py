"""Affectus: read emotion from text, voices, faces and video, with calibrated, timed and explained results.

Importing the package is cheap; torch, pandas and pyarrow are loaded when they are first needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affectus.affect import Affect, Evidence
    from affectus.analysis import analyze
    from affectus.registry import build, card, load, systems
    from affectus.sample import Dialogue, Media, Sample
    from affectus.taxonomy import Scale, Target, scale
    from affectus.timeline import Timeline, align

__version__ = "0.1.0"

_WHERE = {
    "Affect": "affectus.affect",
    "Dialogue": "affectus.sample",
    "Evidence": "affectus.affect",
    "Media": "affectus.sample",
    "Sample": "affectus.sample",
    "Scale": "affectus.taxonomy",
    "Target": "affectus.taxonomy",
    "Timeline": "affectus.timeline",
    "align": "affectus.timeline",
    "analyze": "affectus.analysis",
    "build": "affectus.registry",
    "card": "affectus.registry",
    "load": "affectus.registry",
    "scale": "affectus.taxonomy",
    "systems": "affectus.registry",
}

__all__ = [
    "Affect",
    "Dialogue",
    "Evidence",
    "Media",
    "Sample",
    "Scale",
    "Target",
    "Timeline",
    "align",
    "analyze",
    "build",
    "card",
    "load",
    "scale",
    "systems",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'affectus' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
