from pathlib import Path

import numpy as np
import pytest
from scripted_readers import Scripted, tweets

from affectus.corpora.base import Corpus, Loaded, load_corpus, with_gold
from affectus.errors import UnknownName
from affectus.evaluation.evaluate import evaluate
from affectus.evaluation.showing import report, results_of
from affectus.sample import Sample
from affectus.taxonomy import Target, scale

ROWS = [("joy", "joy"), ("anger", "anger"), ("sadness", "anger"), ("no label", "joy"), ("optimism", "optimism")]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return load_corpus("tweeteval-emotion", tweets(tmp_path / "tweets", ROWS))


def test_rows_and_answers_are_those_that_were_measured(loaded: Loaded) -> None:
    reader = Scripted("toy", "tweeteval-emotion-4")
    found = evaluate(reader, loaded, resamples=20)
    shown = results_of(found, loaded, reader, {})
    of = scale("tweeteval-emotion-4")
    assert shown.kind == "one-of"
    assert shown.gold.tolist() == [of.index(g) for text, g in ROWS if text != "no label"]
    assert shown.answers.tolist() == [of.index(text) for text, _ in ROWS if text != "no label"]
    assert [line.value for line in shown.figures] == [v.value for v in found.result.metrics.values()]
    assert any("1 items without an answer" in limit for limit in shown.limits)
    assert not shown.may_show


def test_answers_outside_the_reach_of_gold_are_not_shown_as_answers(loaded: Loaded) -> None:
    reader = Scripted("toy", "leia-5")
    found = evaluate(reader, loaded, protocol="leia-strict-present", resamples=0)
    shown = results_of(found, loaded, reader, {})
    assert shown.answers.tolist() == found.answers.values[found.answers.values.any(1)].argmax(1).tolist()


def test_the_page_is_written_with_its_subgroups(loaded: Loaded, tmp_path: Path) -> None:
    reader = Scripted("toy", "tweeteval-emotion-4")
    found = evaluate(reader, loaded, resamples=20)
    page = report(found, loaded, reader, tmp_path / "r.html", by=["language"]).read_text(encoding="utf-8")
    for part in ("tweeteval-emotion/official", found.result.protocol.source, "accuracy by language", "macro-F1"):
        assert part in page
    assert "terms of the corpus do not allow" in page
    with pytest.raises(UnknownName, match="language"):
        report(found, loaded, reader, tmp_path / "r.html", by=["sex"])


def test_several_labels_and_levels(tmp_path: Path) -> None:
    names = scale("goemotions-28").labels
    rng = np.random.default_rng(0)
    gold = (rng.random((40, 28)) < 0.1).astype(np.float32)
    texts = [",".join(n for n, m in zip(names, row, strict=True) if m and rng.random() < 0.7) for row in gold]
    samples = [Sample(id=str(i), source="made", text=text or names[0]) for i, text in enumerate(texts)]
    levels = rng.uniform(-1, 1, (40, 2)).astype(np.float32)
    samples = with_gold(
        samples, {"goemotions-28": gold, "valence-arousal": levels}, perspective="perceived", by="test", modality="text"
    )
    targets = (Target("goemotions-28", "perceived"), Target("valence-arousal", "perceived"))
    made = Corpus(
        name="made", title="Made", modality="text", targets=targets, language="en", licence="none", ship=True,
        consent="none", citation="none", perspective_source="made", group="none",
    )  # fmt: skip
    loaded = Loaded(made, {"test": samples})
    reader = Scripted("toy", "goemotions-28")
    found = evaluate(reader, loaded, resamples=20)
    shown = results_of(found, loaded, reader, {})
    assert shown.kind == "any-of"
    assert np.array_equal(shown.answers, found.answers.values.astype(int))
    assert shown.may_show
    reader = Scripted("toy", "valence-arousal")
    reader.read = lambda items: _levels(reader, items)
    found = evaluate(reader, loaded, resamples=0)
    shown = results_of(found, loaded, reader, {})
    assert shown.kind == "level"
    assert "Largest errors" in report(found, loaded, reader, tmp_path / "r.html").read_text(encoding="utf-8")


def _levels(reader, items):
    from affectus.readout import read_out

    logits = np.random.default_rng(1).uniform(-1, 1, (len(items), 2))
    spans = [item.span for item in items]
    return read_out(spans, {"valence-arousal": logits}, reader.readouts, by="toy", modality="text")
