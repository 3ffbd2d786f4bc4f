"""Support vector regression as arrays: fitted by scikit-learn, kept as buffers, predicted by torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from affectus.nn.fitted import Fitted

KERNELS = ("svr-poly", "svr-rbf")


def row_weights(gold: np.ndarray) -> np.ndarray:
    """|m − y| + 1 with m the middle of the gold values that occur: far from the middle is rare and weighs more."""
    return np.abs((gold.max() + gold.min()) / 2 - gold) + 1


class Machines(Fitted):
    """Support vector regressions of several outputs on one matrix of rows, as arrays that torch predicts with.

    A row that is a support vector of no output is not kept. Predictions equal scikit-learn's.

    Args:
        outputs: Number of outputs.
        width: Features.
        kernel: `svr-poly` (γ⟨x, v⟩)³, or `svr-rbf` exp(−γ‖x − v‖²).
        half: Whether rows are kept in half precision; they are rounded before the fit.
    """

    def __init__(self, outputs: int, width: int, kernel: str, half: bool = False) -> None:
        super().__init__(
            vectors=torch.zeros(1, width, dtype=torch.float16 if half else torch.float32),
            weights=torch.zeros(outputs, 1, dtype=torch.float64),
            offset=torch.zeros(outputs, dtype=torch.float64),
            gamma=torch.ones(1, dtype=torch.float64),
        )
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        """Predictions (b, outputs) of features (b, width)."""
        return (self.nearness(x.double(), self.vectors.double()) @ self.weights.T + self.offset).float()

    def nearness(self, x: Tensor, vectors: Tensor) -> Tensor:
        """The kernel between rows, (b, width) and (n, width) → (b, n)."""
        inner = x @ vectors.T
        if self.kernel == "svr-poly":
            return (self.gamma * inner) ** 3
        far = x.square().sum(1, keepdim=True) + vectors.square().sum(1) - 2 * inner
        return torch.exp(-self.gamma * far.clamp(min=0))

    def fit(self, x: np.ndarray, gold: np.ndarray, *, strength: float, tube: float, weighted: bool) -> None:
        """Fit with scikit-learn: gamma is 1 / (width · variance of all values), degree 3, no constant term.

        Args:
            x: (n, width) float32.
            gold: (n, outputs); rows with NaN do not count for that output.
            strength: C.
            tube: ε.
            weighted: Whether rows weigh `row_weights`.
        """
        from sklearn.svm import SVR

        rows = torch.as_tensor(x).to(self.vectors.dtype).double()
        variance = rows.var(correction=0).item()
        self.set(gamma=np.array([1 / (x.shape[1] * variance) if variance else 1.0]))
        near = self.nearness(rows, rows).numpy()  # once for all outputs, (n, n)
        weights, offset = np.zeros((gold.shape[1], len(x))), np.zeros(gold.shape[1])
        for output, y in enumerate(gold.T):
            known = np.flatnonzero(np.isfinite(y))
            machine = SVR(kernel="precomputed", C=strength, epsilon=tube, cache_size=500)
            square = near if len(known) == len(x) else near[np.ix_(known, known)]
            machine.fit(square, y[known], sample_weight=row_weights(y[known]) if weighted else None)
            weights[output, known[machine.support_]] = machine.dual_coef_[0]
            offset[output] = machine.intercept_[0]
        kept = np.flatnonzero(weights.any(0))
        kept = kept if len(kept) else np.arange(1)
        self.set(vectors=x[kept], weights=weights[:, kept], offset=offset)
