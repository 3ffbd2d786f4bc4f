"""Fleiss' kappa: a worked example, its bounds, and two judges by hand."""

import math

import numpy as np
import pytest

from affectus.errors import InputError
from affectus.evaluation.fleiss import fleiss_kappa

WORKED = [  # ten subjects, five categories, fourteen judges; kappa is 0.210
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_worked_example() -> None:
    assert fleiss_kappa(WORKED) == pytest.approx(0.210, abs=5e-4)


def test_full_agreement_and_chance() -> None:
    assert fleiss_kappa([[3, 0], [0, 3]]) == 1
    rng = np.random.default_rng(0)
    assert fleiss_kappa(rng.multinomial(5, [0.5, 0.3, 0.2], 20_000)) == pytest.approx(0, abs=0.01)


def test_an_item_with_one_judge_does_not_count() -> None:
    assert fleiss_kappa([*WORKED, [1, 0, 0, 0, 0], [0] * 5]) == fleiss_kappa(WORKED)


def test_where_it_is_undefined() -> None:
    assert math.isnan(fleiss_kappa([[1, 0], [0, 1]]))
    assert math.isnan(fleiss_kappa([[2, 0], [2, 0]]))
    with pytest.raises(InputError, match="shape"):
        fleiss_kappa([1, 2])
