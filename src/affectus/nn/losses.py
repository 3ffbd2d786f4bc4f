"""Losses that several systems share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from affectus.errors import ConfigError
from affectus.taxonomy import scale


def loss_on(logits: Tensor, gold: Tensor, kind: str, weights: Sequence[float] = ()) -> Tensor:
    """Loss of one target; rows and labels without gold (NaN) do not count.

    Args:
        logits: (b, k).
        gold: (b, k) scores, NaN where unknown.
        kind: `any-of`: binary cross-entropy, mean over labels; `one-of`: cross-entropy with the gold distribution;
            `level`: squared error.
        weights: Of the labels of a `one-of` target, by which what each adds to the mean is multiplied; all 1 if empty.
    """
    known = ~gold.isnan()
    filled = torch.where(known, gold, torch.zeros_like(gold))
    if kind == "one-of":
        rows = known.any(1)
        filled = filled * filled.new_tensor(weights) if weights else filled
        return -(filled * F.log_softmax(logits, 1)).sum(1)[rows].mean() if rows.any() else logits.sum() * 0
    if kind == "any-of":
        each = F.binary_cross_entropy_with_logits(logits, filled, reduction="none")
    else:
        each = (logits - filled).square()
    return each[known].mean() if known.any() else logits.sum() * 0


def losses_on(
    outputs: Mapping[str, Tensor],
    gold: Mapping[str, Tensor],
    scales: Sequence[str],
    weights: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, Tensor]:
    """`loss_on` of each scale that has gold, by the kind of the scale.

    Args:
        outputs: Scale name → (b, k) logits.
        gold: Scale name → (b, k) scores.
        scales: What is learned.
        weights: Scale name → weights of its labels, where they are not alike.

    Raises:
        ConfigError: If there is gold for none of them.
    """
    of = weights or {}
    terms = {
        name: loss_on(outputs[name], gold[name], scale(name).kind, of.get(name, ())) for name in scales if name in gold
    }
    if not terms:
        raise ConfigError("the batch has gold for none of the targets", allowed=", ".join(scales))
    return terms


def focal_loss(logits: Tensor, gold: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy of a one-of target in which what is known already weighs less (Lin et al. 2017, arXiv:1708.02002).

    Mean over rows of −Σ_k g_k (1 − p_k)^γ log p_k. Rows without gold (NaN) do not count.

    Args:
        logits: (b, k).
        gold: (b, k) shares.
        gamma: How much less; 0 is cross-entropy.
    """
    known = gold.isfinite().all(1)
    if not known.any():
        return logits.sum() * 0
    log_p = F.log_softmax(logits[known], 1)
    return -(gold[known] * (1 - log_p.exp()) ** gamma * log_p).sum(1).mean()


def concordance(predicted: Tensor, gold: Tensor) -> Tensor:
    """Concordance correlation of each column (Lin 1989), with population moments; rows without gold (NaN) do not count.

    2·cov(p, t) / (var p + var t + (mean p − mean t)²). A column in which everything is constant has 0.

    Args:
        predicted: (b, k).
        gold: (b, k).

    Returns:
        (k,).
    """
    known = (~gold.isnan()).to(predicted.dtype)
    count = known.sum(0).clamp(min=1)

    def mean(values: Tensor) -> Tensor:
        return (values * known).sum(0) / count

    t = gold.nan_to_num(0.0)
    p_mean, t_mean = mean(predicted), mean(t)
    p, t = predicted - p_mean, t - t_mean
    spread = mean(p.square()) + mean(t.square()) + (p_mean - t_mean).square()
    return 2 * mean(p * t) / spread.clamp(min=torch.finfo(predicted.dtype).tiny)


def concordance_loss(predicted: Tensor, gold: Tensor) -> Tensor:
    """Mean over columns of 1 − `concordance`; columns without any gold do not count."""
    columns = (~gold.isnan()).any(0)
    if not columns.any():
        return predicted.sum() * 0
    return (1 - concordance(predicted, gold))[columns].mean()
