"""Speaker verification: is this recording by that speaker? The measure of privacy of a changed voice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.checks import finite, same_length


def equal_error_rate(targets: Any, scores: Any) -> float:
    """Share of errors at the threshold where false rejections are as frequent as false acceptances.

    Between thresholds the rates are joined by straight lines. 0.5 is chance; above it the scores are upside down.

    Args:
        targets: (n,) bool, whether both are one speaker.
        scores: (n,) higher where that is likelier.

    Returns:
        0 to 1; NaN if all trials are of one kind.
    """
    same, score = np.asarray(targets, bool), finite("scores", scores)
    same_length(same, score)
    if same.all() or not same.any():
        return float("nan")
    order = np.argsort(score, kind="stable")
    last = np.append(np.diff(score[order]) > 0, True)  # the threshold lies behind all trials of one score
    missed = np.concatenate([[0], np.cumsum(same[order])[last]]) / same.sum()
    accepted = 1 - np.concatenate([[0], np.cumsum(~same[order])[last]]) / (~same).sum()
    at = int(np.argmax(missed >= accepted))  # at least 1: nothing is missed below all scores
    before, after = accepted[at - 1] - missed[at - 1], accepted[at] - missed[at]
    share = before / (before - after)
    return float(missed[at - 1] + share * (missed[at] - missed[at - 1]))


class Verified(NamedTuple):
    """Scored trials.

    Args:
        targets: (n,) bool.
        scores: (n,) cosines.
        enrolments: (n,) who was asked for; the group of an interval over speakers.
    """

    targets: np.ndarray
    scores: np.ndarray
    enrolments: np.ndarray


def verify(
    enrolled: Mapping[str, Sequence[str]],
    trials: Sequence[tuple[str, str, bool]],
    known: Mapping[str, np.ndarray],
    asked: Mapping[str, np.ndarray],
) -> Verified:
    """Cosine of each recording with the mean of a speaker's enrolled vectors, all of length 1.

    Args:
        enrolled: Speaker → recordings that were enrolled.
        trials: Speaker, recording and whether it is theirs.
        known: Recording → vector (f,), of those enrolled.
        asked: Recording → vector (f,), of those asked about.

    Raises:
        InputError: If a recording has no vector.
    """
    absent = [u for said in enrolled.values() for u in said if u not in known] + [
        u for _, u, _ in trials if u not in asked
    ]
    if absent:
        raise InputError(f"{len(absent)} recordings have no vector, first {absent[0]!r}", allowed="one of each")
    models = {who: _unit(np.mean([_unit(known[u]) for u in said], 0)) for who, said in enrolled.items() if said}
    scores = [float(models[who] @ _unit(asked[u])) for who, u, _ in trials]
    return Verified(np.array([t for _, _, t in trials], bool), np.array(scores), np.array([w for w, _, _ in trials]))


def _unit(vector: np.ndarray) -> np.ndarray:
    x = np.asarray(vector, np.float64)
    return x / np.linalg.norm(x)
