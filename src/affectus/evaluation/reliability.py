"""Is a probability what it says, and is a confident answer a better one? Curves as plain arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from affectus.errors import InputError
from affectus.evaluation.checks import finite, same_length
from affectus.evaluation.metrics import scored


class Reliability(NamedTuple):
    """A reliability diagram. Bins without items are left out.

    Args:
        low: (b,) lower edge of each bin, itself not in it.
        high: (b,) upper edge.
        confidence: (b,) mean probability in the bin.
        hits: (b,) share of items in the bin that are right.
        items: (b,) how many are in the bin.
    """

    low: np.ndarray
    high: np.ndarray
    confidence: np.ndarray
    hits: np.ndarray
    items: np.ndarray

    @property
    def ece(self) -> float:
        """Expected calibration error: the bins' gaps between hits and confidence, weighted by their items."""
        return float((np.abs(self.hits - self.confidence) * self.items).sum() / self.items.sum())


def _top(probabilities: Any, gold: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the highest label of each item, and whether it is right."""
    p, member = scored(probabilities, gold)
    rows, top = np.arange(len(p)), p.argmax(1)
    return p[rows, top], member[rows, top]


def _binned(confidence: np.ndarray, hit: np.ndarray, edges: np.ndarray) -> Reliability:
    place, bins = np.searchsorted(edges[1:-1], confidence, side="left"), len(edges) - 1
    count = np.bincount(place, minlength=bins)
    kept = np.flatnonzero(count)
    mean, hits = (np.bincount(place, weights, bins)[kept] / count[kept] for weights in (confidence, hit))
    return Reliability(edges[kept], edges[kept + 1], mean, hits, count[kept])


def reliability(probabilities: Any, gold: Any, bins: int = 15) -> Reliability:
    """Reliability of the highest label in bins of equal width on [0, 1], closed above; its `ece` is `ece_top_label`.

    Args:
        probabilities: (n, k).
        gold: (n,) class numbers, or (n, k) zeros and ones: then a hit is that the highest label is among them.
        bins: Number of bins.
    """
    return _binned(*_top(probabilities, gold), np.linspace(0, 1, bins + 1))


def adaptive_reliability(probabilities: Any, gold: Any, bins: int = 15) -> Reliability:
    """Reliability of the highest label in bins of equally many items (Nguyen & O'Connor 2015); ties stay together.

    Where most probabilities are alike, equal widths leave all but a few bins empty. Arguments as `reliability`.
    """
    confidence, hit = _top(probabilities, gold)
    inner = np.unique(np.quantile(confidence, np.arange(1, bins) / bins, method="inverted_cdf"))
    return _binned(confidence, hit, np.concatenate([[0.0], inner[(inner > 0) & (inner < 1)], [1.0]]))


def label_ece(probabilities: Any, gold: Any, bins: int = 15) -> np.ndarray:
    """Expected calibration error of each label by itself, (k,): its probability against whether it is gold.

    A rare label with small probabilities has a small error whatever it does; read it beside the label's frequency.
    Arguments as `reliability`.
    """
    p, member = scored(probabilities, gold)
    edges = np.linspace(0, 1, bins + 1)
    return np.array([_binned(a, b, edges).ece for a, b in zip(p.T, member.T, strict=True)])


class RiskCoverage(NamedTuple):
    """What abstention buys: the items are taken in order of confidence, the surest first.

    Args:
        coverage: (m,) share of items that are answered, rising to 1; equally sure items come in together.
        risk: (m,) mean loss of the answered items.
        confidence: (m,) confidence of the least sure of them.
    """

    coverage: np.ndarray
    risk: np.ndarray
    confidence: np.ndarray

    @property
    def area(self) -> float:
        """Area under the curve (AURC, Geifman & El-Yaniv 2017): the mean risk over coverages, lower is better."""
        return float((self.risk * np.diff(self.coverage, prepend=0)).sum())

    def at(self, coverage: float) -> float:
        """Risk at the smallest coverage of at least this share."""
        return float(self.risk[np.searchsorted(self.coverage, coverage - 1e-12)])


def risk_coverage(confidence: Any, loss: Any) -> RiskCoverage:
    """The risk–coverage curve (El-Yaniv & Wiener 2010).

    Args:
        confidence: (n,) how sure the reader is, for example the highest probability.
        loss: (n,) of each item, for example 1 for a wrong answer, or 1 − Jaccard.
    """
    sure, losses = finite("confidences", confidence), finite("losses", loss)
    same_length(sure, losses)
    if sure.ndim != 1 or losses.ndim != 1:
        raise InputError(f"confidence has shape {sure.shape} and loss {losses.shape}", allowed="two (n,)")
    order = np.argsort(-sure, kind="stable")
    sure, answered = sure[order], np.arange(1, len(sure) + 1)
    last = np.append(sure[1:] < sure[:-1], True)  # a threshold can't part equally sure items
    risk = losses[order].cumsum() / answered
    return RiskCoverage(answered[last] / len(sure), risk[last], sure[last])
