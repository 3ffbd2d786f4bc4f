"""`affectus probe`: what a reader of voices can be trusted with, as a page with pictures and a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from affectus.evaluation.probes import Finding, Material

app = typer.Typer(help="Changed sound, different people, words alone, smaller networks: what a voice reader stands.")

Name = Annotated[str, typer.Argument(metavar="[NAME]", help="Reader of voices: affectus/x or a checkpoint folder.")]
On = Annotated[str, typer.Option("--on", help="Corpus, or corpus/protocol: one of `affectus protocols`.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the corpus, or of one folder a corpus.", show_default=False)
]
Across = Annotated[
    list[str] | None,
    typer.Option("--across", help="Allow a comparison of two perspectives, reader:gold.", show_default=False),
]
Items = Annotated[int, typer.Option("--items", min=0, help="Items that are drawn; 0: all.")]
Resamples = Annotated[int, typer.Option("--bootstrap", min=0, help="Resamples of the intervals; 0: no intervals.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of draws and resamples.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the page and the JSON file.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")]

DEFAULT = "affectus/voice-embedded"
TEXTS = "sentences"


@app.command("robustness")
def robustness(
    on: On,
    name: Name = DEFAULT,
    data: Data = None,
    across: Across = None,
    items: Items = 0,
    bootstrap: Resamples = 2000,
    seed: Seed = 0,
    out: Out = Path("probes"),
    quiet: Quiet = False,
) -> None:
    """Change under noise, gain, resampling, rooms, codecs and speed."""
    from affectus import progress
    from affectus.evaluation import probes

    with progress.shown(quiet=quiet):
        of = _material(name, on, data, across, items=items, resamples=bootstrap, seed=seed)
        _written(probes.robustness(of), out, quiet)


@app.command("fairness")
def fairness(
    on: On,
    name: Name = DEFAULT,
    data: Data = None,
    across: Across = None,
    items: Items = 0,
    bootstrap: Resamples = 2000,
    seed: Seed = 0,
    out: Out = Path("probes"),
    quiet: Quiet = False,
) -> None:
    """Women and men, each speaker, and who is far out."""
    from affectus import progress
    from affectus.evaluation import probes

    with progress.shown(quiet=quiet):
        of = _material(name, on, data, across, items=items, resamples=bootstrap, seed=seed)
        _written(probes.fairness(of), out, quiet)


@app.command("linguistic")
def linguistic(
    name: Name = DEFAULT,
    on: Annotated[str, typer.Option("--on", help="The texts: `sentences`, thirty frames said three times.")] = TEXTS,
    voice: Annotated[
        str | None,
        typer.Option("--voice", help="hibari (extra voice-out) or flite [default: the first that is here]."),
    ] = None,
    bootstrap: Resamples = 2000,
    seed: Seed = 0,
    out: Out = Path("probes"),
    quiet: Quiet = False,
) -> None:
    """How much of valence is in the words: neutral synthetic speech of texts with known sentiment."""
    from affectus import progress
    from affectus.errors import check_option
    from affectus.evaluation import probes
    from affectus.registry import load

    check_option("--on", on, [TEXTS])
    with progress.shown(quiet=quiet):
        _written(probes.linguistic(load(name), engine=voice or "", resamples=bootstrap, seed=seed), out, quiet)


@app.command("efficiency")
def efficiency(
    on: On,
    name: Name = DEFAULT,
    data: Data = None,
    across: Across = None,
    items: Items = 0,
    bootstrap: Resamples = 2000,
    seed: Seed = 0,
    out: Out = Path("probes"),
    quiet: Quiet = False,
) -> None:
    """Layers kept and 8-bit weights, against accuracy and time, in one run."""
    from affectus import progress
    from affectus.evaluation import probes

    with progress.shown(quiet=quiet):
        of = _material(name, on, data, across, items=items, resamples=bootstrap, seed=seed)
        _written(probes.efficiency(of), out, quiet)


def _material(name: str, on: str, data: Path | None, across: list[str] | None, **options: Any) -> Material:
    from affectus.corpora.base import load_corpus, locate
    from affectus.evaluation.probes import material
    from affectus.registry import find, load, weightless
    from affectus.training.mapping import by_rule

    corpus, _, protocol = on.partition("/")
    reader = load(name)
    loaded = load_corpus(corpus, locate(corpus, data))
    loaded = by_rule(loaded, getattr(reader, "config", None), loaded.splits)
    folder = None if weightless(name) else find(name)
    return material(reader, loaded, protocol=protocol or None, asked=across or (), folder=folder, **options)


def _written(finding: Finding, out: Path, quiet: bool) -> None:
    from affectus.evaluation.probes import write

    page, values = write(finding, out)
    if quiet:
        return
    typer.echo(f"{finding.title}: {finding.reader} on {finding.data}")
    for title, text in finding.totals.items():
        typer.echo(f"  {title}: {text}")
    for remark in finding.remarks:
        typer.echo(f"  {remark}")
    typer.echo(f"{page}\n{values}")
