"""A recipe as a whole YAML file: every key with its value, what it may be, its default and what it means."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from affectus.training.recipe import Recipe

_WIDTH = 110
_ARGUMENT = re.compile(r"^    (\w+): ((?:.|\n        )+)", re.MULTILINE)


def explained(recipe: Recipe) -> str:
    """The recipe as YAML that `read_recipe` takes, with a comment on each key."""
    return "\n".join(_lines(recipe, 0, says=True)) + "\n"


def meanings(kind: type) -> dict[str, str]:
    """Field → its sentence in the docstring of a dataclass."""
    text = inspect.cleandoc(kind.__doc__ or "").partition("Args:\n")[2]
    return {name: " ".join(words.split()) for name, words in _ARGUMENT.findall(text)}


def _lines(of: Any, depth: int, *, says: bool) -> Iterator[str]:
    """Lines of a dataclass; where the same kind came before, its keys are not explained again."""
    hints, meaning, indent = get_type_hints(type(of)), meanings(type(of)), "  " * depth
    for one in fields(of):
        value = getattr(of, one.name)
        if says:
            about = f"{meaning[one.name]} ({_type(hints[one.name])}; default: {_default(one)})"
            yield from textwrap.wrap(about, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        if one.name == "runs":
            yield f"{indent}runs:"
            for number, (name, run) in enumerate(value.items()):
                yield f"{indent}  {name}:"
                yield from _lines(run, depth + 2, says=says and number == 0)
        elif is_dataclass(value):
            yield f"{indent}{one.name}:"
            yield from _lines(value, depth + 1, says=says)
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            yield f"{indent}{one.name}:"
            for number, item in enumerate(value):
                if says and number == 0:
                    yield from (f"{indent}  # {line.strip()}" for line in _about(item))
                yield f"{indent}  - {_plain(item)}"
        else:
            yield f"{indent}{one.name}: {_plain(value)}"


def _about(of: Any) -> Iterator[str]:
    for name, words in meanings(type(of)).items():
        yield from textwrap.wrap(f"{name}: {words}", _WIDTH - 8)


def _plain(value: Any) -> str:
    """A value in one line of YAML."""
    if is_dataclass(value):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(k)}: {_plain(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_plain, value)) + "]"
    text = json.dumps(value, ensure_ascii=False)
    bare = isinstance(value, float) and "e" in text and "." not in text
    return text.replace("e", ".0e") if bare else text  # YAML takes 1e-06 for a word


def _default(one: Field[Any]) -> str:
    if one.default is not MISSING:
        return "as shown" if is_dataclass(one.default) else _plain(one.default)
    if one.default_factory is not MISSING:
        return _plain(one.default_factory())
    return "none, must be given"


def _type(hint: Any) -> str:
    origin, inner = get_origin(hint), [a for a in get_args(hint) if a is not type(None)]
    if origin is None:
        return getattr(hint, "__name__", str(hint))
    if str(origin) == "typing.Literal":
        return " | ".join(map(str, inner))
    if origin in (dict, Mapping):
        return f"{_type(inner[0])} → {_type(inner[1])}"
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    shown = " or ".join(_type(a) for a in inner)
    return f"{shown} or null" if type(None) in get_args(hint) else shown
