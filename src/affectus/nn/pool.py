"""Voices from a pool of strangers: the mean of some that are least like the speaker.

Selection as in the VoicePrivacy challenges (Srivastava et al. 2020, arXiv:2005.08601), with cosines.
"""

from __future__ import annotations

import numpy as np

from affectus.errors import InputError


def unlike(vector: np.ndarray, pool: np.ndarray, far: int, drawn: int, rng: np.random.Generator) -> np.ndarray:
    """The mean of vectors drawn from those of a pool that are least like one.

    The draw puts the whole pool in an order, and the first of those in question are taken: one state of the generator
    gives nearly one voice for vectors that are nearly the same, such as those of stretches of one recording.

    Args:
        vector: (f,) of the speaker.
        pool: (n, f), n ≥ far.
        far: Vectors of lowest cosine among which is drawn.
        drawn: Vectors of the mean, without repetition.
        rng: Source of the draw.

    Returns:
        (f,) float64.

    Raises:
        InputError: If the pool is too small.
    """
    if not drawn <= far <= len(pool):
        raise InputError(
            f"{drawn} of the {far} least similar of {len(pool)} vectors were asked for",
            allowed="no more than the pool of this sex holds",
            remedy="use a larger pool, or smaller `far` and `drawn`",
        )
    x = np.asarray(pool, np.float64)
    cosine = x @ vector / (np.linalg.norm(x, axis=1) * np.linalg.norm(vector))
    among = np.argsort(cosine, kind="stable")[:far]
    turn = rng.permutation(len(x))
    return x[among[np.argsort(turn[among])[:drawn]]].mean(0)


def nearest(vector: np.ndarray, pool: np.ndarray) -> int:
    """Which vector of a pool (n, f) has the highest cosine to one (f,)."""
    x = np.asarray(pool, np.float64)
    return int((x @ vector / np.linalg.norm(x, axis=1)).argmax())
