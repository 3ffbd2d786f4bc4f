"""Votes of people on a sheet: who wins, and how far the judges agree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectus.errors import FileError, InputError
from affectus.evaluation.fleiss import fleiss_kappa
from affectus.evaluation.paired_figures import PairedFigure, PairedFigures, mean_of_draws, paired_figures
from affectus.response.sheet import QUESTIONS

SAME = "same"
_SIDES = ("left", SAME, "right")


@dataclass(frozen=True)
class Counted:
    """What the judges chose.

    Args:
        systems: Both names.
        figures: Question → system → per cent of votes that it wins, the mean over pairs.
        same: Question → per cent without a difference.
        kappa: Question → Fleiss' kappa over both systems and "same"; NaN where it is undefined.
        votes: Question → number of votes.
        judges: Judge → number of votes.
        asked: Votes that a judge could give.
        left: Per cent of the decided votes that fell on the left side; far from 50 means that sides counted.
    """

    systems: tuple[str, str]
    figures: PairedFigures
    same: dict[str, float]
    kappa: dict[str, float]
    votes: dict[str, int]
    judges: dict[str, int]
    asked: int
    left: float


def count(paths: Sequence[Path | str], key: Path | str, *, resamples: int = 10_000, seed: int = 0) -> Counted:
    """Count votes.

    Intervals are over pairs, whose share of votes counts once, however many judges it had.

    Args:
        paths: Files that the page saved, one a judge.
        key: `key.json`, made with the page.
        resamples: Of the intervals.
        seed: Of the draws.

    Raises:
        FileError: If a file can't be read, is no such file, or belongs to another sheet.
        InputError: If there is no file, a judge comes twice, or a question has votes on fewer than two pairs.
    """
    if not paths:
        raise InputError("there is no file of votes", remedy="name the files that judges saved")
    secret = _read(key, "pairs")
    first, second = secret["systems"]
    files = {str(path): _read(path, "votes") for path in paths}
    for path, held in files.items():
        if held["sheet"] != secret["sheet"]:
            raise FileError(f"the votes in {path!r} are on another sheet than that of {str(key)!r}")
    judges = Counter(str(held.get("judge", "")) for held in files.values())
    if twice := [name for name, files_of in judges.items() if files_of > 1]:
        raise InputError(f"{', '.join(map(repr, twice))} voted in two files", allowed="one file a judge")
    columns = {first: 0, second: 2}
    table = {name: np.zeros((len(secret["pairs"]), 3)) for name in QUESTIONS}
    sides: Counter[str] = Counter()
    for path, held in files.items():
        for at, question, side in _votes(path, held["votes"], len(secret["pairs"])):
            table[question][at, 1 if side == SAME else columns[secret["pairs"][at][side]]] += 1
            sides[side] += 1
    for name, counts in table.items():
        if (voted := int(counts.any(1).sum())) < 2:
            raise InputError(f"{voted} pairs have votes on {name}", allowed="two or more")
    shares = {name: _shares(counts) for name, counts in table.items()}
    figures = [
        PairedFigure(name, {first: mean_of_draws(rows[:, 0]), second: mean_of_draws(rows[:, 2])})
        for name, rows in shares.items()
    ]
    decided = sides["left"] + sides["right"]
    return Counted(
        (first, second),
        paired_figures(figures, len(secret["pairs"]), resamples=resamples, seed=seed),
        {name: float(np.nanmean(rows[:, 1])) for name, rows in shares.items()},
        {name: fleiss_kappa(counts) for name, counts in table.items()},
        {name: int(counts.sum()) for name, counts in table.items()},
        {str(held.get("judge", "")): sum(map(len, held["votes"].values())) for held in files.values()},
        len(secret["pairs"]) * len(QUESTIONS),
        100 * sides["left"] / decided if decided else float("nan"),
    )


def _votes(path: str, votes: Any, pairs: int) -> list[tuple[int, str, str]]:
    """Pair, from 0, question and side of each vote of a file."""
    out = []
    for number, answers in votes.items():
        if not str(number).isdecimal() or not 1 <= int(number) <= pairs or not isinstance(answers, dict):
            raise FileError(f"{path!r} has votes on pair {number!r}", allowed=f"1 to {pairs}")
        for question, side in answers.items():
            if question not in QUESTIONS or side not in _SIDES:
                raise FileError(
                    f"{path!r}, pair {number}: {question} is {side!r}",
                    allowed=f"{', '.join(QUESTIONS)}: {', '.join(_SIDES)}",
                )
            out.append((int(number) - 1, question, side))
    return out


def _shares(counts: np.ndarray) -> np.ndarray:
    """Per cent of each pair's votes, NaN where it has none."""
    every = counts.sum(1, keepdims=True)
    return np.divide(100 * counts, every, out=np.full(counts.shape, np.nan), where=every > 0)


def _read(path: Path | str, part: str) -> Any:
    """A JSON object with `sheet` and another part."""
    try:
        held = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{str(path)!r} can't be read: {error}", remedy="name a file of JSON") from error
    wanted = list if part == "pairs" else dict
    if not isinstance(held, dict) or "sheet" not in held or not isinstance(held.get(part), wanted):
        raise FileError(f"{str(path)!r} has no {part} of a sheet", allowed="key.json, and files that its page saved")
    return held
