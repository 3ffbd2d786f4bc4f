"""Configurations: frozen dataclasses, validated, and an unknown key is an error with the nearest spelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from affectus.errors import ConfigError, suggest
from affectus.taxonomy import Target

Ref = Annotated[str, "ref"]
"""A config field that names another system; the registry builds it and passes the object as a part."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Base of all configurations: frozen, validated, and an unknown key is an error.

    Args:
        targets: What the heads read; they are sized by it.
        compat: Names of official deviations that are reproduced on purpose.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    targets: tuple[Target, ...] = ()
    compat: tuple[str, ...] = ()


def parse_config(kind: type, values: Mapping[str, Any]) -> Any:
    """Make a configuration from plain values (JSON, YAML, command line).

    Raises:
        ConfigError: For an unknown key, with the nearest spelling, or a value out of range, with the value.
    """
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        known = getattr(kind, "__dataclass_fields__", {})
        if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            what, allowed = f"{kind.__qualname__} has no key {key!r}", ", ".join(known)
            raise ConfigError(what, allowed=allowed, remedy=suggest(key.split(".")[-1], known)) from None
        raise ConfigError(f"{key} is {first.get('input')!r}", allowed=first["msg"]) from None
