"""Timelines in Parquet: every column, type and scale comes back exactly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectus.atomic import writing
from affectus.errors import AffectusError, FileError
from affectus.timeline import Timeline, timeline_from_table

if TYPE_CHECKING:
    import pyarrow as pa

_REMEDY = "read a file that Timeline.save wrote, or write it again"


def write_parquet(timeline: Timeline, path: Path) -> Path:
    """Write all columns with their scales; pages carry checksums, so that damage is noticed."""
    import pyarrow.parquet as pq

    with writing(path, "wb") as file:
        # Arrow's own name of list items is kept, so that the schema that comes back is equal to the byte.
        pq.write_table(
            timeline.table, file, compression="zstd", write_page_checksum=True, use_compliant_nested_type=False
        )
    return path


def read_timeline(path: str | Path) -> Timeline:
    """Read a timeline back from Parquet; scales that are not known yet become known.

    Raises:
        FileError: If the file can't be read, is damaged or holds no timeline.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FileError(f"{str(path)!r} {what}", allowed="a Parquet file written by Timeline.save")
    try:
        # Not `read_table`, which would turn folders named like "a=b" into columns.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
        table.validate(full=True)
        return timeline_from_table(_typed(table, path))
    except FileError:
        raise
    except (AffectusError, pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FileError(f"{str(path)!r} holds no readable timeline ({reason})", remedy=_REMEDY) from error


def _typed(table: pa.Table, path: Path) -> pa.Table:
    """The table with the index columns in their own types, and score columns checked against their scales."""
    kinds: dict[str, Any] = {
        f.name: f.type
        for f in Timeline.build(
            [], {}, perspective=None, by="", modality="", text=[], words=[], evidence=[], flags=[]
        ).table.schema
    }
    for at, column in enumerate(table.schema):
        if column.name in kinds and column.type != kinds[column.name]:
            new = column.with_type(kinds[column.name])
            table = table.set_column(at, new, table[column.name].cast(new.type))
    for of in Timeline(table).scales:
        for name in (of.name, f"{of.name}.sd"):
            found = table.schema.field(name).type if name in table.column_names else None
            if found is not None and getattr(found, "list_size", None) != len(of):
                raise FileError(
                    f"column {name!r} of {str(path)!r} has type {found}",
                    allowed=f"lists of {len(of)} numbers, one for each label",
                    remedy=_REMEDY,
                )
    return table
