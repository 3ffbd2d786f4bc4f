"""What embeddings are worth, by a support vector machine that never meets the speaker it is asked about."""

from __future__ import annotations

from typing import Any

import numpy as np

from affectus.errors import InputError


def leave_one_group_out(embeddings: Any, labels: Any, groups: Any) -> np.ndarray:
    """Predicted label of each row, from a machine that was fitted on all other groups.

    Each fit standardises the features by its own training rows; the machine has a radial kernel with gamma 1 / features
    and C = 1. This is the protocol of the tutorial of Dawn-SER's weights, there with the groups being speakers.

    Args:
        embeddings: (n, f), finite.
        labels: (n,) of any type.
        groups: (n,) names, for example speakers.

    Returns:
        (n,) labels.

    Raises:
        InputError: If there are fewer than two groups, or rows that are not finite.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    x, y, g = np.asarray(embeddings), np.asarray(labels), np.asarray(groups)
    if len(np.unique(g)) < 2:
        raise InputError(f"all rows are of the group {g[:1]!r}", allowed="two groups or more")
    if (strange := int((~np.isfinite(x).all(1)).sum())) > 0:
        raise InputError(f"{strange} embeddings are not finite", remedy="leave out what could not be read")
    out = np.empty_like(y)
    for group in np.unique(g):
        left = g == group
        out[left] = make_pipeline(StandardScaler(), SVC(gamma="auto")).fit(x[~left], y[~left]).predict(x[left])
    return out
