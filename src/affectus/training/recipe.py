"""Recipes: an ordered map of runs, read from YAML and checked against frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_type_hints

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from affectus.errors import ConfigError, FileError, suggest

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class _Strict:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True)
class Group(_Strict):
    """Parameters that are optimised alike. The first group whose pattern fits a name takes it.

    Args:
        match: Pattern on the parameter's name, `*` for anything.
        lr: Highest learning rate; 0 freezes.
        weight_decay: Decoupled weight decay (Loshchilov and Hutter 2019).
        layer_decay: Prefix of numbered layers → factor: a layer's rate is lr × factor^(layers above it).
    """

    match: str = "*"
    lr: Annotated[float, Field(ge=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    layer_decay: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Schedule(_Strict):
    """How the learning rate moves: linear warm-up, then down.

    Args:
        shape: After the warm-up; `linear` and `cosine` end at `end` × lr. `plateau` multiplies the rate by `factor`
            each time the watched loss has not fallen for more than `patience` epochs, never below `end` × lr.
            `inverse-root` falls as 1 / √step (Vaswani et al. 2017, section 5.3): with the rate (d · steps)^−0.5, d the
            width and `steps` those of the warm-up, it is theirs.
        warmup: Share of all steps.
        end: Last learning rate as a share of the highest.
        factor: Of `plateau`.
        patience: Of `plateau`, in epochs.
    """

    shape: Literal["constant", "linear", "cosine", "plateau", "inverse-root"] = "linear"
    warmup: Share = 0.06
    end: Share = 0.0
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.8
    patience: Annotated[int, Field(ge=0)] = 3


@dataclass(frozen=True, kw_only=True)
class Run(_Strict):
    """One run; it ends in an ordinary checkpoint.

    Args:
        system: `system/variant`.
        config: Config fields to set instead of the variant's.
        data: Corpus → how many times an epoch passes over its training split.
        splits: Names of the splits to train on and to watch.
        init: Run of this recipe, or checkpoint → patterns of parameters to take, `{"from.*": "to.*"}`.
        objective: Name of an objective class in the system's file; None is the system's own loss.
        method: `descend`: gradient descent; `fit`: the system's closed-form `fit`.
        optim: Parameter groups; a parameter that none matches is an error.
        sampler: `shuffle`; `length`: batches of like length; `balanced`: rows drawn with replacement, each class of the
            first target as likely; `episodes`: each batch from one person (the sample's track); `one-corpus`: each
            batch from one corpus.
        epochs: Passes over the data.
        batch: Items in one batch, over all processes.
        accumulate: Batches in one optimiser step.
        clip: Largest gradient norm; None does not clip.
        schedule: Learning rate over time.
        select: Which state is kept: the `last`, or the `best` by loss on the watched split.
        patience: Stop after so many epochs without a lower watched loss; None never does.
        precision: Arithmetic of the forward pass: `no` is float32; `bf16` and `fp16` where the device has units for it.
        cache: Compute the outputs of a frozen `encode` once and keep them on disk; the epochs then train the head.
        trackers: Names that accelerate knows, for example `tensorboard`, `wandb`, `mlflow`; logs go to the run folder.
        seed: Of weights, dropout and order.
        checkpoint: Optimiser steps between resumable states.
    """

    system: str
    config: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Annotated[float, Field(gt=0)]]
    splits: dict[Literal["train", "watch"], str] = field(default_factory=lambda: {"train": "train", "watch": "dev"})
    init: dict[str, dict[str, str]] = field(default_factory=dict)
    objective: str | None = None
    method: Literal["descend", "fit"] = "descend"
    optim: tuple[Group, ...] = (Group(lr=1e-3),)
    sampler: Literal["shuffle", "length", "balanced", "episodes", "one-corpus"] = "shuffle"
    epochs: Positive = 1
    batch: Positive = 32
    accumulate: Positive = 1
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    schedule: Schedule = Schedule()
    select: Literal["best", "last"] = "last"
    patience: Positive | None = None
    precision: Literal["no", "bf16", "fp16"] = "no"
    cache: bool = False
    trackers: tuple[str, ...] = ("tensorboard",)
    seed: int = 0
    checkpoint: Positive = 200


@dataclass(frozen=True, kw_only=True)
class Expectation(_Strict):
    """A figure that the recipe gave when it was run.

    Args:
        value: What was measured.
        tolerance: How far another seed or machine may be from it.
        by: `CORPUS/PROTOCOL`, measured at the end of the run, or by `affectus evaluate` where it has folds; `card`, a
            figure on the checkpoint's card; else the benchmark that measures it.
        data: What else must be said: split, seeds, number of items.
    """

    value: float
    tolerance: Annotated[float, Field(gt=0)]
    by: str
    data: str = ""


@dataclass(frozen=True, kw_only=True)
class Published(_Strict):
    """A figure as a paper prints it; it is nobody's measurement here.

    Args:
        value: The figure.
        data: What it was measured on.
        source: The paper.
    """

    value: float
    data: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Cost(_Strict):
    """What the recipe took, all runs together.

    Args:
        minutes: Of the clock.
        gib: Largest memory of the process, GiB.
        machine: Processor, threads, and what else ran on it.
        note: What else must be said, for example that the memory is of a shorter run.
    """

    minutes: Annotated[float, Field(ge=0)]
    gib: Annotated[float, Field(gt=0)]
    machine: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.minutes:g} minutes, {self.gib:g} GiB, {self.machine}" + (f"; {self.note}" if self.note else "")


@dataclass(frozen=True, kw_only=True)
class Recipe(_Strict):
    """What a recipe file holds.

    Args:
        title: What it trains.
        command: The command that was run.
        expect: Metric → what was measured with it.
        unverified: What nobody measured, figures or cost, and why.
        published: Metric → the paper's figure for these settings.
        took: Time, memory and machine; null where it was never run.
        runs: In order.
    """

    title: str = ""
    command: str = ""
    expect: dict[str, Expectation] = field(default_factory=dict)
    unverified: str = ""
    published: dict[str, Published] = field(default_factory=dict)
    took: Cost | None = None
    runs: dict[str, Run]


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe file.

    Args:
        path: YAML file.
        changes: `key=value` with dots, for example `epochs=3` or `schedule.warmup=0.1`; a key that starts with no run's
            name changes every run.

    Raises:
        FileError: If the file can't be read or is no YAML.
        ConfigError: For an unknown key, with the nearest spelling, or a value that is not allowed.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileError(f"there is no recipe {str(path)!r}", remedy="see the folder recipes/") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FileError(f"{str(path)!r} is no YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(values, dict) or not isinstance(values.get("runs"), dict) or not values["runs"]:
        raise ConfigError(f"{path.name} has no runs", allowed="runs: {name: {system: …, data: …}}")
    return parse(Recipe, apply_changes(values, changes))


def apply_changes(values: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """The values of a recipe with changes `key=value` put in; see `read_recipe`."""
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise ConfigError(f"{change!r} is no change of a recipe", allowed="key=value, for example epochs=3")
        first, _, rest = key.partition(".")
        for run in [first] if first in values["runs"] else list(values["runs"]):
            _put(values["runs"][run], rest if run == first and rest else key, yaml.safe_load(text))
    return values


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    at: Any = values
    for parent in parents:
        at = at[int(parent)] if isinstance(at, list) and parent.isdigit() else at.setdefault(parent, {})
        if not isinstance(at, dict | list):
            raise ConfigError(f"{key!r} leads into {at!r}, which has no keys")
    if isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value


def parse(kind: type, values: Mapping[str, Any]) -> Any:
    """Make a dataclass from plain values; the nearest spelling of an unknown key is looked up where it stands.

    Raises:
        ConfigError: With the path of the key.
    """
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        if first["type"] == "unexpected_keyword_argument" or first["type"] == "extra_forbidden":
            known = _known(kind, [str(part) for part in first["loc"][:-1]])
            raise ConfigError(
                f"there is no key {where!r}", allowed=", ".join(known), remedy=suggest(str(first["loc"][-1]), known)
            ) from None
        raise ConfigError(f"{where} is {first.get('input')!r}", allowed=first["msg"]) from None


def _known(kind: Any, path: list[str]) -> list[str]:
    """Field names of the dataclass that stands at a path of keys."""
    for part in path:
        if is_dataclass(kind):
            kind = get_type_hints(kind)[part] if part in {f.name for f in fields(kind)} else kind
        else:  # a mapping or a sequence: the part is its key or position
            inner = [a for a in get_args(kind) if is_dataclass(a)]
            kind = inner[0] if inner else kind
    if not is_dataclass(kind):
        kind = next((a for a in get_args(kind) if is_dataclass(a)), kind)
    return [f.name for f in fields(kind)] if is_dataclass(kind) else []
