import numpy as np
import pytest

from affectus.errors import InputError
from affectus.evaluation import accuracy, holm, macro_f1, pearson, subgroups


def readers(seed, n=600, worse=0.0):
    """Gold, a prediction that is worse for the second of three groups, and the groups."""
    rng = np.random.default_rng(seed)
    gold, names = rng.integers(0, 3, n), rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    right = rng.random(n) < np.where(names == "b", 0.8 - worse, 0.8)
    return gold, np.where(right, gold, (gold + 1) % 3), names


def test_figures_and_gaps_are_those_of_the_parts():
    gold, predicted, names = readers(0, worse=0.4)
    found = subgroups(macro_f1, names, gold, predicted, n=300)
    assert [g.name for g in found] == ["a", "b", "c"]
    for group in found:
        inside = names == group.name
        ours, theirs = macro_f1(gold[inside], predicted[inside]), macro_f1(gold[~inside], predicted[~inside])
        assert group.n == inside.sum()
        assert group.figure.value == pytest.approx(ours)
        assert group.gap.value == pytest.approx(ours - theirs)
        assert group.figure.low < ours < group.figure.high
    assert found[1].gap.high < 0
    assert found[1].corrected < 0.05
    assert [g.corrected for g in found] == pytest.approx(holm([g.gap.p for g in found]))


def test_the_weighted_form_is_the_plain_one():
    gold, predicted, names = readers(1, 120)
    clusters = np.arange(120) // 4

    def plain(a, b):
        return macro_f1(a, b)

    for groups in (None, clusters):
        fast = subgroups(macro_f1, names, gold, predicted, n=100, groups=groups)
        slow = subgroups(plain, names, gold, predicted, n=100, groups=groups)
        for a, b in zip(fast, slow, strict=True):
            assert (a.figure.low, a.figure.high, a.gap.p) == pytest.approx((b.figure.low, b.figure.high, b.gap.p))


def test_no_difference_is_rarely_called_one():
    called = 0
    for seed in range(40):
        gold, predicted, names = readers(seed, 200)
        called += min(g.corrected for g in subgroups(accuracy, names, gold, predicted, n=200, small=0)) < 0.1
    assert called <= 9


def test_two_subgroups_are_one_comparison_and_one_has_no_rest():
    gold, predicted, names = readers(2)
    two = subgroups(accuracy, np.where(names == "a", "a", "other"), gold, predicted, n=200)
    assert two[0].gap.value == pytest.approx(-two[1].gap.value)
    assert [g.corrected for g in two] == [g.gap.p for g in two]
    (one,) = subgroups(accuracy, ["a"] * 600, gold, predicted, n=50)
    assert one.gap is None
    assert one.corrected is None


def test_small_and_unnamed_groups_are_kept_apart():
    gold, predicted, names = readers(3)
    column = [None if i < 60 else "" if i < 70 else "rare" if i < 75 else name for i, name in enumerate(names)]
    found = {g.name: g for g in subgroups(accuracy, column, gold, predicted, n=100)}
    assert found["not given"].n == 70
    assert found["rare"].small
    assert found["rare"].corrected is None
    assert sum(g.n for g in found.values()) == 600


def test_an_undefined_figure_is_left_out_not_invented():
    rng = np.random.default_rng(4)
    gold, predicted = rng.normal(size=(2, 100))
    gold[:60] = 1.0
    found = {g.name: g for g in subgroups(pearson, ["flat"] * 60 + ["other"] * 40, gold, predicted, n=50)}
    assert found["flat"].figure is None
    assert found["flat"].gap is None
    assert found["other"].figure is not None
    assert found["other"].gap is None


def test_lengths_must_agree():
    with pytest.raises(InputError, match="rows"):
        subgroups(accuracy, ["a"], [0, 1], [0, 1])
