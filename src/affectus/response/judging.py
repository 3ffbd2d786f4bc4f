"""Replies of several systems to the same dialogues, side by side: files in, figures with intervals out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectus.atomic import writing
from affectus.errors import FileError, InputError
from affectus.evaluation.bertscore import ENCODER, bertscore, token_states
from affectus.evaluation.paired_figures import PairedFigure, PairedFigures, mean_of_draws, paired_figures
from affectus.evaluation.replies_bleu import bleu, bleu_of_draws, distinct_of_draws
from affectus.response import agreement, empathy
from affectus.response.checks import Situation, faults
from affectus.sample import Dialogue
from affectus.taxonomy import scale

CHECKS = ("empty", "repetition", "leak", "unsafe", "form")  # the others need the turn, which these files don't hold
_REPEATS, _UNSAFE = ("repetition",), ("leak", "unsafe", "form")
_NONE_DRAWN = 0.02  # how likely a resample may be to draw no dialogue with an intended feeling
_SHOWN = 3  # dialogues that an error names

Replies = Mapping[str, Mapping[str, Any]]
"""Dialogue → row."""


@dataclass(frozen=True)
class Judged:
    """What was measured of some systems.

    Args:
        systems: Their names; differences are from the first.
        dialogues: How many each answered.
        figures: Title → system → figure, and differences.
        notes: What a figure rests on, in sentences.
        faults: System → check → number of replies that fail it.
        found: System → dialogue → whether the intended feeling was found; None where that can't be said.
        empathy: System → scale of a mechanism → dialogue → level; None where none was decided. Empty if not measured.
    """

    systems: tuple[str, ...]
    dialogues: int
    figures: PairedFigures
    notes: tuple[str, ...]
    faults: Mapping[str, Mapping[str, int]]
    found: Mapping[str, Mapping[str, bool | None]]
    empathy: Mapping[str, Mapping[str, Mapping[str, int | None]]]

    def save(self, folder: Path) -> Path:
        """Write `replies.json`."""
        with writing(folder / "replies.json") as file:
            json.dump(asdict(self), file, indent=1, ensure_ascii=False)
        return folder / "replies.json"


def read_replies(path: Path | str) -> dict[str, dict[str, Any]]:
    """Rows that `affectus respond` wrote, or references: JSON lines with at least `dialogue` and `text`.

    Raises:
        FileError: If the file can't be read, a line is no such row, or a dialogue stands in it twice.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{str(path)!r} can't be read: {error}", remedy="name a file of JSON lines") from error
    rows = [_row(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise FileError(f"{str(path)!r} has no line", allowed="one reply a line, as `affectus respond` writes them")
    twice = [name for name, count in Counter(row["dialogue"] for row in rows).items() if count > 1]
    if twice:
        raise FileError(f"{str(path)!r} has {_several(twice)} twice", allowed="one row for each dialogue")
    return {row["dialogue"]: row for row in rows}


def judge(
    systems: Mapping[str, Replies],
    reader: Any,
    references: Replies | None = None,
    *,
    listener: Any = None,
    talks: Mapping[str, Dialogue] | None = None,
    encoder: str = ENCODER,
    resamples: int = 10_000,
    seed: int = 0,
) -> Judged:
    """Measure replies; figures are percentages.

    BLEU-1 to 4 and BERTScore where there are references; Dist-1 and 2; how often `reader` finds the intended feeling,
    over dialogues for which every system says it; the mechanisms of empathy where there are a `listener` and `talks`;
    how many replies repeat themselves or fail a check of safety.

    Args:
        systems: Name → rows; differences are from the first.
        reader: Reader of texts.
        references: A reply to each dialogue that somebody gave.
        listener: Reader of the mechanisms of empathy in a reply, see `affectus.response.empathy`.
        talks: What was answered, by dialogue.
        encoder: Of BERTScore.
        resamples: Of the intervals.
        seed: Of the draws.

    Raises:
        InputError: If the files are not about the same dialogues, or there are fewer than two.
    """
    first, *others = systems
    ids = list(systems[first])
    for name in others:
        same_dialogues(name, systems[name], first, systems[first])
    if len(ids) < 2:
        raise InputError(f"there is {_several(ids)}", allowed="two or more: intervals are drawn over dialogues")
    texts = {name: [rows[i]["text"] for i in ids] for name, rows in systems.items()}
    notes = []
    figures = []
    if references is not None:
        same_dialogues("the file of references", references, first, systems[first])
        wanted = [references[i]["text"] for i in ids]
        figures += _against(texts, wanted, encoder)
        scores = {name: bleu(row, wanted) for name, row in texts.items()}
        notes.append(f"BLEU by sacrebleu, one reference: {scores[first].signature}")
        notes += [
            f"BLEU-{n} of {name} comes from smoothing: no {n} words in a row stand in a reference"
            for name, score in scores.items() for n, hits in enumerate(score.hits, 1) if not hits
        ]  # fmt: skip
        notes.append(f"BERTScore: F1 of the last layer's token states of {encoder}, no idf, no baseline")
    figures += [
        PairedFigure(f"Dist-{n}", {name: distinct_of_draws(row, n) for name, row in texts.items()}, centred=True)
        for n in (1, 2)
    ]
    notes.append("Dist-n: resamples are moved to the figure, since a reply that is drawn twice repeats its words")
    found = {name: _found(reader, texts[name], [rows[i] for i in ids]) for name, rows in systems.items()}
    figures += _agreement(found, reader, systems, notes)
    heard: dict[str, dict[str, np.ndarray]] = {}
    if listener is not None and talks is not None:
        same_dialogues("the file of dialogues", {i: {} for i in talks if i in systems[first]}, first, systems[first])
        heard = {name: empathy.levels(listener, [talks[i] for i in ids], row) for name, row in texts.items()}
        figures += empathy.figures(heard)
        notes += empathy.told(listener, heard)
    wrong = {name: [faults(text, Situation(""), CHECKS) for text in row] for name, row in texts.items()}
    for title, names in (("repetition", _REPEATS), ("unsafe", _UNSAFE)):
        hits = {name: [100.0 * any(_check(f) in names for f in row) for row in rows] for name, rows in wrong.items()}
        figures.append(PairedFigure(title, {name: mean_of_draws(row) for name, row in hits.items()}))
    notes.append(f"repetition: within the reply; unsafe: fails one of the checks {', '.join(_UNSAFE)}")
    return Judged(
        tuple(systems),
        len(ids),
        paired_figures(figures, len(ids), resamples=resamples, seed=seed),
        tuple(notes),
        {name: dict.fromkeys(CHECKS, 0) | Counter(_check(f) for row in rows for f in row)
         for name, rows in wrong.items()},
        {name: dict(zip(ids, row, strict=True)) for name, row in found.items()},
        {name: {on: _levels(ids, row) for on, row in of.items()} for name, of in heard.items()},
    )  # fmt: skip


def _against(texts: Mapping[str, Sequence[str]], wanted: Sequence[str], encoder: str) -> list[PairedFigure]:
    out = [
        PairedFigure(f"BLEU-{n}", {name: bleu_of_draws(row, wanted, n) for name, row in texts.items()})
        for n in range(1, 5)
    ]
    every = iter(token_states([*wanted, *(text for row in texts.values() for text in row)], encoder))
    reference = [next(every) for _ in wanted]
    likeness = {name: [100 * bertscore(next(every), of) for of in reference] for name in texts}
    return [*out, PairedFigure("BERTScore", {name: mean_of_draws(row) for name, row in likeness.items()})]


def _found(reader: Any, texts: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[bool | None]:
    wanted = [(row["intended"], row["scale"]) if row.get("intended") and row.get("scale") else None for row in rows]
    return agreement.found(reader, texts, wanted)


def _levels(ids: Sequence[str], row: np.ndarray) -> dict[str, int | None]:
    return {i: None if np.isnan(level) else int(level) for i, level in zip(ids, row, strict=True)}


def _agreement(
    found: Mapping[str, Sequence[bool | None]], reader: Any, systems: Mapping[str, Replies], notes: list[str]
) -> list[PairedFigure]:
    """The share of intentions that are found; named otherwise where the reader had a part in the replies."""
    said: np.ndarray = np.all([[hit is not None for hit in row] for row in found.values()], axis=0)
    took_part = {
        name: sum(reader.name in row.get("by", {}).values() for row in rows.values()) for name, rows in systems.items()
    }
    title = "emotion found"
    if any(took_part.values()):
        title = "emotion found*"
        counts = ", ".join(f"{count} of {len(systems[name])} replies of {name}" for name, count in took_part.items())
        notes.append(f"* not independent: {reader.name} took part in making {counts}; --reader names one that did not")
    if (1 - said.mean()) ** len(said) > _NONE_DRAWN:
        notes.append(
            f"emotion found: not measured, {said.sum()} dialogues have an intended feeling in every file for which "
            f"{reader.name} has a word"
        )
        return []
    notes.append(
        f"emotion found: the intended feeling, by {reader.name}, over {said.sum()} of {len(said)} dialogues; left out: "
        f"{(~said).sum()} where a reply has no intended feeling with its scale, or the reader no word for it"
    )
    hits = {name: np.where(said, [100.0 * bool(hit) for hit in row], np.nan) for name, row in found.items()}
    return [PairedFigure(title, {name: mean_of_draws(row) for name, row in hits.items()})]


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    at = f"line {number} of {str(path)!r}"
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise FileError(f"{at} is no JSON: {error.msg}", allowed="one JSON object a line") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or "dialogue" not in row:
        raise FileError(f"{at} is no reply", allowed="an object with `dialogue` and `text`")
    if not isinstance(row.get("by", {}), dict):
        raise FileError(f"{at}: by is {row['by']!r}", allowed="an object: part of the answer → what made it")
    if (on := row.get("scale")) is not None and row.get("intended") not in scale(str(on)).labels:
        raise FileError(f"{at}: intended is {row.get('intended')!r}", allowed=f"a label of {on}")
    return {**row, "dialogue": str(row["dialogue"])}


def same_dialogues(name: str, rows: Replies, other: str, wanted: Replies) -> None:
    """Check that two files are about the same dialogues.

    Args:
        name: What `rows` is called in the error.
        rows: Dialogue → row.
        other: What `wanted` is called.
        wanted: Dialogue → row.

    Raises:
        InputError: If one has a dialogue that the other lacks; it counts and names them.
    """
    missing, more = [i for i in wanted if i not in rows], [i for i in rows if i not in wanted]
    told = [f"{name} lacks {_several(missing)} that {other} has"] * bool(missing)
    told += [f"{name} has {_several(more)} that {other} lacks"] * bool(more)
    if told:
        raise InputError("; ".join(told), allowed="the same dialogues in every file")


def _several(ids: Sequence[str]) -> str:
    named = ", ".join(map(repr, ids[:_SHOWN])) + (", …" if len(ids) > _SHOWN else "")
    return f"{len(ids)} dialogue{'s' * (len(ids) > 1)} ({named})"


def _check(fault: str) -> str:
    return fault.partition(":")[0]
