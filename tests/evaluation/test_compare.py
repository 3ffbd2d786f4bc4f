"""Readers on the same items: paired, corrected, and refused when they can't be compared."""

import json
from pathlib import Path

import numpy as np
import pytest
from scripted_readers import Scripted, tweets

from affectus.corpora.base import Loaded, load_corpus
from affectus.errors import InputError, UnknownName
from affectus.evaluation import paired_bootstrap
from affectus.evaluation.compare import compare
from affectus.evaluation.metrics import accuracy
from affectus.evaluation.results import Result
from affectus.readout import Readout
from affectus.taxonomy import scale
from affectus.timeline import Timeline

SCALE = "tweeteval-emotion-4"
LABELS = scale(SCALE).labels


class Noisy(Scripted):
    """Says another label on some rows, always the same ones."""

    def __init__(self, name: str, share: float, seed: int) -> None:
        super().__init__(name, SCALE)
        self.share, self.seed = share, seed

    def read(self, items) -> Timeline:
        timeline = super().read(items)
        rng = np.random.default_rng(self.seed)
        wrong = rng.random(len(timeline)) < self.share
        scores = timeline.scores(SCALE).copy()
        scores[wrong] = np.roll(scores[wrong], 1, axis=1)
        return timeline.set_scores(scale(SCALE), scores, [["joy"]] * len(scores))


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    rng = np.random.default_rng(0)
    return load_corpus("tweeteval-emotion", tweets(tmp_path / "c", [(g, g) for g in rng.choice(LABELS, 60)]))


def test_a_reader_against_itself_differs_by_nothing(loaded: Loaded) -> None:
    reader = Noisy("one", 0.3, 1)
    found = compare({"one": reader, "again": reader}, loaded, resamples=200)
    for gaps in found.gaps.values():
        gap = gaps["again"]
        assert (gap.value, gap.low, gap.high, gap.p, gap.p_holm) == (0, 0, 0, 1, 1)


def test_differences_are_paired_and_corrected(loaded: Loaded, tmp_path: Path) -> None:
    readers = {"good": Noisy("good", 0.1, 1), "bad": Noisy("bad", 0.6, 2), "middle": Noisy("middle", 0.3, 3)}
    found = compare(readers, loaded, against="best", resamples=300)
    assert found.against == "good"
    assert [r.name for r in found.results] == ["good", "bad", "middle"]
    gold = np.array([LABELS.index(str(s.text)) for s in loaded["test"]])
    said = {name: r.read(loaded["test"]).scores(SCALE).argmax(1) for name, r in readers.items()}
    plain = paired_bootstrap(accuracy, gold, said["bad"], said["good"], n=300)
    gap = found.gaps["accuracy"]["bad"]
    assert gap.value == pytest.approx(plain.value)
    assert (gap.low, gap.high, gap.p) == pytest.approx((plain.low, plain.high, plain.p))
    assert gap.p_holm == pytest.approx(2 * gap.p)
    assert found.gaps["accuracy"]["middle"].p_holm >= found.gaps["accuracy"]["middle"].p
    found.save(tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"comparison.md", "comparison.json", "comparison.png"}
    page = (tmp_path / "out" / "comparison.md").read_text()
    assert "tweeteval-emotion/official" in page
    assert page.count("| bad |") == 1
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["protocol"]["name"] == "official"


def test_all_readers_have_to_serve_the_protocol(loaded: Loaded) -> None:
    own, leia = Scripted("own", SCALE), Scripted("leia", "leia-5")
    found = compare({"own": own, "leia": leia}, loaded, resamples=20)
    assert found.protocol.name == "leia-strict"  # the first that both can serve
    with pytest.raises(InputError, match=r"leia can't be measured by 'tweeteval-emotion/official'.*allowed: leia-str"):
        compare({"own": own, "leia": leia}, loaded, protocol="official")
    with pytest.raises(UnknownName, match="did you mean 'official'"):
        compare({"own": own, "leia": leia}, loaded, protocol="officiall")
    levels = Scripted("levels", "leia-5")
    levels.readouts = (Readout("valence", "perceived"),)
    with pytest.raises(InputError, match=r"no protocol .* in common: own reads .*; levels reads valence"):
        compare({"own": own, "levels": levels}, loaded)
    with pytest.raises(InputError, match="1 reader"):
        compare({"own": own}, loaded)


def test_runs_of_one_system_are_compared_by_their_mean(loaded: Loaded) -> None:
    runs = [Noisy("run", share, seed) for share, seed in ((0.1, 1), (0.4, 2), (0.2, 3))]
    found = compare({"runs": runs, "single": Noisy("single", 0.6, 4)}, loaded, resamples=300)
    alone = compare({str(i): run for i, run in enumerate(runs)}, loaded, resamples=300)
    each = tuple(result.metrics["accuracy"].value for result in alone.results)
    value = found.results[0].metrics["accuracy"]
    assert found.results[0].runs["accuracy"] == each
    assert value.value == pytest.approx(np.mean(each))
    assert value.low < value.value < value.high
    single = found.results[1].metrics["accuracy"].value
    assert found.gaps["accuracy"]["single"].value == pytest.approx(single - np.mean(each))
    assert "3 runs, " in found.markdown()
    assert Result.from_dict(json.loads(json.dumps(found.results[0].to_dict()))) == found.results[0]


def test_identical_runs_give_the_interval_of_one(loaded: Loaded) -> None:
    reader, other = Noisy("one", 0.3, 1), Noisy("other", 0.5, 2)
    together = compare({"one": [reader, reader], "other": other}, loaded, resamples=200)
    alone = compare({"one": reader, "other": other}, loaded, resamples=200)
    for key, value in alone.results[0].metrics.items():
        assert together.results[0].metrics[key] == value
    assert together.gaps == alone.gaps


def test_no_runs_are_no_reader(loaded: Loaded) -> None:
    with pytest.raises(InputError, match="none has 0 runs"):
        compare({"none": [], "one": Noisy("one", 0.3, 1)}, loaded)
