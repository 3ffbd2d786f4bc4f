"""Words alone: valence that follows the text is found, and none is found where there is none."""

import importlib
import sys

import numpy as np
import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
from voices import RATE, Pitched, tone

from affectus.errors import InputError, MissingDependency
from affectus.evaluation.probes import linguistic
from affectus.evaluation.probes.linguistic import measures, sentences
from affectus.frontends.speech import synthetic


def test_frames_differ_in_sentiment_and_little_else():
    frames, source = sentences()
    assert len(frames) == 30
    assert "Apache-2.0" in source
    assert len({text for frame in frames for text in frame}) == 90
    judge = SentimentIntensityAnalyzer().polarity_scores
    rated = np.array([[judge(text)["compound"] for text in frame] for frame in frames])
    assert (rated[:, 2] > rated[:, 0]).mean() > 0.85
    assert np.abs(rated[:, 1]).mean() < 0.15
    for frame in frames:
        words = [set(text.strip(".").split()) for text in frame]
        assert len(set.intersection(*words)) >= 2


def test_measures_find_what_was_put_in():
    rng = np.random.default_rng(0)
    manner = rng.normal(0, 0.3, (200, 1)) + rng.normal(0, 0.1, (200, 3))
    none = measures(manner, resamples=200)
    assert none["correlation"].low < 0 < none["correlation"].high
    assert none["contrast"].low < 0 < none["contrast"].high
    assert none["share"].value < 0.03
    much = measures(manner + np.array([-0.2, 0.0, 0.2]), resamples=200)
    assert much["contrast"].value == pytest.approx(0.4, abs=0.03)
    assert much["ordered"].value > 0.95
    assert much["share"].value == pytest.approx(0.08 / (0.08 + 0.02), abs=0.03)
    left_out = measures(np.vstack([manner, [[np.nan, 0, 0]]]), resamples=0)
    assert left_out["contrast"].value == none["contrast"].value


def talking(monkeypatch, pick):
    module = importlib.import_module("affectus.evaluation.probes.linguistic")
    monkeypatch.setattr(module, "voice", lambda engine: (pick, "a test voice"))


def test_a_reader_that_hears_words_is_found_out(monkeypatch):
    good = {frame[2] for frame in sentences()[0]}
    talking(monkeypatch, lambda text: tone("happiness" if text in good else "sadness"))
    found = linguistic(Pitched(), resamples=100)
    assert found.values["spoken"]["ordered"]["value"] == 1
    assert found.values["spoken"]["correlation"]["value"] > 0.8
    assert found.values["reversed"]["correlation"]["value"] > 0.8  # the test voice colours its sound: no words needed
    assert "labels of emodb-4" in found.told["valence"]


def test_a_level_voice_leaves_nothing(monkeypatch):
    talking(monkeypatch, lambda text: tone("neutral", 0.3 + len(text) / 200))
    found = linguistic(Pitched(), resamples=0)
    assert abs(found.values["spoken"]["contrast"]["value"]) < 0.02


def test_without_a_voice_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hibari", None)
    monkeypatch.setattr(synthetic.shutil, "which", lambda name: None)
    with pytest.raises(MissingDependency, match=r"affectus\[voice-out\]"):
        linguistic(Pitched())
    with pytest.raises(MissingDependency, match="'flite' is not on the path"):
        linguistic(Pitched(), engine="flite")
    with pytest.raises(InputError, match="espeak"):
        linguistic(Pitched(), engine="espeak")


def test_the_packaged_voice_says_the_same_twice():
    pytest.importorskip("hibari")
    speak, name = synthetic.voice()
    first, again = speak("The food was delicious."), speak("The food was delicious.")
    assert name == "hibari"
    assert np.array_equal(first, again)
    assert 0.5 < len(first) / RATE < 4
    assert 0.01 < np.abs(first).max() <= 1
