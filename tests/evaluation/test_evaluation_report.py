"""The report shows the figures of the room's own functions, fetches nothing, and runs nothing."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from affectus.errors import InputError, OutputError
from affectus.evaluation import METRICS, bootstrap, macro_f1, pearson
from affectus.evaluation.metrics import per_label
from affectus.evaluation.pictures import MOST_POINTS, confusion, label_bars, reliability_diagram, scatter
from affectus.evaluation.reliability import reliability
from affectus.evaluation.report import MOST_ERRORS, Line, Results, write_report

ATTACK = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'</style></svg>{{7*7}}"
PROTOCOL = {"corpus": "invented", "split": "test"}


class Page(HTMLParser):
    """Text, tags and attributes of a page."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def count(self, tag, **attributes):
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        return sum(t == tag and wanted.items() <= a.items() for t, a in self.tags)


def one_of(n=300, k=4, seed=0, **more):
    rng = np.random.default_rng(seed)
    gold, scores = rng.integers(0, k, n), rng.normal(size=(n, k))
    scores[np.arange(n), gold] += 1.2
    scores = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    labels = ["anger", "joy", "fear", "calm"][:k]
    return Results(reader="r", data="d", kind="one-of", labels=labels, gold=gold, scores=scores, **more)


def any_of(n=300, seed=0, **more):
    rng = np.random.default_rng(seed)
    scores = rng.random((n, 5))
    gold = (rng.random((n, 5)) < scores).astype(int)
    return Results(reader="r", data="d", kind="any-of", labels=list("abcde"), gold=gold, scores=scores, **more)


def level(n=300, seed=0, **more):
    rng = np.random.default_rng(seed)
    gold = rng.uniform(1, 7, (n, 2))
    scores = gold + rng.normal(size=(n, 2))
    return Results(reader="r", data="d", kind="level", labels=["empathy", "distress"], gold=gold, scores=scores, **more)


def profile(n=200, seed=0, **more):
    rng = np.random.default_rng(seed)
    gold, scores = rng.dirichlet(np.ones(3), (2, n))
    return Results(reader="r", data="d", kind="profile", labels=list("abc"), gold=gold, scores=scores, **more)


def made(results, tmp_path, **more):
    return Page(write_report(results, tmp_path / "r.html", protocol=PROTOCOL, resamples=50, **more))


@pytest.mark.parametrize("results", [one_of(), any_of(), level(), profile()], ids=lambda r: r.kind)
def test_a_page_fetches_nothing_and_runs_nothing(results, tmp_path):
    page = made(results, tmp_path)
    assert page.count("script") == 0
    assert not [a for _, a in page.tags if {"src", "href"} & a.keys() and not a.get("href", "").startswith("#")]
    (policy,) = [a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a]
    assert policy.startswith("default-src 'none'")
    for key, value in PROTOCOL.items():
        assert key in page.text
        assert value in page.text


def test_headline_figures_are_those_of_the_metrics(tmp_path):
    results = one_of()
    page = made(results, tmp_path)
    found = bootstrap(macro_f1, results.gold, results.scores.argmax(1), n=50)
    assert f"macro-F1{found.value:.3f}{found.low:.3f} to {found.high:.3f}" in re.sub(r"\n", "", page.text)
    assert f"{METRICS['brier'](results.gold, results.scores):.3f}" in page.text
    given = made(one_of(figures=[Line(title="agreed figure", value=0.4321, n=300)]), tmp_path)
    assert "0.432" in given.text
    assert "Brier" not in given.text


def test_each_kind_has_its_pictures(tmp_path):
    first, second = made(one_of(), tmp_path), made(any_of(), tmp_path)
    assert first.count("svg", class_="confusion") == 1
    assert second.count("svg", class_="confusion") == 0
    for page in (first, second):
        assert page.count("svg", class_="labels") == 1
        assert page.count("svg", aria_label="Reliability") == 0  # attributes keep their hyphen
        assert page.count("svg", **{"aria-label": "Reliability"}) == 1
        assert page.count("svg", **{"aria-label": "Risk against coverage"}) == 1
    levels = made(level(margin=[2.0, 2.0], coverage=0.9), tmp_path)
    assert levels.count("polyline", class_="band") == 4
    assert f"Pearson's r {pearson(*(a[:, 1] for a in (level().gold, level().scores))):.3f}" in levels.text
    assert "aimed at 90 %" in levels.text
    assert made(profile(), tmp_path).count("svg", class_="plot-picture") == 3


