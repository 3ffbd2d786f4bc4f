"""Metrics, bootstrap intervals and calibration: arrays in, plain numbers out."""

from affectus.evaluation.calibrate import fit_conformal, fit_platt, fit_temperature, fit_thresholds
from affectus.evaluation.intervals import Difference, Interval, bootstrap, paired_bootstrap
from affectus.evaluation.metrics import (
    Coverage,
    accuracy,
    brier,
    ccc,
    coverage_and_size,
    ece_top_label,
    jaccard,
    macro_f1,
    membership,
    micro_f1,
    pearson,
    rmse,
    uar,
    weighted_f1,
)

__all__ = [
    "Coverage",
    "Difference",
    "Interval",
    "accuracy",
    "bootstrap",
    "brier",
    "ccc",
    "coverage_and_size",
    "ece_top_label",
    "fit_conformal",
    "fit_platt",
    "fit_temperature",
    "fit_thresholds",
    "jaccard",
    "macro_f1",
    "membership",
    "micro_f1",
    "paired_bootstrap",
    "pearson",
    "rmse",
    "uar",
    "weighted_f1",
]
