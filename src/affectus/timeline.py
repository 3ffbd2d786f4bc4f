"""`Timeline`: readings over time as one Arrow table that describes itself, in memory and in Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affectus.affect import Affect, Evidence
from affectus.errors import InputError, ScaleError, unknown
from affectus.sample import Span
from affectus.taxonomy import Perspective, Scale, register_scale, scale

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_SCALE = b"affectus.scale"
_NAMES = ("source", "track", "modality", "by", "perspective", "target")
_INDEX = (*_NAMES, "item", "start", "end")
_LISTS = ("words", "evidence", "flags")
_TOLERANCE = 1e-3


@cache
def _schema_types() -> dict[str, Any]:
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    evidence = pa.struct(
        [
            ("kind", pa.string()),
            ("start", pa.float64()),
            ("end", pa.float64()),
            ("text", pa.string()),
            ("weight", pa.float32()),
            ("item", pa.int64()),
        ]
    )
    return {
        **dict.fromkeys(_NAMES, name),
        "item": pa.int64(),
        "start": pa.float64(),
        "end": pa.float64(),
        "text": pa.string(),
        "words": pa.list_(pa.string()),
        "evidence": pa.list_(evidence),
        "flags": pa.list_(pa.string()),
    }


def _score_column(values: np.ndarray, of: Scale) -> tuple[Any, Any]:
    """Arrow field and array of one scale; a row that is NaN throughout becomes null."""
    import pyarrow as pa

    values = np.ascontiguousarray(values, np.float32)
    empty = np.isnan(values).all(axis=1)
    mask = pa.array(empty) if empty.any() else None
    array = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), len(of), mask=mask)
    return pa.field(of.name, array.type, metadata={_SCALE: of.to_json()}), array


def check_scores(values: np.ndarray, of: Scale) -> None:
    """Raise `ScaleError` if scores break their scale's kind; NaN means "no opinion" and is allowed."""
    if values.ndim != 2 or values.shape[1] != len(of):
        raise ScaleError(f"scores on {of.name!r} have shape {values.shape}", allowed=f"(n, {len(of)})")
    low, high = (of.low, of.high) if of.kind == "level" else (0.0, 1.0)
    with np.errstate(invalid="ignore"):
        bad = (values < low - _TOLERANCE) | (values > high + _TOLERANCE) | np.isinf(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ScaleError(
            f"score {values[row, column]:.4g} of {of.labels[column]!r} on {of.name!r} (row {row}) is out of range",
            allowed=f"[{low:g}, {high:g}]",
        )
    if of.kind == "one-of":
        known = ~np.isnan(values).all(axis=1)
        total = np.nansum(values[known], axis=1)
        if known.any() and np.abs(total - 1).max() > 10 * _TOLERANCE:
            raise ScaleError(
                f"scores on {of.name!r} sum to {total[np.abs(total - 1).argmax()]:.4g}", allowed="1 in each row"
            )


@dataclass(frozen=True, eq=False)
class Timeline:
    """Readings over time: one Arrow table; an `Affect` is the view of one row, made on demand.

    Columns: `source track modality by perspective target` (dictionary-coded text), `item` int64, `start end` float64
    seconds
    (half-open), one `fixed_size_list<float32>` a scale, named by it, with the scale as JSON in the field's metadata;
    optional
    `<scale>.sd`, `<scale>.set` (conformal), `<scale>.labels` (decided), `words`, `text`, `evidence`, `flags`. Null is
    "no meaning".

    Args:
        table: The table; use `Timeline.build` or `Timeline.concat` to make one.
    """

    table: pa.Table

    # -- making ------------------------------------------------------------------------------------------------------
    @classmethod
    def build(
        cls,
        spans: Sequence[Span | tuple[Any, ...]],
        scores: Mapping[str, np.ndarray],
        *,
        perspective: Perspective | None,
        by: str,
        modality: str,
        text: Sequence[str | None] | None = None,
        words: Sequence[Sequence[str]] | None = None,
        evidence: Sequence[Sequence[Evidence]] | None = None,
        flags: Sequence[Sequence[str]] | None = None,
        labels: Mapping[str, Sequence[Sequence[str] | None]] | None = None,
        sets: Mapping[str, Sequence[Sequence[str] | None]] | None = None,
        sd: Mapping[str, np.ndarray] | None = None,
    ) -> Timeline:
        """Readings by one reader.

        Args:
            spans: (source, track, item, start, end) of each row.
            scores: Scale name → (n, k) array; NaN where there is no opinion. The first scale is the first target.
            perspective: Whose feeling the scores speak of; None where that has no meaning (a face in motion).
            by: Checkpoint or rater.
            modality: `text`, `voice`, `face`, `fused`, ….
            text: What was read.
            words: Free descriptive words of each row.
            evidence: What moved each row.
            flags: Warnings of each row.
            labels: Scale name → decided labels of each row.
            sets: Scale name → conformal set of each row.
            sd: Scale name → (n, k) standard deviations.

        Raises:
            ScaleError: If scores break their scale.
            InputError: If lengths differ or a span ends before it starts.
        """
        import pyarrow as pa

        n, types = len(spans), _schema_types()
        rows = [Span(*span) for span in spans]
        for span in rows:
            if span.start is not None and span.end is not None and span.end < span.start:
                raise InputError(
                    f"a reading of {span.source!r} ends at {span.end} s before it starts at {span.start} s"
                )
        columns: dict[str, Any] = {
            "source": [s.source for s in rows],
            "track": [s.track for s in rows],
            "modality": [modality] * n,
            "by": [by] * n,
            "perspective": [perspective] * n,
            "target": [next(iter(scores), None)] * n,
            "item": [s.item for s in rows],
            "start": [s.start for s in rows],
            "end": [s.end for s in rows],
        }
        if text is not None:
            columns["text"] = list(text)
        if words is not None:
            columns["words"] = [list(w) for w in words]
        if evidence is not None:
            columns["evidence"] = [[vars(e) for e in row] for row in evidence]
        if flags is not None:
            columns["flags"] = [list(f) for f in flags]
        fields = [pa.field(name, types[name]) for name in columns]
        arrays = [pa.array(values, types[name]) for name, values in columns.items()]

        for name, values in scores.items():
            of, values = scale(name), np.asarray(values, np.float32)
            check_scores(values, of)
            field, array = _score_column(values, of)
            fields.append(field)
            arrays.append(array)
            if sd and name in sd:
                spread, array = _score_column(np.asarray(sd[name]), of)
                fields.append(spread.with_name(f"{name}.sd").remove_metadata())
                arrays.append(array)
            for suffix, chosen in (("labels", labels), ("set", sets)):
                if chosen and name in chosen:
                    fields.append(pa.field(f"{name}.{suffix}", pa.list_(pa.string())))
                    arrays.append(
                        pa.array([None if row is None else list(row) for row in chosen[name]], pa.list_(pa.string()))
                    )
        for field, array in zip(fields, arrays, strict=True):
            if len(array) != n:
                raise InputError(
                    f"column {field.name!r} has {len(array)} rows", allowed=f"{n}, as many as there are spans"
                )
        return cls(pa.Table.from_arrays(arrays, schema=pa.schema(fields)))

    @classmethod
    def empty(cls) -> Timeline:
        """A timeline without rows."""
        return cls.build([], {}, perspective=None, by="", modality="")

    @classmethod
    def concat(cls, parts: Iterable[Timeline]) -> Timeline:
        """All rows after one another; columns that a part lacks are null there."""
        import pyarrow as pa

        tables = [part.table for part in parts if len(part)]
        if not tables:
            return cls.empty()
        joined = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
        # Promotion keeps the metadata of the first table that has the field, but only of that one: put every scale
        # back.
        found = {f.name: f.metadata for table in tables for f in table.schema if f.metadata}
        scaled = pa.schema([f.with_metadata(found.get(f.name)) for f in joined.schema])
        return cls(joined.cast(scaled).combine_chunks())  # hundreds of chunks make every later step slow

    # -- reading -----------------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return self.table.num_rows

    def __iter__(self) -> Iterator[Affect]:
        chunk = 4096  # rows turned into Python objects at a time
        for at in range(0, len(self), chunk):
            for row in self.table.slice(at, chunk).to_pylist():
                yield self._affect(row)

    def __getitem__(self, which: int | slice | np.ndarray) -> Any:
        """An `Affect` for an integer; a `Timeline` for a slice, a mask or an array of row numbers."""
        if isinstance(which, int | np.integer):
            at = int(which) + (len(self) if which < 0 else 0)
            if not 0 <= at < len(self):
                raise IndexError(f"row {which} of a timeline with {len(self)} rows")
            return self._affect(self.table.slice(at, 1).to_pylist()[0])
        return Timeline(self.table.take(np.arange(len(self))[which]))

    @cached_property
    def scales(self) -> tuple[Scale, ...]:
        """The scales that have a column, in column order."""
        return tuple(
            Scale.from_json(f.metadata[_SCALE]) for f in self.table.schema if f.metadata and _SCALE in f.metadata
        )

    def scores(self, name: str) -> np.ndarray:
        """Scores on a scale, (n, k) float32; NaN where null."""
        return self._matrix(name, len(self._scale(name)))

    def sd(self, name: str) -> np.ndarray:
        """Standard deviations on a scale, (n, k) float32; NaN where null."""
        k = len(self._scale(name))
        return (
            self._matrix(f"{name}.sd", k)
            if f"{name}.sd" in self.table.column_names
            else np.full((len(self), k), np.nan)
        )

    def column(self, name: str) -> np.ndarray:
        """A column as a NumPy array: floats with NaN for `start`, `end`, else objects with None."""
        if name not in self.table.column_names:
            if name in _schema_types():
                return np.full(len(self), None, object)
            raise unknown("column", name, self.table.column_names)
        if name in ("start", "end"):
            return np.asarray(self.table[name].to_numpy(), np.float64)
        out = np.empty(len(self), object)
        out[:] = self.table[name].to_pylist()
        return out

    def where(self, **values: Any) -> Timeline:
        """Rows whose columns hold these values, for example `where(modality="voice", track="speaker-1")`."""
        import pyarrow.compute as pc

        mask = np.ones(len(self), bool)
        for column, wanted in values.items():
            if column not in _INDEX:
                raise unknown("index column", column, _INDEX)
            same = pc.is_null(self.table[column]) if wanted is None else pc.equal(self.table[column], wanted)
            mask &= np.asarray(pc.fill_null(same, False).to_numpy(zero_copy_only=False), bool)
        return self if mask.all() else Timeline(self.table.filter(mask))

    def sorted(self) -> Timeline:
        """Rows by source, track, start, item, modality and reader; rows without a value come last."""
        keys = [(name, "ascending") for name in ("source", "start", "item", "track", "modality", "by", "end")]
        import pyarrow as pa

        plain = self.table.select([name for name, _ in keys])
        plain = plain.cast(
            pa.schema(
                [pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in plain.schema]
            )
        )
        import pyarrow.compute as pc

        return Timeline(self.table.take(pc.sort_indices(plain, sort_keys=keys)))

    # -- changing ----------------------------------------------------------------------------------------------------
    def set_column(self, name: str, values: Sequence[Any]) -> Timeline:
        """A copy with an index, text, evidence or flags column replaced or added."""
        import pyarrow as pa

        types = _schema_types()
        if name not in types:
            raise unknown("column", name, types)
        array, field = pa.array(list(values), types[name]), pa.field(name, types[name])
        at = self.table.schema.get_field_index(name)
        return Timeline(self.table.append_column(field, array) if at < 0 else self.table.set_column(at, field, array))

    def set_scores(self, of: Scale, scores: np.ndarray, labels: Sequence[Sequence[str] | None]) -> Timeline:
        """A copy with a scale replaced or added.

        Args:
            of: The scale.
            scores: (n, k); NaN where there is no opinion.
            labels: Decided labels of each row, None where nothing was to be decided.
        """
        import pyarrow as pa

        check_scores(np.asarray(scores, np.float32), of)
        field, array = _score_column(scores, of)
        decided = pa.array([None if row is None else list(row) for row in labels], pa.list_(pa.string()))
        table = self.table
        for column, values in ((field, array), (pa.field(f"{of.name}.labels", decided.type), decided)):
            at = table.schema.get_field_index(column.name)
            table = table.append_column(column, values) if at < 0 else table.set_column(at, column, values)
        return Timeline(table)

    def shift(self, seconds: float) -> Timeline:
        """The same readings, later by `seconds`; evidence moves along."""
        moved = self
        for name in ("start", "end"):
            moved = moved.set_column(name, [None if np.isnan(v) else v + seconds for v in self.column(name)])
        if "evidence" in self.table.column_names:
            keys = ("start", "end")
            rows = [
                row and [{**e, **{k: e[k] + seconds for k in keys if e[k] is not None}} for e in row]
                for row in self.table["evidence"].to_pylist()
            ]
            moved = moved.set_column("evidence", rows)
        return moved

    # -- leaving -----------------------------------------------------------------------------------------------------
    def to_pandas(self) -> pd.DataFrame:
        """A data frame with a column for each label, named `scale/label`, and list columns as Python lists."""
        import pandas as pd

        wide: dict[str, Any] = {}
        scored = {s.name for s in self.scales}
        for name in self.table.column_names:
            base, _, suffix = name.rpartition(".")
            if name in scored or (suffix == "sd" and base in scored):
                of = self._scale(name if name in scored else base)
                values = self._matrix(name, len(of))
                wide |= {f"{name}/{label}": values[:, i] for i, label in enumerate(of.labels)}
            elif name in ("start", "end"):
                wide[name] = self.column(name)
            elif name == "item":
                wide[name] = pd.array(self.table[name].to_pylist(), dtype="Int64")
            elif name in _NAMES:
                wide[name] = pd.Categorical(self.table[name].to_pylist())
            else:
                wide[name] = pd.Series(self.table[name].to_pylist(), dtype=object)
        return pd.DataFrame(wide)

    def save(self, path: str | Path) -> Path:
        """Write to a file; the suffix chooses the format (.parquet .csv .jsonl .eaf .TextGrid .vtt)."""
        from affectus.formats import write

        return write(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Timeline:
        """Read a timeline back from Parquet; scales that are not known yet become known.

        Raises:
            FileError: If the file can't be read or holds no timeline.
        """
        from affectus.formats import read_timeline

        return read_timeline(path)

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw it: scores over time for each track and modality (plotly figure; written as HTML if a path is given)."""
        from affectus.analysis.plot import plot_timeline

        return plot_timeline(self, path)

    # -- inside ------------------------------------------------------------------------------------------------------
    def _scale(self, name: str) -> Scale:
        for of in self.scales:
            if of.name == name:
                return of
        raise unknown("scale in this timeline", name, [s.name for s in self.scales])

    def _matrix(self, column: str, k: int) -> np.ndarray:
        out = np.full((len(self), k), np.nan, np.float32)
        at = 0
        for chunk in self.table[column].chunks:
            n = len(chunk)
            # `.values` ignores the slice offset of a fixed-size list and keeps the slots of null rows.
            values = chunk.values.slice(chunk.offset * k, n * k).to_numpy(zero_copy_only=False).reshape(n, k)
            valid = chunk.is_valid().to_numpy(zero_copy_only=False)
            out[at : at + n][valid] = values[valid]
            at += n
        return out

    def _affect(self, row: dict[str, Any]) -> Affect:
        scores, spread, decided, sets = {}, {}, {}, {}
        for of in self.scales:
            values = row[of.name]
            if values is not None:
                scores[of.name] = {k: v for k, v in zip(of.labels, values, strict=True) if v is not None and v == v}
            if row.get(f"{of.name}.sd") is not None:
                spread[of.name] = dict(zip(of.labels, row[f"{of.name}.sd"], strict=True))
            if row.get(f"{of.name}.labels") is not None:
                decided[of.name] = tuple(row[f"{of.name}.labels"])
            if row.get(f"{of.name}.set") is not None:
                sets[of.name] = tuple(row[f"{of.name}.set"])
        index = {name: row[name] for name in _INDEX}
        return Affect(
            scores=scores,
            text=row.get("text"),
            words=tuple(row.get("words") or ()),
            evidence=tuple(Evidence(**e) for e in row.get("evidence") or ()),
            flags=tuple(row.get("flags") or ()),
            decided=decided,
            sets=sets,
            sd=spread,
            **index,
        )


def timeline_from_table(table: pa.Table) -> Timeline:
    """A timeline over a table that was read from disk.

    Raises:
        InputError: If a column of the index is missing.
    """
    missing = [name for name in _INDEX if name not in table.column_names]
    if missing:
        raise InputError(
            f"the table lacks the columns {', '.join(missing)}", allowed="a table written by Timeline.save"
        )
    timeline = Timeline(table)
    for of in timeline.scales:
        register_scale(of)
    return timeline


@dataclass(frozen=True)
class Alignment:
    """Pairs of rows of two timelines that speak of the same stretch.

    Args:
        a: Row numbers in the first timeline.
        b: Row numbers in the second.
        overlap: Seconds that both share; NaN for pairs that were joined by item.
        across: The perspectives that were joined.
    """

    a: np.ndarray
    b: np.ndarray
    overlap: np.ndarray
    across: tuple[Perspective | None, Perspective | None]

    @property
    def name(self) -> str:
        """`felt→perceived`, as recorded in evidence."""
        return f"{self.across[0]}→{self.across[1]}"


def align(a: Timeline, b: Timeline, *, across: tuple[Perspective, Perspective] | None = None) -> Alignment:
    """Join readings of the same source and track that overlap in time, or share an item where there is no time.

    Readings of different perspectives are only joined when that is asked for by name, since what someone feels and
    what others see in them are two quantities.

    Args:
        a: First timeline.
        b: Second timeline.
        across: Perspectives of `a` and of `b`; None demands that both have one and the same.

    Raises:
        ScaleError: If a timeline holds another perspective than the one named.
    """
    held = [set(t.column("perspective")) for t in (a, b)]
    if across is None:
        if len(held[0] | held[1]) > 1:
            raise ScaleError(
                f"the readings speak of different perspectives: {sorted(map(str, held[0] | held[1]))}",
                remedy='name the two that should be joined: align(a, b, across=("felt", "perceived"))',
            )
        only = next(iter(held[0] | held[1]), None)
        joined: tuple[Perspective | None, Perspective | None] = (only, only)  # type: ignore[assignment]
    else:
        joined = across
        for which, has, wanted in (("first", held[0], across[0]), ("second", held[1], across[1])):
            if has - {wanted}:
                raise ScaleError(
                    f"the {which} timeline holds {sorted(map(str, has - {wanted}))}", allowed=f"{wanted} only"
                )
    keys_a, keys_b = (list(zip(t.column("source"), t.column("track"), strict=True)) for t in (a, b))
    groups: dict[Any, tuple[list[int], list[int]]] = {}
    for side, keys in enumerate((keys_a, keys_b)):
        for row, key in enumerate(keys):
            groups.setdefault(key, ([], []))[side].append(row)
    pairs: list[tuple[int, int, float]] = []
    times = [(t.column("start"), t.column("end"), t.column("item")) for t in (a, b)]
    for rows_a, rows_b in groups.values():
        pairs += _join(rows_a, rows_b, times[0], times[1])
    pairs.sort()
    left, right, shared = zip(*pairs, strict=True) if pairs else ((), (), ())
    return Alignment(np.array(left, int), np.array(right, int), np.array(shared, float), joined)


def _join(rows_a: list[int], rows_b: list[int], a: Any, b: Any) -> list[tuple[int, int, float]]:
    """Overlapping pairs of one source and track, by a sweep over start times."""
    pairs = []
    timed_b = sorted((j for j in rows_b if not np.isnan(b[0][j])), key=lambda j: b[0][j])
    starts = np.array([b[0][j] for j in timed_b])
    longest = max((b[1][j] - b[0][j] for j in timed_b), default=0.0)
    items = {b[2][j]: j for j in rows_b if np.isnan(b[0][j]) and b[2][j] is not None}
    for i in rows_a:
        if np.isnan(a[0][i]):
            if a[2][i] in items:
                pairs.append((i, items[a[2][i]], np.nan))
            continue
        first = np.searchsorted(starts, a[0][i] - longest, side="left")
        last = np.searchsorted(starts, a[1][i], side="left")
        for j in timed_b[first:last]:
            shared = min(a[1][i], b[1][j]) - max(a[0][i], b[0][j])
            if shared > 0:
                pairs.append((i, j, float(shared)))
    return pairs
