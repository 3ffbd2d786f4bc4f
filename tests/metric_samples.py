"""Arrays in the forms that metrics ask for."""

import numpy as np


def example(found, rng, n=60, k=2):
    """Gold and a perfect prediction in the forms that a metric asks for."""
    kind = found.kinds[0]
    if found.gold == "scores":
        gold = rng.dirichlet(np.ones(5), n)
        return gold, gold if found.predicted == "scores" else np.stack([gold - 0.01, gold + 0.01], -1)
    if kind == "one-of":
        gold = rng.integers(0, k, n)
        return gold, gold if found.predicted == "labels" else np.eye(k)[gold]
    gold = rng.integers(0, 2, (n, 5))
    return gold, gold if found.predicted == "labels" else gold.astype(float)
