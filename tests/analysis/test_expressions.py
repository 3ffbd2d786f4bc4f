from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, fisher_exact

from affectus.analysis import contrast, plot_contrast
from affectus.analysis.expressions import benjamini_hochberg, fisher, log_odds
from affectus.errors import InputError

WORDS = [f"w{i}" for i in range(200)]
MARKER = "no big deal"


def chatter(n: int, rng: np.random.Generator, share: float = 0.0) -> list[str]:
    """Random posts with Zipf-like words; a share of them holds the marker expression."""
    p = 1 / np.arange(1, len(WORDS) + 1)
    posts = []
    for _ in range(n):
        words = list(rng.choice(WORDS, rng.integers(5, 20), p=p / p.sum()))
        if rng.random() < share:
            words.insert(int(rng.integers(len(words))), MARKER)
        posts.append(" ".join(words))
    return posts


def test_a_marker_expression_ranks_first() -> None:
    rng = np.random.default_rng(0)
    table = contrast(chatter(300, rng, 0.30), chatter(2000, rng, 0.02))
    first = table[table["z"] == table["z"].max()]["expression"].tolist()
    assert MARKER in table["expression"].head(6).tolist(), "only its parts may stand beside it"
    assert set(table["expression"].head(5)) <= {" ".join(MARKER.split()[i:j]) for i, j in combinations(range(4), 2)}
    assert first, table.head()
    row = table[table["expression"] == MARKER].iloc[0]
    assert row["significant"]
    assert 0.2 < row["share_a"] < 0.4
    assert row["share_b"] < 0.05
    assert row["low"] > 0
    assert len(row["examples"]) == 3
    assert all(MARKER in text for text in row["examples"])
    ordinary = table[table["significant"] & ~table["expression"].str.contains("no|big|deal")]
    assert len(ordinary) <= 2, ordinary


def test_a_one_word_marker_ranks_first_of_all() -> None:
    rng = np.random.default_rng(1)
    a, b = (
        [text.replace(MARKER, "whatever") for text in chatter(n, rng, share)] for n, share in ((300, 0.3), (2000, 0.02))
    )
    assert contrast(a, b)["expression"][0] == "whatever"
    assert contrast(b, a)["expression"].iloc[-1] == "whatever"


def test_shuffled_labels_give_nothing() -> None:
    rng = np.random.default_rng(2)
    posts = np.array(chatter(1000, rng, 0.1))
    for _ in range(5):
        rng.shuffle(posts)
        assert not contrast(posts[:300], posts[300:], examples=0)["significant"].any()


@pytest.mark.slow
def test_false_discoveries_over_many_shuffles() -> None:
    """With no difference at all, the expected share of false discoveries is that of shuffles with any at all."""
    rng = np.random.default_rng(3)
    posts = np.array(chatter(600, rng, 0.1))
    found = 0
    for _ in range(200):
        rng.shuffle(posts)
        found += contrast(posts[:200], posts[200:], ngrams=(1, 2), examples=0)["significant"].any()
    assert found / 200 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_counts_against_a_slow_count() -> None:
    rng = np.random.default_rng(4)
    a, b = chatter(60, rng, 0.3), chatter(90, rng, 0.1)
    table = contrast(a, b, min_count=3).set_index("expression")

    def grams(text: str) -> list[str]:
        words = text.split()
        return [" ".join(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words) - n + 1)]

    held = [[set(grams(text)) for text in side] for side in (a, b)]
    counts = {g: tuple(sum(g in text for text in side) for side in held) for g in set().union(*held[0], *held[1])}
    assert set(table.index) == {g for g, (x, y) in counts.items() if x + y >= 3}
    for gram, row in table.iterrows():
        assert (row["texts_a"], row["texts_b"]) == counts[gram]
    gram = MARKER.split()[1]
    times = [sum(grams(t).count(gram) for t in side) for side in (a, b)]
    words = [sum(len(t.split()) for t in side) for side in (a, b)]
    weight = 500 * sum(times) / sum(words)
    odds = [np.log((t + weight) / (n + 500 - t - weight)) for t, n in zip(times, words, strict=True)]
    assert table.loc[gram, "log_odds"] == pytest.approx(odds[0] - odds[1])
    assert table.loc[gram, "z"] == pytest.approx((odds[0] - odds[1]) / np.sqrt(sum(1 / (t + weight) for t in times)))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_fisher_is_that_of_scipy(n_a: int, n_b: int, data: st.DataObject) -> None:
    a, b = (data.draw(st.lists(st.integers(0, n), min_size=6, max_size=6)) for n in (n_a, n_b))
    wanted = [fisher_exact([[x, y], [n_a - x, n_b - y]]).pvalue for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(fisher(np.array(a), np.array(b), n_a, n_b), wanted, rtol=1e-6)


def test_benjamini_hochberg_is_that_of_scipy() -> None:
    p = np.random.default_rng(5).random(50) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p))
    assert len(benjamini_hochberg(np.array([]))) == 0


def test_the_prior_draws_rare_expressions_in() -> None:
    times = (np.array([5, 500]), np.array([0, 250]))
    weak, strong = (log_odds(*times, 10_000, 10_000, prior)[0] for prior in (10, 5000))
    assert (abs(strong) < abs(weak)).all()
    assert strong[0] / weak[0] < strong[1] / weak[1]


def test_expressions_do_not_cross_texts() -> None:
    table = contrast(["one two", "three four"] * 5, ["five"] * 5, min_count=1)
    assert "two three" not in set(table["expression"])
    assert "one two" in set(table["expression"])


def test_own_tokenizer_and_the_least_texts() -> None:
    table = contrast(["a-b"] * 3, ["b-c"] * 3, tokenize=lambda text: text.split("-"), ngrams=(1, 1), min_count=4)
    assert table["expression"].tolist() == ["b"]
    assert (table["texts_a"][0], table["texts_b"][0]) == (3, 3)
    assert contrast(["x"] * 3, ["x"] * 4, min_count=1)["log_odds"].abs().max() < 1


def test_nothing_in_common_gives_an_empty_table() -> None:
    table = contrast(["a", "b"], ["c", ""], min_count=5)
    assert len(table) == 0
    assert "q" in table
    with pytest.raises(InputError, match="none of 0 expressions"):
        plot_contrast(table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ngrams": (0, 2)}, "ngrams is"),
        ({"ngrams": (3, 2)}, "ngrams is"),
        ({"alpha": 0}, "alpha 0"),
        ({"min_count": 0}, "min_count is 0"),
        ({"tokenize": "klingon"}, "segment is 'klingon'"),
        ({"parts": ["noun"]}, "parts of speech"),
    ],
)
def test_options_out_of_range(options, message) -> None:
    with pytest.raises(InputError, match=message):
        contrast(["a"], ["b"], **options)
    with pytest.raises(InputError, match="0 texts on one side"):
        contrast([], ["b"])


def test_picture(tmp_path) -> None:
    rng = np.random.default_rng(6)
    table = contrast(chatter(300, rng, 0.3), chatter(600, rng, 0.02))
    drawn = plot_contrast(table, tmp_path / "bars.html", names=("hidden", "open"))
    assert MARKER in list(drawn.data[0].y)
    assert "more in hidden" in (tmp_path / "bars.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="no HTML file"):
        plot_contrast(table, tmp_path / "bars.png")
