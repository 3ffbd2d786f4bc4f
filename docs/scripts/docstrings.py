"""Tables from dataclasses: the fields with their types, defaults and the `Args:` of the docstring."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields
from typing import Any


def arguments(of: Any) -> dict[str, str]:
    """Name → description, from the `Args:` section of a Google docstring."""
    text = inspect.cleandoc(of.__doc__ or "")
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)+)", text, re.MULTILINE)
    found: dict[str, str] = {}
    name = ""
    for line in section[1].splitlines() if section else []:
        start = re.match(r"    (\*{0,2}\w+): (.*)", line)
        if start:
            name = start[1]
            found[name] = start[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def table(of: type) -> list[str]:
    """Markdown lines: one row a field."""
    said = arguments(of)
    lines = ["| field | type | default | meaning |", "|---|---|---|---|"]
    for field in fields(of):
        if field.default is not MISSING:
            default = f"`{field.default!r}`"
        elif field.default_factory is not MISSING:
            default = f"`{field.default_factory()!r}`"
        else:
            default = "required"
        kind = str(field.type).replace("|", "&#124;")
        lines.append(f"| `{field.name}` | {kind} | {default} | {said.get(field.name, '').replace('|', '&#124;')} |")
    return lines
