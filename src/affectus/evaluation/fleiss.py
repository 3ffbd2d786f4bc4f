"""Agreement of several judges on categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectus.errors import InputError


def fleiss_kappa(counts: Any) -> float:
    """Fleiss' kappa (Fleiss 1971, Psychological Bulletin 76(5)): agreement beyond what the shares of categories give.

    Items may have different numbers of judges; one with fewer than two says nothing of agreement and does not count.

    Args:
        counts: (n, k), how many judges chose each category.

    Returns:
        At most 1, 0 at chance; NaN where no item has two judges, or all votes fall on one category.
    """
    votes = np.asarray(counts, float)
    if votes.ndim != 2 or (votes < 0).any():
        raise InputError(f"counts have shape {votes.shape}", allowed="(n, k), 0 or more")
    votes = votes[votes.sum(1) >= 2]
    judges = votes.sum(1)
    if not len(votes):
        return float("nan")
    seen = ((votes**2).sum(1) - judges) / (judges * (judges - 1))
    chance = ((votes.sum(0) / judges.sum()) ** 2).sum()
    return float((seen.mean() - chance) / (1 - chance)) if chance < 1 else float("nan")
