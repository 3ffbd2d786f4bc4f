"""VADER through the registry gives what the authors' package gives."""

import numpy as np
import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from affectus import load
from affectus.registry import weightless

TEXTS = [
    "This is great!",
    "This is NOT great.",
    "The meeting is at ten.",
    "I hate waiting, but the food was lovely :)",
    "Awful. Just awful.",
    "okay",
]


def test_it_is_read_with_under_its_own_name_and_equals_the_package() -> None:
    assert weightless("vader")
    assert weightless("vader/lexicon")
    assert not weightless("text-classifier")
    assert not weightless("affectus/vader")
    reader = load("vader")
    assert (reader.name, reader.variant) == ("vader", "vader/lexicon")
    timeline = reader.read(TEXTS)
    compound = [SentimentIntensityAnalyzer().polarity_scores(text)["compound"] for text in TEXTS]
    np.testing.assert_allclose(timeline.scores("valence")[:, 0], compound, atol=1e-6)
    expected = ["positive" if c >= 0.05 else "negative" if c <= -0.05 else "neutral" for c in compound]
    assert [labels[0] for labels in timeline.column("polarity-3.labels")] == expected
    assert {"positive", "negative", "neutral"} == set(expected)


def test_evidence_is_words_of_the_lexicon_and_emptiness_a_flag() -> None:
    great, empty = load("vader/lexicon").read(["a great day", " "])
    assert [e.text for e in great.evidence] == ["great"]
    assert great.evidence[0].weight == pytest.approx(3.1)
    assert list(empty.flags) == ["empty"]
    assert "valence" not in empty.scores or empty.scores["valence"] is None
