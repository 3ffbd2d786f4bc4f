import numpy as np
import pytest

from affectus.errors import InputError
from affectus.evaluation.leave_out import leave_one_group_out


def made(n=120, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, n)
    return rng.standard_normal((n, 8)) + np.eye(3, 8)[label] * 6, label, rng.integers(0, 4, n)


def test_a_group_is_told_by_the_others_and_scale_does_not_matter():
    x, label, group = made()
    found = leave_one_group_out(x, label, group)
    assert (found == label).mean() > 0.95
    stretched = x * np.logspace(-3, 3, 8) + 5
    assert np.array_equal(leave_one_group_out(stretched, label, group), found)


def test_nothing_is_learned_from_the_group_itself():
    x, _, group = made()
    label = group  # only rows of its own could tell it
    assert (leave_one_group_out(x, label, group) != label).all()


def test_each_fit_equals_one_by_hand():
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    x, label, group = made()
    left = group == 1
    scaler = StandardScaler().fit(x[~left])
    machine = SVC(gamma="auto").fit(scaler.transform(x[~left]), label[~left])
    assert np.array_equal(leave_one_group_out(x, label, group)[left], machine.predict(scaler.transform(x[left])))


def test_one_group_and_holes_are_refused():
    x, label, group = made()
    with pytest.raises(InputError, match="group"):
        leave_one_group_out(x, label, np.zeros(len(x)))
    x[3, 2] = np.nan
    with pytest.raises(InputError, match="1 embeddings"):
        leave_one_group_out(x, label, group)
