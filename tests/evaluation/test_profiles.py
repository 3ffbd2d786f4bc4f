import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import distance
from scipy.stats import entropy, wasserstein_distance

from affectus.errors import InputError
from affectus.evaluation import (
    acc_at_1,
    ap_document,
    ap_emotion,
    cosine,
    document_correlations,
    emotion_correlations,
    jensen_shannon,
    kullback_leibler,
    rmse,
    wasserstein_ordered,
    wasserstein_values,
)

SEEDS = st.integers(0, 10**6)


def profiles(seed, n=None, k=5):
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(1, 20))
    gold = rng.multinomial(6, np.ones(k) / k, n) / 6  # ties and zeros, as votes have
    return gold, rng.dirichlet(np.ones(k), n)


def published_ap(x, y):
    """One correlation as the published code computes it: sums over (count − 1) times two population deviations."""
    below = (len(x) - 1) * np.std(x) * np.std(y)
    return ((x - x.mean()) * (y - y.mean())).sum() / below if below else 0.0


@given(SEEDS)
@settings(deadline=None)
def test_profile_figures_equal_slow_references(seed):
    gold, p = profiles(seed)
    rows = list(zip(gold, p, strict=True))
    assert rmse(gold, p) == pytest.approx(np.sqrt(np.mean((gold - p) ** 2)))
    assert wasserstein_values(gold, p) == pytest.approx(np.mean([wasserstein_distance(b, a) for a, b in rows]))
    steps = np.arange(5)
    ordered = [wasserstein_distance(steps, steps, a, b) for a, b in rows]
    assert wasserstein_ordered(gold, p) == pytest.approx(np.mean(ordered))
    top = [int(np.argmax(b) == np.argsort(-a, kind="stable")[0]) for a, b in rows]
    assert acc_at_1(gold, p) == pytest.approx(np.mean(top))
    assert cosine(gold, p) == pytest.approx(np.mean([1 - distance.cosine(a, b) for a, b in rows]))
    assert kullback_leibler(gold, p) == pytest.approx(np.mean([entropy(a, b) for a, b in rows]))
    divergence = [distance.jensenshannon(a, b, base=2) ** 2 for a, b in rows]
    assert jensen_shannon(gold, p) == pytest.approx(np.mean(divergence))


@given(SEEDS)
@settings(deadline=None)
def test_correlations_in_both_forms(seed):
    gold, p = profiles(seed, n=int(seed % 7) + 2)
    by_document = [published_ap(a, b) for a, b in zip(gold, p, strict=True)]
    official = document_correlations(gold, p, "official")
    assert official.each == pytest.approx(by_document)
    assert official.mean == pytest.approx(np.mean(by_document))
    assert official.variance == pytest.approx(np.var(by_document))
    assert official.each == pytest.approx(1.25 * document_correlations(gold, p).each)
    by_emotion = [published_ap(a, b) for a, b in zip(gold.T, p.T, strict=True)]
    assert emotion_correlations(gold, p, "official").each == pytest.approx(by_emotion)
    n = len(gold)
    assert ap_emotion(gold, p, "official") == pytest.approx(n / (n - 1) * ap_emotion(gold, p))
    defined = np.flatnonzero(np.ptp(gold, 1) > 0)
    each = document_correlations(gold, p).each
    assert each[defined] == pytest.approx([np.corrcoef(gold[i], p[i])[0, 1] for i in defined])


def test_identical_profiles_are_perfect():
    gold, _ = profiles(3, 40)
    gold = gold[np.ptp(gold, 1) > 0]
    assert rmse(gold, gold) == wasserstein_values(gold, gold) == wasserstein_ordered(gold, gold) == 0
    assert acc_at_1(gold, gold) == 1
    assert ap_document(gold, gold) == pytest.approx(1)
    assert ap_document(gold, gold, "official") == pytest.approx(1.25)
    assert kullback_leibler(gold, gold) == 0
    assert jensen_shannon(gold, gold) == pytest.approx(0, abs=1e-12)


def test_constant_profiles_count_zero_and_ties_take_the_first_label():
    flat, peaked = np.full((2, 3), 1 / 3), np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]])
    assert ap_document(flat, peaked) == 0
    assert document_correlations(np.array([[0.1, 0.1, 0.1]]), peaked[:1]).each[0] == 0
    assert ap_emotion(flat, peaked) == 0
    assert acc_at_1(flat, peaked) == 0.5  # the first of three equals is label 0


def test_what_the_two_wasserstein_figures_see():
    gold, swapped = np.array([[1.0, 0, 0, 0]]), np.array([[0.0, 0, 0, 1]])
    assert wasserstein_values(gold, swapped) == 0
    assert wasserstein_ordered(gold, swapped) == 3
    assert jensen_shannon(gold, swapped) == pytest.approx(1)
    assert kullback_leibler(gold, swapped) == np.inf


def test_a_zero_row_has_no_direction():
    assert cosine(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.5, 0.5], [1.0, 0.0]])) == 0.5


@pytest.mark.parametrize(
    "call",
    [
        lambda: acc_at_1(np.ones(3), np.ones(3)),
        lambda: acc_at_1(np.ones((2, 3)), np.ones((2, 4))),
        lambda: wasserstein_values(np.empty((0, 3)), np.empty((0, 3))),
        lambda: kullback_leibler([[0.5, 0.2]], [[0.5, 0.5]]),
        lambda: jensen_shannon([[1.2, -0.2]], [[0.5, 0.5]]),
        lambda: cosine([[np.nan, 1]], [[0.5, 0.5]]),
        lambda: ap_document([[0.5, 0.5]], [[0.5, 0.5]], "sample"),
    ],
)
def test_unfit_profiles_are_refused(call):
    with pytest.raises(InputError):
        call()
