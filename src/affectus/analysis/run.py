"""Run a job: one part a source, kept as it is finished, so that a killed run can be taken up again."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from affectus import progress
from affectus.analysis.labels import on_labels
from affectus.analysis.part import Part
from affectus.analysis.plan import Failure, Plan, Source, collect
from affectus.analysis.settings import READERS, Settings
from affectus.atomic import make_folder, output_errors, writing
from affectus.errors import AffectusError, FileError, InputError
from affectus.timeline import Timeline

PARTS = ".parts"  # folder of finished parts inside the results
DEFAULT_FORMATS = ("parquet", "csv")


@dataclass(frozen=True)
class Result:
    """A finished job.

    Args:
        timeline: All readings.
        parts: One for each source that could be read.
        failures: Sources that could not.
        plan: What was planned.
        files: What was written.
        notes: Remarks on the results as a whole.
    """

    timeline: Timeline
    parts: tuple[Part, ...]
    failures: tuple[Failure, ...]
    plan: Plan
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def analyze(
    inputs: Path | str | Sequence[Path | str],
    *,
    out: Path | str | None = None,
    formats: Iterable[str] = DEFAULT_FORMATS,
    jobs: int = 1,
    resume: bool = False,
    settings: Settings | None = None,
    **choices: Any,
) -> Timeline:
    """Read emotion from files.

    Args:
        inputs: A file, a folder, or several; `-` is text on standard input.
        out: Folder for results and report; None writes nothing.
        formats: Files to write beside the report: parquet, csv, jsonl, eaf, textgrid, vtt.
        jobs: Sources that are read at the same time, each in a process.
        resume: Take over the parts that an earlier run into `out` had finished.
        settings: Choices as one object.
        **choices: Fields of `Settings`, instead of `settings`.

    Returns:
        All readings, in the order of the sources. Sources that fail are warned about, unless nothing could be read.

    Raises:
        FileError: If nothing could be read.
        InputError: If a choice is not acceptable.
        OutputError: If results can't be written.
    """
    settings = settings or Settings(**choices)
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    result = run(paths, settings, out=Path(out) if out is not None else None, formats=formats, jobs=jobs, resume=resume)
    if result.failures and not result.parts:
        first = result.failures[0]
        raise FileError(first.cause, remedy=first.remedy)
    for failure in result.failures:
        warnings.warn(f"not read: {failure}", stacklevel=2)
    return result.timeline


def run(
    inputs: Sequence[Path | str],
    settings: Settings,
    *,
    out: Path | None = None,
    formats: Iterable[str] = DEFAULT_FORMATS,
    jobs: int = 1,
    resume: bool = False,
    plan: Plan | None = None,
) -> Result:
    """Plan, read, write. See `analyze`; `plan` is used when it was made already."""
    chosen = _check_formats(formats)
    if out is None and tuple(chosen) != DEFAULT_FORMATS:
        raise InputError(f"formats are {', '.join(chosen)} without a results folder", remedy="pass out=… (--out DIR)")
    if resume and out is None:
        raise InputError("resume was asked for without a results folder", remedy="pass out=… (--out DIR)")
    plan = plan or collect(inputs, jobs=jobs, fps=settings.fps, skip=[out] if out else [])
    _check_transcript(plan, settings)
    _check_readers(settings)
    store = _Store(out, settings, keep=resume) if out else None
    parts, failures = _read_all(plan, settings, store, jobs)
    timeline = Timeline.concat([part.timeline for part in parts])
    if settings.labels is not None and len(timeline):
        timeline = on_labels(timeline, settings.labels)
    failures = [*plan.failures, *failures]
    files: list[Path] = []
    notes: list[str] = []
    if out is not None:
        files, notes = _write(out, timeline, parts, failures, settings, chosen)
    return Result(timeline, tuple(parts), tuple(failures), plan, tuple(files), tuple(notes))


def _check_formats(formats: Iterable[str]) -> list[str]:
    from affectus.errors import check_option
    from affectus.formats import FORMATS

    chosen = list(dict.fromkeys(f.lower() for f in formats))
    for name in chosen:
        check_option("format", name, FORMATS)
    return chosen


def _check_transcript(plan: Plan, settings: Settings) -> None:
    if settings.transcript is None:
        return
    if not settings.transcript.is_file():
        raise FileError(f"there is no transcript {str(settings.transcript)!r}", remedy="check the path")
    timed = [s for s in plan.sources if s.seconds is not None]
    if len(timed) != 1:
        raise InputError(
            f"a transcript was given for {len(timed)} media", allowed="exactly one sound or video file with it"
        )


def _check_readers(settings: Settings) -> None:
    """A reader of another modality would fail on each file by itself; say it once and before."""
    from affectus import registry

    for modality, name in settings.readers.items():
        if name == READERS[modality] or not (registry.find(name) / "card.json").is_file():
            continue
        reads = registry.entry(registry.card(name).system).card.modalities
        if modality not in reads and not (modality == "text" and "dialogue" in reads):
            raise InputError(f"{name!r} reads {' and '.join(reads)}, not {modality}", remedy="choose another reader")


# -- reading -----------------------------------------------------------------------------------------------------------
def _read_all(plan: Plan, settings: Settings, store: _Store | None, jobs: int) -> tuple[list[Part], list[Failure]]:
    done: dict[Source, Part | Failure] = {}
    open_sources = []
    for source in plan.sources:
        part = store.load(source) if store else None
        if part is not None:
            done[source] = part
        else:
            open_sources.append(source)
    with progress.task("files", len(plan.sources)) as advance:
        advance(len(done))
        for source, outcome in _outcomes(open_sources, settings, jobs):
            if store and isinstance(outcome, Part):
                store.save(outcome)
            done[source] = outcome
            advance(1)
    ordered = [done[source] for source in plan.sources]
    return [o for o in ordered if isinstance(o, Part)], [o for o in ordered if isinstance(o, Failure)]


def _outcomes(sources: list[Source], settings: Settings, jobs: int) -> Iterator[tuple[Source, Part | Failure]]:
    """Readings or failures in the order in which they are finished."""
    if jobs == 1 or len(sources) < 2:
        for source in sources:
            yield source, _attempt(source, settings)
        return
    left = list(sources)
    try:
        for source, outcome in _in_pool(sources, settings, jobs):
            left.remove(source)
            yield source, outcome
    except BrokenProcessPool:
        # A decoder took its process down; find out which file did, each in a process of its own.
        for source in left:
            try:
                yield from _in_pool([source], settings, 1)
            except BrokenProcessPool:
                cause = "reading it ended the process (damaged beyond what its decoder survives, or out of memory)"
                yield source, Failure(source.name, cause, "check the file with a player; leave it out")


def _in_pool(sources: list[Source], settings: Settings, jobs: int) -> Iterator[tuple[Source, Part | Failure]]:
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=partial(_limit_threads, threads)
    ) as workers:
        waiting: dict[Future[Any], Source] = {}
        queue = iter(sources)
        while True:
            while len(waiting) < 2 * jobs and (source := next(queue, None)) is not None:
                waiting[workers.submit(_attempt_packed, source, settings)] = source
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                source = waiting.pop(future)
                yield source, _unpack(future.result())


def _limit_threads(threads: int) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "AFFECTUS_THREADS"):
        os.environ[name] = str(threads)


def _attempt(source: Source, settings: Settings) -> Part | Failure:
    from affectus.analysis.read import read_source

    try:
        return read_source(source, settings)
    except (AffectusError, OSError, MemoryError) as error:
        if isinstance(error, AffectusError) and not isinstance(error, FileError | InputError):
            raise  # a missing model or a bad setting is no fault of this file
        return Failure.of(source.name, error)
    except Exception as error:  # one odd file must not end a batch; the cause says that this is our defect
        if os.environ.get("AFFECTUS_DEBUG"):
            raise
        return Failure.of(source.name, error)


def _attempt_packed(source: Source, settings: Settings) -> Any:
    """An outcome that pickles cheaply: the table as Arrow stream."""
    import pyarrow as pa

    outcome = _attempt(source, settings)
    if isinstance(outcome, Failure):
        return outcome
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, outcome.timeline.table.schema) as stream:
        stream.write_table(outcome.timeline.table)
    return replace(outcome, timeline=Timeline.empty()), sink.getvalue().to_pybytes()


def _unpack(packed: Any) -> Part | Failure:
    import pyarrow as pa

    if isinstance(packed, Failure):
        return packed
    part, data = packed
    return replace(part, timeline=Timeline(pa.ipc.open_stream(data).read_all()))


# -- keeping -----------------------------------------------------------------------------------------------------------
class _Store:
    """Finished parts on disk, named by what was read and how, so that a changed file or choice is read again."""

    def __init__(self, out: Path, settings: Settings, *, keep: bool) -> None:
        self.folder = out / PARTS
        self.choices = settings.key()
        if not keep and self.folder.exists():
            with output_errors(self.folder):
                shutil.rmtree(self.folder)
        make_folder(self.folder)

    def _key(self, source: Source) -> str:
        stamp = source.path.stat() if str(source.path) != "-" else None
        identity = [str(source.path.absolute()), source.name, stamp and stamp.st_size, stamp and stamp.st_mtime_ns]
        return hashlib.sha256(json.dumps([identity, self.choices]).encode()).hexdigest()[:24]

    def load(self, source: Source) -> Part | None:
        if str(source.path) == "-":
            return None
        try:
            key = self._key(source)
            row = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            timeline = Timeline.load(self.folder / f"{key}.parquet")
            return Part(source, timeline, row["seconds"], tuple(row["notes"]))
        except (OSError, ValueError, KeyError, AffectusError):
            return None  # not finished, or not readable any more: read the source again

    def save(self, part: Part) -> None:
        if str(part.source.path) == "-" or not part.source.path.exists():
            return
        key = self._key(part.source)
        part.timeline.save(self.folder / f"{key}.parquet")
        with writing(self.folder / f"{key}.json") as file:  # written last: its presence says that the part is whole
            json.dump({"seconds": part.seconds, "notes": part.notes}, file)


# -- writing -----------------------------------------------------------------------------------------------------------
def _write(
    out: Path,
    timeline: Timeline,
    parts: Sequence[Part],
    failures: Sequence[Failure],
    settings: Settings,
    formats: Sequence[str],
) -> tuple[list[Path], list[str]]:
    from affectus.analysis.overview import report
    from affectus.formats import FORMATS, TIERED, left_out, write

    make_folder(out)
    media = {part.source.name: part.source.path.absolute() for part in parts}
    untimed = left_out(timeline)
    tiered = [name for name in formats if name in TIERED]
    notes = []
    if tiered and untimed:
        names = ", ".join(tiered)
        notes.append(f"{untimed} rows without a time or a label (untimed text, face motion) are not in {names}")
    files = [write(timeline, out / f"timeline{FORMATS[name]}", media=media) for name in formats]
    table = out / "failures.csv"
    if failures:
        with writing(table, newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["file", "cause", "remedy"])
            rows.writerows((f.file, f.cause, f.remedy) for f in failures)
        files.append(table)
    else:
        table.unlink(missing_ok=True)  # of an earlier run
    files.append(report(out / "report.html", timeline, parts, failures, settings))
    with writing(out / "run.json") as file:
        json.dump(_record(parts, failures, settings), file, indent=1, default=str, ensure_ascii=False)
    return [*files, out / "run.json"], notes


def _record(parts: Sequence[Part], failures: Sequence[Failure], settings: Settings) -> dict[str, Any]:
    from affectus import __version__

    return {
        "affectus": __version__,
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "settings": asdict(settings),
        "sources": [
            {
                "name": p.source.name,
                "kind": p.source.kind,
                "duration": p.source.seconds,
                "rows": len(p.timeline),
                "seconds": {k: round(v, 3) for k, v in p.seconds.items()},
                "notes": p.notes,
            }
            for p in parts
        ],
        "failures": [asdict(f) for f in failures],
    }
