"""Data files of this room."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib import resources
from typing import Any

_QUOTES = str.maketrans("’‘`“”", "'''\"\"")


@cache
def table(name: str) -> dict[str, Any]:
    """A TOML file under `data/`."""
    return tomllib.loads(resources.files("affectus.response").joinpath("data", f"{name}.toml").read_text("utf-8"))


@cache
def patterns(name: str, key: str) -> tuple[re.Pattern[str], ...]:
    """Patterns of a data file, to be searched for in `plain` text. `key` may be `a.b`."""
    rows: Any = table(name)
    for part in key.split("."):
        rows = rows[part]
    return tuple(re.compile(rf"(?<!\w)(?:{row})(?!\w)") for row in rows)


def plain(text: str) -> str:
    """Small letters without accents, one kind of apostrophe and quotation mark, single spaces."""
    text = unicodedata.normalize("NFKD", text).casefold()
    text = "".join(c for c in text if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    text = text.translate(_QUOTES)
    return " ".join(text.split())


def words(text: str) -> list[str]:
    """Words and numbers of `plain` text."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", plain(text))
