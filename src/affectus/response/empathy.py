"""How strongly a reply communicates the mechanisms of empathy after EPITOME, by a reader that learned them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.paired_figures import PairedFigure, mean_of_draws
from affectus.registry import checkpoints
from affectus.sample import Dialogue, Sample
from affectus.taxonomy import scale

READER = "affectus/empathy-embedded"
RECIPE = "affectus train recipes/epitome/empathy-embedded.yaml --data DATA/epitome-reddit"
_FAMILY = "epitome-"


def missing(talks: Mapping[str, Dialogue] | None) -> str:
    """Why the default reader can't be asked, with the remedy; empty if it can."""
    if READER not in checkpoints():
        return f"empathy: not measured, {READER} is not on this machine; it is made by `{RECIPE}`"
    return "" if talks else "empathy: not measured, the talks are needed; give the file that was answered: --dialogues"


def levels(reader: Any, talks: Sequence[Dialogue], texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Level of each reply on each mechanism's scale, (n,) numbers of the decided label; NaN where none was decided.

    Args:
        reader: Reads how the second of two turns answers the first.
        talks: What was answered; of each the last turn counts.
        texts: The replies.

    Raises:
        InputError: If the reader has no scale of EPITOME's.
    """
    pairs = [
        Dialogue((talk.turns[-1], Sample(id=f"{at}-reply", source=str(at), item=1, text=text)), id=str(at))
        for at, (talk, text) in enumerate(zip(talks, texts, strict=True))
    ]
    rows = list(reader.read(pairs))[1::2]
    names = [name for name in (rows[0].scores if rows else ()) if name.startswith(_FAMILY)]
    if not names:
        raise InputError(f"{reader.name} reads none of EPITOME's mechanisms", allowed=f"a scale named {_FAMILY}…",
                         remedy=RECIPE)  # fmt: skip
    out = {}
    for name in names:
        decided = [row.decided.get(name, ()) for row in rows]
        out[name] = np.array([scale(name).index(found[0]) if found else np.nan for found in decided], float)
    return out


def figures(found: Mapping[str, Mapping[str, np.ndarray]]) -> list[PairedFigure]:
    """Of each mechanism the mean level, in per cent of the highest, and the share of replies that show it at all.

    Args:
        found: System → scale → level of each reply.
    """
    out = []
    for name in next(iter(found.values())):
        title, highest = name.removeprefix(_FAMILY).replace("-", " "), len(scale(name)) - 1
        mean = {system: mean_of_draws(100 * of[name] / highest) for system, of in found.items()}
        share = {system: mean_of_draws(_shown(of[name])) for system, of in found.items()}
        out += [PairedFigure(f"{title}, level", mean), PairedFigure(f"{title}, shown", share)]
    return out


def _shown(levels: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(levels), np.nan, 100.0 * (levels > 0))


def told(reader: Any, found: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    """What the figures rest on."""
    n = len(next(iter(next(iter(found.values())).values())))
    unread = {system: int(max(np.isnan(row).sum() for row in of.values())) for system, of in found.items()}
    left = ", ".join(f"{count} of {system}" for system, count in unread.items() if count)
    return [
        f"empathy by {reader.name}, over {n} dialogues: level in per cent of strong, shown: at least weak; it learned "
        "from posts of people in distress, which other talk is not" + (f"; not decided: {left}" if left else "")
    ]
