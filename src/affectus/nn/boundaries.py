"""Directions of emotion in a space of speaker vectors, and edits along them.

Miao et al. 2024 (arXiv:2408.05928): a linear support vector machine tells the vectors of one emotion from the rest; the
unit normal of its boundary is the direction of that emotion, and a vector whose projection on it is set to a distance d
sounds more of it. Nothing here depends on the size of the vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from affectus.errors import InputError, unknown
from affectus.nn.fitted import Fitted

KEPT_APART = 0.2  # share of the vectors that the fit never sees


def normalised(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length √f: x / ‖x‖ · √f, so that a number of them is about 1; (…, f) → (…, f) float64."""
    x = np.asarray(vectors, np.float64)
    return x / np.linalg.norm(x, axis=-1, keepdims=True) * np.sqrt(x.shape[-1])


def signed_distance(vectors: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Distance z · n from the plane through the origin; (…, f) and (f,) → (…)."""
    return np.asarray(vectors, np.float64) @ np.asarray(normal, np.float64)


def set_distance(vectors: np.ndarray, normal: np.ndarray, distance: np.ndarray | float) -> np.ndarray:
    """Vectors z + (d − z · n) n: the signed distance becomes d, and what is orthogonal to n stays.

    Args:
        vectors: (…, f).
        normal: (f,) of length 1.
        distance: One for all vectors, or (…).
    """
    moved = np.asarray(distance) - signed_distance(vectors, normal)
    return np.asarray(vectors, np.float64) + moved[..., None] * np.asarray(normal, np.float64)


def without(normal: np.ndarray, others: np.ndarray) -> np.ndarray:
    """A conditional boundary: the normal less its projections on others, at length 1 again.

    Args:
        normal: (f,).
        others: (k, f); they need not be orthogonal to each other.

    Raises:
        InputError: If nothing is left, since the others span the normal.
    """
    n, basis = np.asarray(normal, np.float64), np.asarray(others, np.float64).reshape(-1, len(normal))
    rest = n - basis.T @ np.linalg.lstsq(basis.T, n, rcond=None)[0]
    length = np.linalg.norm(rest)
    if length < 1e-8 * np.linalg.norm(n):
        raise InputError(
            "the other boundaries span this one, so that nothing of it is left", remedy="condition on less"
        )
    return rest / length


def fit_boundary(vectors: np.ndarray, positive: np.ndarray, strength: float = 1.0) -> tuple[np.ndarray, float]:
    """The plane of a linear support vector machine between two groups.

    Args:
        vectors: (n, f), as `normalised` gives them.
        positive: (n,) bool.
        strength: C.

    Returns:
        Normal of length 1 (f,) that points to the positive group, and the offset b of the decision n · x + b.

    Raises:
        InputError: If a group is empty.
    """
    from sklearn.svm import SVC

    label = np.asarray(positive, bool)
    if label.all() or not label.any():
        raise InputError(f"{int(label.sum())} of {len(label)} vectors are positive", allowed="some, but not all")
    machine = SVC(kernel="linear", C=strength).fit(vectors, label)
    weight = machine.coef_[0]
    length = np.linalg.norm(weight)
    return weight / length, float(machine.intercept_[0] / length)


class Boundaries(Fitted):
    """One boundary an emotion, each against the rest.

    Args:
        labels: Emotions.
        width: Numbers in a vector.
    """

    def __init__(self, labels: Sequence[str], width: int) -> None:
        k = len(labels)
        super().__init__(
            normals=torch.zeros(k, width, dtype=torch.float64), offsets=torch.zeros(k, dtype=torch.float64)
        )
        self.labels = tuple(labels)

    @property
    def fitted(self) -> bool:
        """Whether there is a boundary of every emotion."""
        return bool(self.normals.any(1).all())

    def normal(self, label: str) -> np.ndarray:
        """Direction of an emotion, (f,) float64 of length 1."""
        return self.normals[self._index(label)].cpu().numpy()

    def fit(
        self, vectors: np.ndarray, labels: Sequence[str], rng: np.random.Generator, strength: float = 1.0
    ) -> dict[str, float]:
        """Fit on four fifths of the vectors of each label.

        Args:
            vectors: (n, f) of any length; they are normalised here.
            labels: Emotion of each.
            rng: Draws the fifth that is kept apart.
            strength: C.

        Returns:
            Label → accuracy of its boundary on the fifth kept apart.

        Raises:
            InputError: If an emotion has too few vectors to be split.
            UnknownName: If a label is none of these boundaries.
        """
        x, given = normalised(vectors), np.array([self._index(label) for label in labels])
        apart = np.zeros(len(given), bool)
        for i, label in enumerate(self.labels):
            rows = rng.permutation(np.flatnonzero(given == i))
            if len(rows) < 2:
                raise InputError(f"{len(rows)} vectors are {label!r}", allowed="2 or more of each emotion")
            apart[rows[: max(1, round(KEPT_APART * len(rows)))]] = True
        found = [fit_boundary(x[~apart], given[~apart] == i, strength) for i in range(len(self.labels))]
        self.set(normals=np.stack([n for n, _ in found]), offsets=np.array([b for _, b in found]))
        right = (self.decide(vectors) > 0) == (given[:, None] == np.arange(len(self.labels)))
        return dict(zip(self.labels, right[apart].mean(0).tolist(), strict=True))

    def decide(self, vectors: np.ndarray) -> np.ndarray:
        """Decision n · x̂ + b of each boundary, (n, f) → (n, k); positive where a vector is on the emotion's side."""
        return normalised(vectors) @ self.normals.cpu().numpy().T + self.offsets.cpu().numpy()

    def predict(self, vectors: np.ndarray) -> list[str]:
        """Emotion of the highest decision of each vector (n, f)."""
        return [self.labels[i] for i in self.decide(vectors).argmax(1)]

    def move(self, vectors: np.ndarray, labels: Sequence[str], distances: Mapping[str, float]) -> np.ndarray:
        """Normalised vectors at a signed distance from the boundary of their emotion.

        Args:
            vectors: (n, f) of any length.
            labels: Emotion of each.
            distances: Emotion → d.

        Returns:
            (n, f) float64.
        """
        z = normalised(vectors)
        rows = [set_distance(v, self.normal(e), distances[e]) for v, e in zip(z, labels, strict=True)]
        return np.stack(rows) if rows else z

    def conditional(self, label: str, *others: str) -> np.ndarray:
        """The direction of an emotion that leaves the decisions of others as they are, (f,)."""
        return without(self.normal(label), np.stack([self.normal(other) for other in others]))

    def _index(self, label: str) -> int:
        if label not in self.labels:
            raise unknown("emotion", label, self.labels)
        return self.labels.index(label)
