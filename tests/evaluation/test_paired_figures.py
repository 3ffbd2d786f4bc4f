"""Figures by draws against the figure of the drawn items themselves, and their intervals."""

import numpy as np
import pytest

from affectus.errors import InputError
from affectus.evaluation.compared import holm
from affectus.evaluation.paired_figures import PairedFigure, mean_of_draws, paired_figures
from affectus.evaluation.replies_bleu import bleu, bleu_of_draws, distinct, distinct_of_draws

REPLIES = ["i am so sorry to hear that", "that is great news for you", "no", "i am so glad to hear that news"]
REFERENCES = ["I am very sorry to hear that", "that is great news for all", "oh no", "I'm so glad to hear it"]
COUNTS = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 3, 0, 1], [0, 0, 4, 0]], float)


def drawn(texts: list[str], counts: np.ndarray) -> list[str]:
    return [text for text, count in zip(texts, counts.astype(int), strict=True) for _ in range(count)]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_bleu_of_draws(n: int) -> None:
    pytest.importorskip("sacrebleu")
    wanted = [bleu(drawn(REPLIES, row), drawn(REFERENCES, row), n=n).value for row in COUNTS]
    assert bleu_of_draws(REPLIES, REFERENCES, n)(COUNTS) == pytest.approx(wanted)


@pytest.mark.parametrize("n", [1, 2])
def test_distinct_of_draws(n: int) -> None:
    pytest.importorskip("nltk")
    wanted = [distinct(drawn(REPLIES, row), n) for row in COUNTS]
    assert distinct_of_draws(REPLIES, n)(COUNTS) == pytest.approx(wanted)
    assert distinct_of_draws(["", ""], n)(COUNTS[:, :2]) == pytest.approx(np.zeros(4))


def test_mean_of_draws_leaves_out_what_is_unknown() -> None:
    found = mean_of_draws([1, np.nan, 3, 5])(np.array([[2, 5, 1, 1], [0, 4, 0, 0]], float))
    assert found[0] == pytest.approx((1 + 1 + 3 + 5) / 4)
    assert np.isnan(found[1])


def test_interval_of_a_share() -> None:
    hits = np.repeat([0.0, 100.0], [300, 100])
    found = paired_figures([PairedFigure("share", {"A": mean_of_draws(hits)})], 400, resamples=4000)
    value = found.values["share"]["A"]
    spread = 100 * np.sqrt(0.25 * 0.75 / 400)
    assert value.value == 25
    assert (value.low, value.high) == pytest.approx((25 - 1.96 * spread, 25 + 1.96 * spread), abs=0.6)


def test_differences_are_paired_and_corrected_together() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(50, 10, 200)
    systems = {"A": base, "B": base + rng.normal(1, 1, 200), "C": base}
    forms = {name: mean_of_draws(row) for name, row in systems.items()}
    gaps = paired_figures([PairedFigure("level", forms)], 200, resamples=1000).gaps["level"]
    assert gaps["B"].high - gaps["B"].low < 0.5  # the spread between items, 10, is not in it
    assert gaps["B"].value == pytest.approx((systems["B"] - base).mean())
    assert gaps["C"].value == gaps["C"].low == gaps["C"].high == 0
    assert gaps["C"].p == 1
    assert [gap.p_holm for gap in gaps.values()] == pytest.approx(holm([gap.p for gap in gaps.values()]))
    assert gaps["B"].p_holm == pytest.approx(2 * gaps["B"].p)


def test_a_share_of_different_words_lies_in_its_interval() -> None:
    pytest.importorskip("nltk")
    replies = [f"w{i} w{i + 1}" for i in range(50)]
    form = {"A": distinct_of_draws(replies, 1)}
    plain, moved = (
        paired_figures([PairedFigure("d", form, centred=c)], 50, resamples=500).values["d"]["A"] for c in (False, True)
    )
    assert plain.high < plain.value  # why the resamples are moved
    assert moved.low < moved.value < moved.high <= 100


def test_too_little_to_draw_from() -> None:
    with pytest.raises(InputError, match="1 items"):
        paired_figures([], 1)
    with pytest.raises(InputError, match="0 resamples"):
        paired_figures([], 5, resamples=0)
