"""`affectus contrast`: which expressions are characteristic of some texts against others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def contrast(
    files: Annotated[
        list[Path], typer.Argument(metavar="A [B]", help="Two files of texts, or one table with --column.")
    ],
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="NAME=VALUE", help="Of a table: rows with this value against all others."),
    ] = None,
    text_column: Annotated[
        str | None, typer.Option("--text-column", help="Column with the texts.", show_default=False)
    ] = None,
    ngrams: Annotated[str, typer.Option("--ngrams", help="Fewest and most words of an expression.")] = "1-3",
    tokenize: Annotated[str, typer.Option("--tokenize", help="How texts are cut: spaces or ja (Japanese).")] = "spaces",
    parts: Annotated[
        list[str] | None, typer.Option("--part", help="With ja: a part of speech that counts, as IPADic names it.")
    ] = None,
    min_count: Annotated[int, typer.Option("--min-count", help="Fewest texts that hold an expression.")] = 5,
    alpha: Annotated[float, typer.Option("--alpha", help="Largest share of false discoveries.")] = 0.05,
    out: Annotated[
        Path | None, typer.Option("--out", help="All tested expressions as .csv.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Bars with intervals as .html.", show_default=False)
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Expressions printed of each side.")] = 15,
) -> None:
    """Find expressions that occur more often in A than in B, with control of false discoveries.

    A text file gives a text for each sentence, a table one for each row.
    """
    from affectus.analysis import contrast as compare
    from affectus.analysis import plot_contrast
    from affectus.errors import InputError

    bounds = ngrams.split("-")
    if len(bounds) > 2 or not all(bound.isdigit() for bound in bounds):
        raise InputError(f"--ngrams is {ngrams!r}", allowed="one number or two, for example 1-3")
    sides = _of_table(files, column, text_column) if column is not None else _of_files(files, text_column)
    if out is not None and out.suffix.lower() != ".csv":
        raise InputError(f"--out is {str(out)!r}", allowed="a .csv file")
    names, (a, b) = zip(*sides, strict=True)
    table = compare(
        a,
        b,
        ngrams=(int(bounds[0]), int(bounds[-1])),
        tokenize=tokenize,
        parts=parts or None,
        min_count=min_count,
        alpha=alpha,
    )
    sure = table[table["significant"]]
    typer.echo(f"{names[0]}: {len(a):,} texts; {names[1]}: {len(b):,} texts")
    typer.echo(f"{len(sure):,} of {len(table):,} expressions differ by more than chance (q ≤ {alpha:g})")
    for name, rows in zip(names, (sure[sure["z"] > 0].head(most), sure[sure["z"] < 0][::-1].head(most)), strict=True):
        typer.echo(f"\nmore in {name}:" if len(rows) else f"\nmore in {name}: none")
        for row in rows.itertuples():
            typer.echo(
                f"  {row.expression}   {row.texts_a} ({row.share_a:.1%}) against {row.texts_b} ({row.share_b:.1%}),"
                f" log-odds {row.log_odds:+.2f}, q {row.q:.2g}"
            )
    if out is not None:
        from affectus.atomic import writing

        with writing(out) as file:
            table.assign(examples=table["examples"].map(" ⏎ ".join)).to_csv(file, index=False)
    if plot is not None:
        plot_contrast(table, plot, most=most, names=(names[0], names[1]))


def _of_files(files: list[Path], text_column: str | None) -> list[tuple[str, list[str]]]:
    """Name and texts of two files."""
    from affectus.errors import InputError
    from affectus.formats.read import read_samples
    from affectus.sample import flatten

    if len(files) != 2:
        raise InputError(
            f"{len(files)} files were given",
            allowed="two files, or one table with --column",
            remedy="--column NAME=VALUE",
        )
    return [(f.name, [s.text for s in flatten(read_samples(f, text_column=text_column)) if s.text]) for f in files]


def _of_table(files: list[Path], column: str, text_column: str | None) -> list[tuple[str, list[str]]]:
    """Name and texts of the rows that hold a value, and of the others."""
    from affectus.errors import InputError, suggest
    from affectus.formats.table import read_table

    name, equals, value = column.partition("=")
    if len(files) != 1 or not equals:
        raise InputError(f"--column is {column!r} for {len(files)} files", allowed="NAME=VALUE and one table")
    rows = [row for row in read_table(files[0], text_column) if row.text]
    if not rows or name not in rows[0].values:
        columns = list(rows[0].values) if rows else []
        raise InputError(
            f"{str(files[0])!r} has no column {name!r}", allowed=", ".join(columns), remedy=suggest(name, columns)
        )
    sides: tuple[list[str], list[str]] = ([], [])
    for row in rows:
        sides[str(row.values.get(name)) != value].append(row.text)
    if not sides[0]:
        held = sorted({str(row.values.get(name)) for row in rows})
        raise InputError(f"no row has {value!r} in {name!r}", allowed=", ".join(held[:12]), remedy=suggest(value, held))
    return [(column, sides[0]), (f"{name}≠{value}", sides[1])]
