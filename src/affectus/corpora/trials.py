"""Trials of speaker verification: who was enrolled, and whether a recording is theirs; two ways to write them down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from affectus.corpora.base import corpus as described
from affectus.corpora.base import read_lines
from affectus.corpora.delimited import read_rows
from affectus.errors import FileError
from affectus.formats.kaldi import read_list


class Trial(NamedTuple):
    """One question: is this recording by that speaker?

    Args:
        enrolment: Id of who was enrolled.
        test: Id of the recording.
        target: Whether they are the same person.
    """

    enrolment: str
    test: str
    target: bool


@dataclass(frozen=True)
class Trials:
    """A list of trials with what was enrolled.

    Args:
        enrolments: Id → recordings (ids or paths) whose speaker vectors are averaged.
        trials: In the order of the file.
    """

    enrolments: Mapping[str, Sequence[str]]
    trials: Sequence[Trial]

    def __post_init__(self) -> None:
        absent = next((t.enrolment for t in self.trials if t.enrolment not in self.enrolments), None)
        if absent is not None:
            raise FileError(f"a trial asks for {absent!r}, who is not enrolled", remedy="get both lists of one release")

    @property
    def summary(self) -> str:
        """Counts on one line."""
        targets = sum(trial.target for trial in self.trials)
        return f"{len(self.enrolments)} enrolled, {targets:,} target and {len(self.trials) - targets:,} other trials"


_TARGET = {"target": True, "nontarget": False}


def read_trials(folder: Path | str, corpus: str) -> Trials:
    """Trials of `enrolments.tsv` (corpus, enrol, files) and `{corpus}_trials.tsv` (enrol, test, label).

    Recordings are paths relative to the folder that holds the corpora.

    Args:
        folder: With the lists.
        corpus: Name of the corpus; the list of enrolments may call it by its folder.

    Raises:
        FileError: If a file is missing or can't be understood.
    """
    place, names = Path(folder), (corpus, *described(corpus).folders)
    listed = read_rows(place / "enrolments.tsv", ("corpus", "enrol", "files"), delimiter="\t")
    enrolled = {row["enrol"]: tuple(row["files"].split(",")) for row in listed.rows if row["corpus"] in names}
    path = place / f"{corpus}_trials.tsv"
    asked = read_rows(path, ("enrol", "test", "label"), delimiter="\t")
    rows = [(row["enrol"], row["test"], row["label"]) for row in asked.rows]
    return Trials(enrolled, [_trial(path, line, *cells) for cells, line in zip(rows, asked.lines, strict=True)])


def read_kaldi_trials(enrolled: Path | str, asked: Path | str) -> Trials:
    """Trials of two folders of Kaldi's layout: `spk2utt` of the enrolled one and `trials` of the other.

    A line of `trials` is `speaker utterance target|nontarget`. Where the folder of enrolment has a list `enrolls`, only
    its utterances are taken, as in VoicePrivacy.

    Raises:
        FileError: If a file is missing or can't be understood.
    """
    speakers = {who: tuple(said.split()) for who, said in read_list(Path(enrolled) / "spk2utt").items()}
    chosen = Path(enrolled) / "enrolls"
    if chosen.is_file():
        taken = set(read_list(chosen))
        speakers = {who: tuple(u for u in said if u in taken) for who, said in speakers.items()}
    path, out = Path(asked) / "trials", []
    if not path.is_file():
        raise FileError(f"there is no list of trials {str(path)!r}", remedy="give a folder such as libri_dev_trials_f")
    for number, line in enumerate(read_lines(path), start=1):
        cells = line.split()
        if len(cells) != 3:
            raise FileError(f"line {number} of {str(path)!r} is {line[:60]!r}", allowed="speaker utterance target")
        out.append(_trial(path, number, *cells))
    return Trials({who: said for who, said in speakers.items() if said}, out)


def _trial(path: Path, line: int, enrolment: str, test: str, answer: str) -> Trial:
    if answer not in _TARGET:
        raise FileError(f"line {line} of {path.name!r} has {answer!r}", allowed=", ".join(_TARGET))
    return Trial(enrolment, test, _TARGET[answer])
