"""A page that fetches nothing: one template, the common style and its own, scripts that are allowed by their hash."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from markupsafe import Markup


def render(template: Traversable, *, style: str = "", scripts: Sequence[Markup] = (), **values: Any) -> str:
    """The page as text.

    Args:
        template: Jinja file with the names `style`, `scripts` and `policy` besides its own; what it prints is escaped.
        style: CSS after the common one.
        scripts: Bodies of scripts; no other runs.
        **values: What the template names.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    common = (resources.files("affectus.page") / "page.css").read_text(encoding="utf-8")
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        style=Markup(common + style), scripts=scripts, policy=_policy(scripts), **values
    )


def _policy(scripts: Iterable[str]) -> str:
    """Content security policy: nothing is fetched, and no script runs but those whose hash stands here."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"
