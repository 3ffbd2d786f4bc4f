"""`Scale`: a named set of scores. `Target`: a scale and whose feeling it speaks of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

from affectus.errors import ScaleError, unknown

Perspective = Literal["felt", "intended", "perceived", "evoked"]
"""Whose feeling a score speaks of.

`felt`: own report or body; `intended`: meant to be shown (acting, an agent's choice); `perceived`: others judge the
person or the work; `evoked`: the audience's own feeling.
"""

Kind = Literal["one-of", "any-of", "level"]


@dataclass(frozen=True)
class Scale:
    """A named, versioned set of scores.

    Args:
        name: For example `"ekman-6"`.
        labels: Names of the scores, in the order of every array on this scale.
        kind: `one-of` sums to 1 over the labels, `any-of` holds independent probabilities, `level` holds quantities in
            [low, high].
        low: Lower end of a level.
        high: Upper end of a level.
        unit: Unit of a level, empty when it has none.
        version: Changes when the labels or their meaning change.
        source: Where the labels come from.
    """

    name: str
    labels: tuple[str, ...]
    kind: Kind
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    version: str = "1"
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        if self.kind not in get_args(Kind):
            raise ScaleError(f"scale {self.name!r} has kind {self.kind!r}", allowed=", ".join(get_args(Kind)))
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ScaleError(f"scale {self.name!r} has labels {self.labels!r}", allowed="at least one label, each once")
        if not self.low < self.high:
            raise ScaleError(f"scale {self.name!r} has range [{self.low}, {self.high}]", allowed="low below high")

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """Position of a label, or `UnknownName` with the nearest spelling."""
        try:
            return self.labels.index(label)
        except ValueError:
            raise unknown(f"label on scale {self.name!r}", label, self.labels) from None

    def to_json(self) -> str:
        """The scale as JSON, as it stands in the metadata of a timeline's column."""
        return _json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Scale:
        """The inverse of `to_json`."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Target:
    """What a reader's scores mean: a scale's name and whose feeling it speaks of."""

    scale: str
    perspective: Perspective

    def __post_init__(self) -> None:
        if self.perspective not in get_args(Perspective):
            raise ScaleError(f"perspective is {self.perspective!r}", allowed=", ".join(get_args(Perspective)))


@cache
def _json(of: Scale) -> str:  # asked for with every timeline that is made
    return json.dumps(asdict(of), ensure_ascii=False, sort_keys=True)


_own: dict[str, Scale] = {}


@cache
def _shipped() -> Mapping[str, Scale]:
    folder = resources.files("affectus.taxonomy") / "data"
    rows: list[dict[str, Any]] = json.loads((folder / "scales.json").read_text(encoding="utf-8"))
    return {row["name"]: Scale(**row) for row in rows}


def known_scales() -> tuple[str, ...]:
    """Names of all scales, shipped and registered."""
    return tuple(sorted({*_shipped(), *_own}))


def scale(name: str) -> Scale:
    """The scale of this name, or `UnknownName` with the nearest spelling."""
    found = _own.get(name) or _shipped().get(name)
    if found is None:
        raise unknown("scale", name, known_scales())
    return found


def register_scale(new: Scale, *, replace: bool = False) -> Scale:
    """Make an own label set known by name; registering the same scale again is harmless.

    Raises:
        ScaleError: If another scale has this name and `replace` is false.
    """
    old = _own.get(new.name) or _shipped().get(new.name)
    if old is not None and old != new and not replace:
        raise ScaleError(
            f"a different scale named {new.name!r} is already known (version {old.version}, {len(old)} labels)",
            remedy="choose another name or pass replace=True",
        )
    _own[new.name] = new
    return new


def own_scales(names: Iterable[str]) -> list[dict[str, Any]]:
    """Of some scales those that were registered and are not shipped, as plain values for a checkpoint's JSON."""
    return [asdict(_own[name]) for name in dict.fromkeys(names) if name in _own and name not in _shipped()]


def adopt_scales(rows: Iterable[Mapping[str, Any]]) -> None:
    """Register scales that a checkpoint brings along."""
    for row in rows:
        register_scale(Scale(**row))
