"""`METRICS`: every metric as data, so that protocols and reports name one and need to know no more.

All take gold first and the prediction second. What these are, `Metric.gold` and `Metric.predicted` say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from affectus.errors import unknown
from affectus.evaluation import metrics, profiles, ranking
from affectus.taxonomy.scale import Kind

Figure = Callable[[Any, Any], float]


@dataclass(frozen=True)
class MeanOverLabels:
    """A metric of two (n,) series as one of two (n, k) arrays: the mean over their columns; (n,) stays as it is."""

    of_series: Figure

    def each(self, gold: Any, predicted: Any) -> np.ndarray:
        """The figure of each column, (k,)."""
        a, b = np.asarray(gold), np.asarray(predicted)
        if a.ndim != 2 or a.shape != b.shape:
            return np.array([self.of_series(a, b)])
        return np.array([self.of_series(x, y) for x, y in zip(a.T, b.T, strict=True)])

    def __call__(self, gold: Any, predicted: Any) -> float:
        """The mean of `each`; NaN if one of them is."""
        return float(self.each(gold, predicted).mean())


@dataclass(frozen=True)
class Metric:
    """One metric.

    Args:
        name: Its key in `METRICS`, for example `macro_f1`.
        title: Its name for people, for example `macro-F1`.
        function: Takes gold and prediction, gives one number; NaN where it is undefined.
        kinds: Kinds of scale that it fits.
        gold: `labels`: (n,) class numbers on one-of scales, (n, k) zeros and ones on any-of scales. `scores`: (n, k)
            values, for example shares of votes or levels.
        predicted: `labels`: what was decided, in the form of gold. `scores`: (n, k) probabilities or levels. `sets`:
            (n, k) booleans, the conformal set of each item, or (n, k, 2), both ends of each level.
        higher: Whether more is better.
        best: The value of a perfect reader; NaN where it depends on gold.
        resampled: Whether a bootstrap interval is meaningful. Resampling repeats items, which inflates a calibration
            error, so that its interval would lie above its value.
        two: Whether it is only for scales of two labels, of which the second is the one that is looked for.
        note: What has to be said wherever the figure is printed.
    """

    name: str
    title: str
    function: Figure
    kinds: tuple[Kind, ...]
    gold: Literal["labels", "scores"]
    predicted: Literal["labels", "scores", "sets"]
    higher: bool = True
    best: float = 1.0
    resampled: bool = True
    two: bool = False
    note: str = ""

    def __call__(self, gold: Any, predicted: Any) -> float:
        """The figure."""
        return self.function(gold, predicted)


def _ece(gold: Any, probabilities: Any) -> float:
    return metrics.ece_top_label(probabilities, gold)


def _brier(gold: Any, probabilities: Any) -> float:
    return metrics.brier(probabilities, gold)


def _set_coverage(gold: Any, sets: Any) -> float:
    return metrics.set_coverage(sets, gold)


def _set_size(gold: Any, sets: Any) -> float:
    return metrics.set_size(sets, gold)


_decided: dict[str, Any] = {"gold": "labels", "predicted": "labels"}
_scored: dict[str, Any] = {"gold": "labels", "predicted": "scores"}
_two: dict[str, Any] = {**_scored, "kinds": ("one-of",), "two": True}
_sets: dict[str, Any] = {"gold": "labels", "predicted": "sets"}
_profile: dict[str, Any] = {"kinds": ("one-of",), "gold": "scores", "predicted": "scores"}
_level: dict[str, Any] = {"kinds": ("level",), "gold": "scores", "predicted": "scores"}
_error: dict[str, Any] = {"higher": False, "best": 0.0}
_discrete: tuple[Kind, ...] = ("one-of", "any-of")

_ALL = (
    Metric("macro_f1", "macro-F1", metrics.macro_f1, _discrete, **_decided),
    Metric("weighted_f1", "weighted F1", metrics.weighted_f1, _discrete, **_decided),
    Metric("micro_f1", "micro-F1", metrics.micro_f1, _discrete, **_decided),
    Metric("accuracy", "accuracy", metrics.accuracy, _discrete, **_decided),
    Metric("uar", "UAR", metrics.uar, ("one-of",), **_decided),
    Metric("weighted_accuracy", "weighted accuracy", metrics.weighted_accuracy, ("any-of",),
           note="mean over labels of the recalls of having it and of not having it", **_decided),
    Metric("binary_weighted_f1", "weighted F1 of each label", metrics.binary_weighted_f1, ("any-of",),
           note="mean over labels of the weighted F1 of having it or not", **_decided),
    Metric("jaccard", "Jaccard", metrics.jaccard, ("any-of",), **_decided),
    Metric("auc", "AUC", ranking.auc, note="how well the probability ranks, whatever is decided", **_two),
    Metric("average_precision", "average precision", ranking.average_precision, note="by chance the label's share",
           **_two),
    *(Metric(f"{name}_at_{bar:g}", f"{name} at {bar:g}", partial(function, bar=bar),
             note=f"decided from a probability of {bar:g} upwards", **_two)
      for bar in (0.25, 0.5, 0.75)
      for name, function in (("precision", ranking.precision_at), ("recall", ranking.recall_at))),
    Metric("macro_auc", "macro AUC", ranking.macro_auc, _discrete, note="each label against the rest", **_scored),
    Metric("macro_average_precision", "mAP", ranking.macro_average_precision, _discrete,
           note="each label against the rest", **_scored),
    Metric("ece_top_label", "ECE of the top label", _ece, _discrete, resampled=False,
           note="15 bins; the highest label's probability against gold", **_scored, **_error),
    Metric("brier", "Brier score", _brier, _discrete, **_scored, **_error),
    Metric("set_coverage", "conformal coverage", _set_coverage, _discrete,
           note="covered means that all gold labels are in the set", **_sets),
    Metric("set_size", "mean size of the conformal set", _set_size, _discrete, higher=False, **_sets),
    Metric("acc_at_1", "Acc@1", profiles.acc_at_1, **_profile),
    Metric("ap_document", "AP by document", profiles.ap_document, **_profile),
    Metric("ap_document_official", "AP by document, official form", partial(profiles.ap_document, form="official"),
           note="k / (k − 1) times Pearson's r, as the published code has it: 1.25 · r for five labels", **_profile),
    Metric("ap_emotion", "AP by emotion", profiles.ap_emotion, **_profile),
    Metric("ap_emotion_official", "AP by emotion, official form", partial(profiles.ap_emotion, form="official"),
           note="n / (n − 1) times Pearson's r, as the published code has it", **_profile),
    Metric("profile_rmse", "RMSE of profiles", metrics.rmse, **_profile, **_error),
    Metric("wasserstein_values", "Wasserstein of the values", profiles.wasserstein_values,
           note="between the two sets of values; blind to which label has which", **_profile, **_error),
    Metric("wasserstein_ordered", "Wasserstein over ordered labels", profiles.wasserstein_ordered,
           note="only for labels with an order", **_profile, **_error),
    Metric("cosine", "cosine", profiles.cosine, **_profile),
    Metric("kullback_leibler", "KL divergence", profiles.kullback_leibler, note="in nats, of gold from the prediction",
           **_profile, **_error),
    Metric("jensen_shannon", "JS divergence", profiles.jensen_shannon, note="in bits", **_profile, **_error),
    Metric("total_variation", "total variation", profiles.total_variation, **_profile, **_error),
    Metric("cross_entropy", "cross-entropy", profiles.cross_entropy,
           note="in nats; a perfect reader reaches the mean entropy of gold", higher=False, best=float("nan"),
           **_profile),
    Metric("profile_brier", "Brier score of profiles", profiles.brier, **_profile, **_error),
    Metric("pearson", "Pearson's r", MeanOverLabels(metrics.pearson), **_level),
    Metric("spearman", "Spearman's ρ", MeanOverLabels(metrics.spearman), **_level),
    Metric("ccc", "CCC", MeanOverLabels(metrics.ccc), **_level),
    Metric("rmse", "RMSE", MeanOverLabels(metrics.rmse), **_level, **_error),
    Metric("mae", "MAE", MeanOverLabels(metrics.mae), **_level, **_error),
    Metric("interval_coverage", "conformal coverage", metrics.interval_coverage, ("level",), gold="scores",
           predicted="sets", note="covered means that gold is within the margin"),
)  # fmt: skip

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
"""Name → metric. On scales with several levels a figure is the mean over the levels."""


def metric(name: str) -> Metric:
    """The metric of this name.

    Raises:
        UnknownName: If there is none, with the nearest spelling.
    """
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]


def metrics_for(kind: Kind) -> tuple[Metric, ...]:
    """The metrics that fit a kind of scale."""
    return tuple(m for m in _ALL if kind in m.kinds)
