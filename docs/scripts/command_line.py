"""The reference page of the command line, made from the typer application."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from affectus.cli.app import app


def commands(application: typer.Typer = app, before: tuple[str, ...] = ()) -> Iterator[tuple[str, Callable[..., Any]]]:
    """(`affectus assets fetch`, function) of each command."""
    path = before or (application.info.name or "affectus",)
    for command in application.registered_commands:
        function = command.callback
        if function is not None:
            yield " ".join((*path, command.name or function.__name__.replace("_", "-"))), function
    for group in application.registered_groups:
        if group.typer_instance is not None:
            yield from commands(group.typer_instance, (*path, str(group.name)))


def options(function: Callable[..., Any]) -> Iterator[tuple[str, str, str, str]]:
    """(names, type, default, help) of each argument and option."""
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints[name]
        kind, info = get_args(hint)[:2] if get_origin(hint) is Annotated else (hint, None)
        if isinstance(info, OptionInfo):
            first = (info.default,) if isinstance(info.default, str) and info.default.startswith("-") else ()
            shown = ", ".join((*first, *(info.param_decls or ()))) or f"--{name.replace('_', '-')}"
        else:
            shown = (info.metavar if isinstance(info, ArgumentInfo) else None) or name.upper()
        default = parameter.default
        needed = default is inspect.Parameter.empty
        value = "required" if needed else "" if default in (None, False, "*") else str(default)
        text = info.help if isinstance(info, OptionInfo | ArgumentInfo) else ""
        yield shown, type_name(kind), value, text or ""


def type_name(kind: Any) -> str:
    """`Path | None` → `path`; lists get `…`."""
    if get_origin(kind) in (Union, UnionType):
        (kind,) = [k for k in get_args(kind) if k is not type(None)]
    if get_origin(kind) is list:
        return f"{type_name(get_args(kind)[0])} …"
    return {Path: "path", str: "text", int: "integer", float: "number", bool: "switch"}.get(kind, str(kind))


def render() -> str:
    """The whole page as Markdown."""
    lines = ["# Command line", "", "Made from the commands themselves; `--help` shows the same on the spot.", ""]
    for name, function in commands():
        lines += [f"## `{name}`", "", inspect.cleandoc(function.__doc__ or ""), ""]
        rows = list(options(function))
        if rows:
            lines += ["| argument or option | type | default | meaning |", "|---|---|---|---|"]
        for shown, kind, default, text in rows:
            names = ", ".join(f"<code>{part.replace('|', '&#124;')}</code>" for part in shown.split(", "))
            lines.append(f"| {names} | {kind} | {f'`{default}`' if default else ''} | {text.replace('|', '&#124;')} |")
        lines.append("")
    lines += ["## Environment", "", "| variable | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in ENVIRONMENT.items()]
    return "\n".join(lines) + "\n"


ENVIRONMENT = {
    "AFFECTUS_CACHE": "folder for model files and for checkpoints that you train, instead of the user's cache folder",
    "AFFECTUS_DEBUG": "set to anything: errors come with their traceback",
    "HF_HUB_OFFLINE": "the command line sets it to 1 unless you set it: no model hub is asked",
}
