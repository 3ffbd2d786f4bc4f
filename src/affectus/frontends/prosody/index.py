"""`Features`: rows of named numbers, each of a stretch of a file, in the form that audinterface made common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affectus.atomic import writing
from affectus.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True)
class Features:
    """Numbers with a name for each column and (file, start, end) for each row.

    Args:
        files: (n,) names of files, empty for samples from memory.
        start: (n,) float64 seconds.
        end: (n,) float64 seconds, half-open.
        names: (k,) columns.
        values: (n, k) float64.
        flags: (n,) what is wrong with each row's sound: `silent`, `clipped`, `unvoiced`, `narrow-band`, …
    """

    files: tuple[str, ...]
    start: np.ndarray
    end: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray
    flags: tuple[tuple[str, ...], ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.flags:
            object.__setattr__(self, "flags", ((),) * len(self.files))

    def __len__(self) -> int:
        return len(self.files)

    def to_pandas(self) -> pd.DataFrame:
        """A table with the MultiIndex (file, start, end), start and end as `Timedelta`."""
        import pandas as pd

        parts = [np.unique(np.asarray(self.files, object), return_inverse=True)]
        for seconds in (self.start, self.end):
            parts.append(np.unique(np.round(seconds * 1e9).astype("timedelta64[ns]"), return_inverse=True))
        levels, codes = zip(*parts, strict=True)  # what `from_arrays` would find out in ten times as long
        index = pd.MultiIndex(levels, codes, names=["file", "start", "end"], verify_integrity=False)
        return pd.DataFrame(self.values, index=index, columns=list(self.names))

    def to_arrow(self) -> pa.Table:
        """The columns file, start, end (seconds), flags (joined by spaces) and all numbers."""
        import pyarrow as pa

        columns = {
            "file": pa.array(self.files, pa.string()),
            "start": self.start,
            "end": self.end,
            "flags": pa.array([" ".join(f) for f in self.flags], pa.string()),
        }
        return pa.table(columns | dict(zip(self.names, self.values.T, strict=True)))

    def save(self, path: Path | str) -> Path:
        """Write all rows as `.parquet` or `.csv`; see `save`."""
        return save([self], path)


def join(parts: Sequence[Features]) -> Features:
    """Rows of several results with the same columns, one below the other."""
    if not parts:
        raise InputError("there are no features to join", allowed="one result at least")
    return Features(
        tuple(file for part in parts for file in part.files),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        parts[0].names,
        np.concatenate([part.values for part in parts]),
        tuple(flags for part in parts for flags in part.flags),
    )


def save(parts: Sequence[Features] | Iterator[Features], path: Path | str) -> Path:
    """Write results one after the other, so that rows of any number need no memory; half a file is never seen.

    Raises:
        InputError: If the suffix is neither `.parquet` nor `.csv`.
        OutputError: If it can't be written there.
    """
    path = Path(path)
    check_suffix(path)
    with writing(path, "wb") as file:
        if path.suffix.lower() == ".csv":
            from pyarrow import csv

            writer = None
            for part in parts:
                table = part.to_arrow()
                writer = writer or csv.CSVWriter(file, table.schema)
                writer.write_table(table)
        else:
            from pyarrow import parquet

            writer = None
            for part in parts:
                table = part.to_arrow()
                writer = writer or parquet.ParquetWriter(file, table.schema, compression="zstd")
                writer.write_table(table)
        if writer is None:
            raise InputError("there are no features to write", allowed="one result at least")
        writer.close()
    return path


def check_suffix(path: Path) -> None:
    """Raise `InputError` unless features can be written to a file of this name."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{path.name!r} ends in {path.suffix or 'nothing'!r}",
            allowed=" ".join(SUFFIXES),
            remedy=f"write to {path.with_suffix('.parquet').name!r}",
        )