def test_sets_are_counted(tmp_path):
    results = one_of(sets=np.tile([True, True, False, False], (300, 1)), coverage=0.9)
    page = made(results, tmp_path)
    share = (results.gold < 2).mean()
    assert f"in the set for {100 * share:.1f} % of the items (aimed at 90 %)" in page.text
    assert "holds 2.0 labels on average" in page.text


def test_subgroups_are_compared_and_small_ones_flagged(tmp_path):
    column = ["female"] * 150 + ["male"] * 130 + [None] * 20
    page = made(one_of(columns={"sex": column}), tmp_path)
    assert "accuracy by sex" in page.text
    assert page.text.count("few items") == 1
    assert "not given" in page.text
    assert page.count("svg", class_="forest") == 3


def test_errors_are_the_most_confident_ones(tmp_path):
    results = one_of(ids=[f"item-{i}" for i in range(300)])
    page = made(results, tmp_path)
    top = results.scores.argmax(1)
    sure = np.where(top == results.gold, -1, results.scores.max(1))
    order = np.argsort(-sure)[:MOST_ERRORS]
    assert re.findall(r"item-\d+", page.text) == [f"item-{i}" for i in order]
    levels = made(level(ids=[f"item-{i}" for i in range(300)]), tmp_path)
    gaps = np.abs(level().gold - level().scores).max(1)
    assert re.findall(r"item-\d+", levels.text)[0] == f"item-{gaps.argmax()}"
    right = Results(reader="r", data="d", kind="one-of", labels=["a", "b"], gold=[0, 1], scores=np.eye(2))
    assert "There are none." in made(right, tmp_path).text


def test_texts_are_shown_only_where_the_corpus_may_be(tmp_path):
    texts = [f"secret number {i}" for i in range(300)]
    hidden = made(one_of(texts=texts), tmp_path)
    assert "secret" not in hidden.text
    assert "terms of the corpus" in hidden.text
    assert made(one_of(texts=texts, may_show=True), tmp_path).text.count("secret") == MOST_ERRORS
    long = made(any_of(texts=["word " * 500] * 300, may_show=True), tmp_path)
    assert "…" in long.text


def test_nothing_in_a_name_or_text_can_run(tmp_path):
    results = one_of(
        texts=[ATTACK] * 300, may_show=True, ids=[ATTACK + str(i) for i in range(300)],
        columns={ATTACK: [ATTACK] * 300}, limits=[ATTACK],
    )  # fmt: skip
    object.__setattr__(results, "labels", [ATTACK + str(i) for i in range(4)])
    object.__setattr__(results, "reader", ATTACK)
    page = made(results, tmp_path)
    assert page.count("script") == 0
    assert page.count("img") == 0
    assert "{{7*7}}" in page.text


def test_pictures_hold_the_numbers():
    counts = np.array([[3, 1], [0, 0]])
    assert "anger read as joy: 1 of 4 (25%)" in confusion(counts, ["anger", "joy"])
    bars = label_bars(per_label([0, 0, 1], [0, 1, 1], classes=range(3)), ["a", "b", "never"])
    assert "a: F1 0.667, precision 1.000, recall 0.500" in bars
    assert bars.count('class="recall"') == 2  # a label without items has none
    wide = confusion(np.eye(30, dtype=int), [f"label {i}" for i in range(30)])
    assert "cell-number" not in wide
    points = np.linspace(0, 1, 3 * MOST_POINTS)
    assert scatter(points, points, "x").count("point-mark") == MOST_POINTS
    assert scatter(np.ones(3), np.ones(3), "x").count("point-mark") == 3
    assert "1 items" not in reliability_diagram(reliability([[0.9, 0.1]] * 2, np.array([0, 1])))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "scale"},
        {"gold": np.zeros((300, 4), int)},
        {"scores": np.ones((300, 3))},
        {"ids": ["a"]},
        {"columns": {"sex": ["f"]}},
        {"scores": np.full((300, 4), np.nan)},
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(change):
    good = one_of()
    values = {name: getattr(good, name) for name in ("reader", "data", "kind", "labels", "gold", "scores")}
    with pytest.raises(InputError):
        Results(**values | change)


def test_a_place_that_can_not_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError):
        write_report(one_of(n=60), tmp_path / "file" / "r.html", protocol={}, resamples=10)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
