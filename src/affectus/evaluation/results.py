"""Results: figures with the protocol they were measured by, stored one JSON file each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from affectus.atomic import writing
from affectus.errors import ConfigError, FileError
from affectus.evaluation.protocols import Protocol


@dataclass(frozen=True, kw_only=True)
class Value:
    """One figure.

    Args:
        value: The figure.
        low: Lower end of the interval, if one was made.
        high: Upper end.
        n: Number of items.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int


@dataclass(frozen=True, kw_only=True)
class Folded:
    """A figure fold by fold, where the protocol has folds.

    Args:
        each: The figure of each fold, in their order.
        sd: Sample standard deviation over the folds.
        mean: Mean over the folds.
        pooled: The figure of all answers at once; which of both is the result, the protocol says.
    """

    each: tuple[float, ...]
    sd: float
    mean: float
    pooled: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a reader achieves under a protocol. There is no figure without its protocol.

    Args:
        name: The reader.
        protocol: How it was measured.
        metrics: Figure → value with interval.
        folds: Figure → the same fold by fold, where the protocol has folds.
        runs: Figure → that of each run, where several runs of a system are measured together; the figure is their mean.
        checkpoint: Hash of configuration and weights; empty for a reader without weights.
        system: `system/variant`.
        data: What its weights learned from, as on its card; empty where there is nothing to learn.
        interval: How intervals were made.
        seed: Of the resamples.
        left_out: Reason → rows of the split that are not compared.
        no_answer: Rows without an answer, which count as wrong (labels) or as the mean (levels).
        abstained: Rows on which the reader refused to decide.
        seconds: Time of reading.
        environment: Versions, machine and commit.
        date: Day of the measurement, ISO.
    """

    name: str
    protocol: Protocol
    metrics: Mapping[str, Value]
    checkpoint: str = ""
    system: str = ""
    data: str = ""
    interval: str = ""
    seed: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    no_answer: int = 0
    abstained: int = 0
    seconds: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    date: str = ""
    folds: Mapping[str, Folded] = field(default_factory=dict)
    runs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Result:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: If figures or protocol are missing or not as they should be.
        """
        known = {f.name for f in fields(cls)}
        try:
            row = {k: v for k, v in values.items() if k in known}
            row["protocol"] = Protocol.from_dict(values["protocol"])
            row["metrics"] = {name: Value(**value) for name, value in values["metrics"].items()}
            folds = values.get("folds", {}).items()
            row["folds"] = {name: Folded(**{**value, "each": tuple(value["each"])}) for name, value in folds}
            row["runs"] = {name: tuple(each) for name, each in values.get("runs", {}).items()}
            return cls(**row)
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"this is no stored result ({error})", allowed="name, protocol, metrics, …") from error

    def save(self, folder: Path) -> Path:
        """Write `<corpus>--<protocol>--<split>--<name>.json`; a newer result of the same kind replaces the old one."""
        parts = (self.protocol.corpus, self.protocol.name, self.protocol.split, self.name)
        path = folder / ("--".join(re.sub(r"[^\w.-]+", "-", part).strip("-") for part in parts) + ".json")
        with writing(path) as file:
            json.dump(self.to_dict(), file, indent=1, ensure_ascii=False)
            file.write("\n")
        return path


def load_results(folder: Path) -> list[Result]:
    """All results of a folder, in the order of their file names.

    Raises:
        FileError: If a file is no result.
    """
    found = []
    for path in sorted(folder.glob("*--*.json")):
        try:
            found.append(Result.from_dict(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, ConfigError) as error:
            raise FileError(f"{path.name!r} is no readable result ({error})", remedy="measure it again") from error
    return found
