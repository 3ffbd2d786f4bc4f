"""`affectus evaluate`: what a checkpoint is worth on a split of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    name: Annotated[str, typer.Argument(help="Checkpoint: affectus/x or a folder.")],
    data: Annotated[Path, typer.Option("--data", help="Folder of the corpus.")],
    corpus: Annotated[
        str | None, typer.Option("--corpus", help="Its name [default: the folder's name].", show_default=False)
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Split to measure on.")] = "test",
    resamples: Annotated[int, typer.Option("--resamples", min=0, help="Of the bootstrap; 0: no intervals.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Measure a checkpoint on a split: accuracy, calibration and conformal coverage with intervals."""
    from affectus.corpora.base import load_corpus
    from affectus.errors import InputError
    from affectus.registry import load
    from affectus.training.measuring import measure_reader

    loaded, reader = load_corpus(corpus or data.name, data.expanduser()), load(name)
    if not hasattr(reader, "logits"):
        raise InputError(f"{name!r} gives no outputs that can be measured", allowed="text readers so far")
    figures = measure_reader(reader, loaded[split], data=loaded.corpus.name, split=split, resamples=resamples)
    if not figures:
        raise InputError(
            f"{loaded.corpus.name!r} has no gold on the scales of {name!r}",
            allowed=", ".join(t.scale for t in loaded.corpus.targets),
        )
    if as_json:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps([asdict(f) for f in figures], indent=1))
        return
    typer.echo(loaded.summary)
    for f in figures:
        interval = f" ({f.low:.3f} to {f.high:.3f})" if f.low is not None and f.high is not None else ""
        typer.echo(f"{f.metric}: {f.value:.3f}{interval}, n {f.n:,}" + (f"; {f.note}" if f.note else ""))
