"""`affectus protocols`: how readers are measured on each corpus."""

from __future__ import annotations

from typing import Annotated

import typer


def protocols(
    corpus: Annotated[str | None, typer.Argument(help="Only those of this corpus.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """List the protocols that figures are measured by."""
    from affectus.corpora import base
    from affectus.evaluation.protocols import known_protocols

    if corpus is not None:
        base.corpus(corpus)
    found = known_protocols(corpus)
    if as_json:
        import json

        typer.echo(json.dumps([p.to_dict() for p in found], indent=1, ensure_ascii=False))
        return
    for p in found:
        typer.echo(f"{p.title}  {', '.join(p.metrics)}; {p.sentence}\n    {p.source}")
