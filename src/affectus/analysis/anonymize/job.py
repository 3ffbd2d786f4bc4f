"""All recordings of files and folders with other voices: resumable, every failure named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affectus import progress
from affectus.analysis.anonymize.one import Outcome, anonymize_file
from affectus.analysis.plan import Failure, Source, collect
from affectus.atomic import make_folder, writing
from affectus.errors import FileError, InputError, OutputError
from affectus.media import Kind

RECORD = "anonymized.json"
"""What was written and how, beside the copies; it names the originals and is not meant to be passed on."""


@dataclass(frozen=True)
class Job:
    """A finished job.

    Args:
        outcomes: What was written, in the order of the sources; what an earlier run had written is not among them.
        kept: Copies of an earlier run that were left as they are.
        failures: Sources that could not be anonymised.
        ignored: Files that hold neither sound nor film.
    """

    outcomes: tuple[Outcome, ...]
    kept: int
    failures: tuple[Failure, ...]
    ignored: int


def anonymize_files(
    source: Path,
    target: Path,
    anonymizer: Any,
    *,
    seed: int | None = None,
    resume: bool = False,
    choices: Mapping[str, Any] | None = None,
) -> Job:
    """Anonymise a file, or everything below a folder into another folder.

    Args:
        source: File or folder.
        target: File, or folder for a folder. Sound becomes .wav under its own name, a film keeps its suffix.
        anonymizer: An `Anonymizer`.
        seed: Of the voices; file i gets seed + i. None draws them secretly.
        resume: Leave copies as they are that an earlier run with the same choices made of unchanged files.
        choices: What decides on the result besides the file, for `resume`.

    Raises:
        AffectusError: If a single file can't be anonymised.
    """
    if not source.exists():
        raise FileError(f"there is no file or folder {str(source)!r}", remedy="check the path")
    if not source.is_dir():
        with progress.task(source.name, None) as advance:
            return Job((anonymize_file(source, target, anonymizer, seed=seed, advance=advance),), 0, (), 0)
    _check_folders(source, target)
    plan = collect([source], skip=[target])
    job = anonymize_sources(plan.sources, target, anonymizer, seed=seed, resume=resume, choices=choices)
    failures = (*plan.failures, *job.failures)
    if not job.outcomes and not job.kept and failures:
        raise FileError(failures[0].cause, remedy=failures[0].remedy)
    return replace(job, failures=failures, ignored=job.ignored + plan.ignored)


def anonymize_sources(
    sources: Sequence[Source],
    target: Path,
    anonymizer: Any,
    *,
    seed: int | None = None,
    resume: bool = False,
    choices: Mapping[str, Any] | None = None,
) -> Job:
    """Anonymise the sound and film among the sources of a plan into a folder; arguments as `anonymize_files`."""
    wanted = [s for s in sources if s.kind in (Kind.AUDIO, Kind.VIDEO)]
    record = _Record(target / RECORD, dict(choices or {}), resume)
    outcomes: list[Outcome] = []
    failures: list[Failure] = []
    kept = 0
    names = _targets(wanted)
    with progress.task("voices", sum(s.seconds or 0.0 for s in wanted)) as advance:
        for i, one in enumerate(wanted):
            path = target / names[one]
            if record.holds(one, path):
                kept += 1
                advance(one.seconds or 0.0)
                continue
            own = None if seed is None else seed + i
            try:
                outcome = anonymize_file(one.path, path, anonymizer, seed=own, advance=advance)
            except (FileError, InputError, OutputError, OSError, MemoryError) as error:
                failures.append(Failure.of(one.name, error))
                continue
            outcomes.append(outcome)
            record.add(one, outcome)
    return Job(tuple(outcomes), kept, tuple(failures), len(sources) - len(wanted))


def _check_folders(source: Path, target: Path) -> None:
    if target.is_file():
        raise OutputError(f"{str(target)!r} is a file", allowed="a folder, when the input is a folder")
    if target.resolve() == source.resolve():
        raise OutputError(
            f"{str(target)!r} is the input itself", remedy="name another folder; the input is never overwritten"
        )
    make_folder(target)


def _targets(sources: Sequence[Source]) -> dict[Source, Path]:
    """Source → path below the target folder; two sounds that differ in their suffix only keep it in their names."""
    # A source that shares its name with another is called by its whole path, which must not lead out of the folder.
    called = {s: Path(s.name).relative_to(Path(s.name).anchor) for s in sources}
    names = {s: path if s.kind is Kind.VIDEO else path.with_suffix(".wav") for s, path in called.items()}
    taken = list(names.values())
    return {
        s: path if taken.count(path) == 1 or s.kind is Kind.VIDEO else Path(f"{called[s]}.wav")
        for s, path in names.items()
    }


class _Record:
    """Which copies are done, on disk after every file."""

    def __init__(self, path: Path, choices: dict[str, Any], resume: bool) -> None:
        self.path, self.choices = path, choices
        self.rows: dict[str, dict[str, Any]] = {}
        if resume and path.is_file():
            try:
                row = json.loads(path.read_text(encoding="utf-8"))
                self.rows = row["files"] if row["choices"] == choices else {}
            except (OSError, ValueError, KeyError):
                self.rows = {}  # not readable: everything is done again

    def holds(self, source: Source, target: Path) -> bool:
        """Whether the copy of this file is there and was made with these choices."""
        row = self.rows.get(source.name)
        return row is not None and target.is_file() and row["stamp"] == _stamp(source.path)

    def add(self, source: Source, outcome: Outcome) -> None:
        """Note a copy that is whole."""
        self.rows[source.name] = {
            "stamp": _stamp(source.path),
            "copy": str(outcome.target.relative_to(self.path.parent)),
            "method": outcome.method,
            "seconds": round(outcome.seconds, 3),
            "speech": round(outcome.spoken, 3),
            "similarity": round(outcome.similarity, 3),
            "voices drawn": outcome.tries,
            "remarks": list(outcome.remarks),
        }
        with writing(self.path) as file:
            json.dump({"choices": self.choices, "files": self.rows}, file, indent=1, ensure_ascii=False)


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
