"""What will be read, and about how long and how much memory that takes, before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from affectus.errors import AffectusError, FileError, InputError
from affectus.media import SUFFIXES, Kind, probe, sniff

# Measured on two cores of an AMD EPYC (Zen 3), see benchmarks/results; they only feed the estimate shown before a job.
_SECONDS_PER_AUDIO_SECOND = 0.35
_SECONDS_PER_FRAME = 0.03
_SECONDS_PER_SENTENCE = 0.004
_SECONDS_PER_IMAGE = 0.08
_BYTES_PER_SENTENCE = 80
_START_SECONDS = 4.0
_BASE_MEMORY = {Kind.AUDIO: 1.1, Kind.VIDEO: 1.3, Kind.IMAGE: 0.4}  # GiB of one worker
_TEXT_MEMORY = 0.4  # GiB


@dataclass(frozen=True)
class Source:
    """One file to read.

    Args:
        path: Where it is; `Path("-")` is standard input.
        name: What readings call it: the path relative to the folder that was given, else the file name.
        kind: What it holds.
        seconds: Length of a medium, None if unknown or not timed.
        size: Bytes.
    """

    path: Path
    name: str
    kind: Kind
    seconds: float | None = None
    size: int = 0


@dataclass(frozen=True)
class Failure:
    """A file that could not be read: its name, what is wrong, and what to do (or nothing where the cause says it)."""

    file: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return "; ".join(part for part in (f"{self.file}: {self.cause}", self.remedy) if part)

    @classmethod
    def of(cls, file: str, error: BaseException) -> Failure:
        """From an error; one that is not ours is named as a defect of the library."""
        if isinstance(error, AffectusError):
            cause = error.what + (f"; allowed: {error.allowed}" if error.allowed else "")
            return cls(file, cause, error.remedy)
        return cls(
            file, f"unexpected {type(error).__name__}: {error}", "please report this with the file, it is a defect"
        )


@dataclass(frozen=True)
class Plan:
    """The whole job.

    Args:
        sources: Files that can be opened.
        failures: Files that can't.
        ignored: Files in given folders that are of no known type.
        jobs: Worker processes.
        fps: Pictures a second of video.
    """

    sources: tuple[Source, ...]
    failures: tuple[Failure, ...]
    ignored: int
    jobs: int
    fps: float

    @property
    def media_seconds(self) -> float:
        """Length of all timed media."""
        return sum(s.seconds or 0.0 for s in self.sources)

    @property
    def seconds(self) -> float:
        """Estimated working time."""
        work = sum(self._cost(s) for s in self.sources)
        return _START_SECONDS + work / min(self.jobs, max(len(self.sources), 1))

    @property
    def memory(self) -> float:
        """Estimated peak memory in GiB."""
        one = max((_BASE_MEMORY.get(s.kind, _TEXT_MEMORY) for s in self.sources), default=0.0)
        return one * min(self.jobs, max(len(self.sources), 1))

    def _cost(self, source: Source) -> float:
        length = source.seconds or 0.0
        if source.kind is Kind.AUDIO:
            return length * _SECONDS_PER_AUDIO_SECOND
        if source.kind is Kind.VIDEO:
            return length * (_SECONDS_PER_AUDIO_SECOND + self.fps * _SECONDS_PER_FRAME)
        if source.kind is Kind.IMAGE:
            return _SECONDS_PER_IMAGE
        return source.size / _BYTES_PER_SENTENCE * _SECONDS_PER_SENTENCE

    def describe(self) -> str:
        """One line for people."""
        count = f"{len(self.sources)} file{'s' * (len(self.sources) != 1)}"
        media = f", {self.media_seconds / 60:.1f} min of media" if self.media_seconds else ""
        more = "".join(
            f", {n} {what}"
            for n, what in ((len(self.failures), "unreadable"), (self.ignored, "of other types ignored"))
            if n
        )
        took = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        return (
            f"{count}{media}{more}; about {took} and {self.memory:.1f} GiB with {self.jobs} job{'s' * (self.jobs != 1)}"
        )


def collect(inputs: Sequence[Path | str], *, jobs: int = 1, fps: float = 10.0, skip: Iterable[Path] = ()) -> Plan:
    """Find the files of a job and look at what each is.

    Args:
        inputs: Files, folders (searched through, hidden names left out) or `-` for text on standard input.
        jobs: Worker processes.
        fps: Pictures a second of video.
        skip: Folders to leave out, for example the results of an earlier run.

    Raises:
        FileError: If a given path does not exist.
        InputError: If jobs is below 1.
    """
    if jobs < 1:
        raise InputError(f"jobs is {jobs}", allowed="1 or more")
    sources: list[Source] = []
    failures: list[Failure] = []
    ignored = 0
    left_out = {Path(p).resolve() for p in skip}
    for given in inputs:
        if str(given) == "-":
            sources.append(Source(Path("-"), "standard input", Kind.TEXT))
            continue
        root = Path(given)
        if root.is_dir():
            found, others = _walk(root, left_out)
            ignored += others
            if not found:
                failures.append(
                    Failure(
                        str(root),
                        f"the folder holds no file of a known type; allowed: {' '.join(SUFFIXES)}",
                        "name a folder with such files",
                    )
                )
        elif root.exists():
            found = [root]
        else:
            raise FileError(f"there is no file or folder {str(root)!r}", remedy="check the path")
        for path in found:
            name = str(path.relative_to(root)) if path != root else path.name
            try:
                sources.append(look(path, name))
            except AffectusError as error:
                failures.append(Failure.of(str(path), error))
    return Plan(tuple(_distinct(sources)), tuple(failures), ignored, jobs, fps)


def look(path: Path, name: str) -> Source:
    """Find out what a file is and how long.

    Raises:
        FileError: If it can't be read, or its suffix contradicts its content.
    """
    kind = sniff(path)
    seconds = None
    if kind in (Kind.AUDIO, Kind.VIDEO):
        seconds = probe(path).duration
    return Source(path, name, kind, seconds, path.stat().st_size)


def _walk(root: Path, left_out: set[Path]) -> tuple[list[Path], int]:
    found, others = [], 0
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if hidden or not path.is_file() or left_out & {path.resolve(), *path.resolve().parents}:
            continue
        if path.suffix.lower() in SUFFIXES:
            found.append(path)
        else:
            others += 1
    return found, others


def _distinct(sources: list[Source]) -> list[Source]:
    """Give files of one name from different folders different names, and read a file named twice once."""
    by_path = {s.path.resolve() if str(s.path) != "-" else s.path: s for s in sources}
    names: dict[str, int] = {}
    for s in by_path.values():
        names[s.name] = names.get(s.name, 0) + 1
    return [
        Source(s.path, str(s.path), s.kind, s.seconds, s.size) if names[s.name] > 1 else s for s in by_path.values()
    ]
