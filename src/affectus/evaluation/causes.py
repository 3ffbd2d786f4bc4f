"""Which earlier turn caused an emotion: pairs of turns, and their figures as RECCON defines them (Poria et al. 2021).

Causal emotion entailment asks of every pair (turn with an emotion, that turn or one before) whether the latter caused
the former. Its figure is the F1 of the pairs that are causes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affectus.corpora.reccon import CAUSE
from affectus.errors import InputError
from affectus.evaluation.metrics import macro_f1, micro_f1
from affectus.sample import Dialogue, Sample
from affectus.timeline import Timeline


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of turns, in the order of dialogues, targets and candidates.

    Args:
        dialogue: (n,) number of the dialogue; the group that intervals draw whole.
        target: (n,) place of the turn with the emotion within its dialogue.
        candidate: (n,) place of the turn that may have caused it, at most `target`.
        gold: (n,) bool, whether it did.
    """

    dialogue: np.ndarray
    target: np.ndarray
    candidate: np.ndarray
    gold: np.ndarray

    def __len__(self) -> int:
        return len(self.gold)

    def chosen(self, dialogues: Sequence[Dialogue], read: Timeline, at: float = 0.5) -> np.ndarray:
        """Whether a reader names each pair, (n,) bool: evidence of kind `cause` that weighs `at` or more.

        Args:
            dialogues: Those that the pairs were made of.
            read: One row for each of their turns, in order; `Evidence.item` is the item of the turn it names.
            at: Probability from which a cause counts; evidence without a weight counts always.

        Raises:
            InputError: If the timeline has another number of rows than there are turns.
        """
        turns = sum(len(d.turns) for d in dialogues)
        if len(read) != turns:
            raise InputError(f"the timeline has {len(read)} rows", allowed=f"{turns}, one a turn")
        rows, found = iter(read), set()
        for number, talk in enumerate(dialogues):
            places = _places(talk)
            for place, _ in enumerate(talk.turns):
                for e in next(rows).evidence:
                    if e.kind == CAUSE and e.item in places and (e.weight is None or e.weight >= at):
                        found.add((number, place, places[e.item]))
        mine = zip(self.dialogue.tolist(), self.target.tolist(), self.candidate.tolist(), strict=True)
        return np.array([pair in found for pair in mine], bool)


def cause_pairs(dialogues: Sequence[Dialogue], *, repeated: bool = True) -> Pairs:
    """Pairs of the turns whose gold names causes, each with itself and all turns before it.

    A turn whose cause lies outside the dialogue has pairs, none of which is a cause. Causes that come later than
    their emotion are in no pair.

    Args:
        dialogues: With gold evidence of kind `cause`, as the corpus `reccon` gives it.
        repeated: Whether a pair counts once for each of its spans, as in the published files; else once.
    """
    rows = []
    for number, talk in enumerate(dialogues):
        places = _places(talk)
        for target, turn in enumerate(talk.turns):
            causes = gold_causes(turn)
            if not causes:
                continue
            named = [places[item] for item in causes if item is not None]
            for candidate in range(target + 1):
                times = named.count(candidate)
                copies = max(times, 1) if repeated else 1
                rows += [(number, target, candidate, times > 0)] * copies
    table = np.array(rows, np.int64).reshape(-1, 4)
    return Pairs(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(bool))


def gold_causes(turn: Sample) -> list[int | None]:
    """Items of the turns that gold names as causes, one a span; None for a cause outside the dialogue."""
    if turn.gold is None:
        return []
    return [e.item for row in turn.gold for e in row.evidence if e.kind == CAUSE]


def _places(talk: Dialogue) -> dict[int | None, int]:
    return {turn.item: place for place, turn in enumerate(talk.turns)}


def positive_f1(gold: Any, chosen: Any) -> float:
    """F1 of the pairs that are causes, from two (n,) of truth values: the figure of the paper."""
    return micro_f1(np.asarray(gold, int), np.asarray(chosen, int), classes=(1,))


def negative_f1(gold: Any, chosen: Any) -> float:
    """F1 of the pairs that are none."""
    return micro_f1(np.asarray(gold, int), np.asarray(chosen, int), classes=(0,))


def both_f1(gold: Any, chosen: Any) -> float:
    """Mean of `positive_f1` and `negative_f1`, the paper's macro-F1."""
    return macro_f1(np.asarray(gold, int), np.asarray(chosen, int), classes=(0, 1))
