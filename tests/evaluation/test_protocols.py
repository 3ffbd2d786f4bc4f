"""Protocols are data: they read back, fit the corpora, and are chosen by a rule."""

import json
from dataclasses import replace

import pytest

from affectus.corpora.base import corpus, known_corpora
from affectus.errors import ConfigError, InputError, UnknownName
from affectus.evaluation.protocols import OWN, Protocol, Reads, across, choose, known_protocols, protocol
from affectus.taxonomy import Target, scale, scale_map

ALL = known_protocols()
BY_RULE = {"hidden-2"}  # gold that the rule of a detector makes of the corpus's own


@pytest.mark.parametrize("of", ALL, ids=lambda p: p.title)
def test_a_protocol_reads_back_and_fits_its_corpus(of: Protocol) -> None:
    assert Protocol.from_dict(json.loads(json.dumps(of.to_dict()))) == of
    assert of.corpus in known_corpora()
    described = corpus(of.corpus)
    gold = [name for name in ([of.gold] if of.gold else of.scales) if name not in BY_RULE]
    assert {(name, of.perspective) for name in gold} <= {(t.scale, t.perspective) for t in described.targets}
    if of.gold:
        assert scale_map(of.gold, of.scales[0]).covered()
    kinds = {scale(name).kind for name in of.scales}
    assert (kinds == {"level"}) == (of.compare == "levels")
    assert len(of.source) > 15
    assert of.sentence.startswith("split")


def test_names_are_unique() -> None:
    assert len({p.title for p in ALL}) == len(ALL)


def test_an_unknown_key_or_metric_is_an_error() -> None:
    row = ALL[0].to_dict()
    with pytest.raises(ConfigError, match="splitt"):
        Protocol.from_dict({**row, "splitt": "dev"})
    with pytest.raises(UnknownName, match="macro_f1"):
        Protocol.from_dict({**row, "metrics": ["macrof1"]})
    with pytest.raises(ConfigError, match="no figure of label"):
        Protocol.from_dict({**row, "metrics": ["pearson"]})
    with pytest.raises(ConfigError, match="asked of 4 labels"):
        Protocol.from_dict({**row, "metrics": ["auc"]})


def test_the_first_protocol_that_a_reader_can_serve_is_chosen() -> None:
    tweets = corpus("tweeteval-emotion")
    assert choose(tweets, Reads(("tweeteval-emotion-4",))).name == "official"
    assert choose(tweets, Reads(("goemotions-28",))).name == "official"
    assert choose(tweets, Reads(("leia-5",))).name == "leia-strict"
    assert choose(tweets, Reads(("valence", "polarity-3"))).name == "polarity"
    assert choose(tweets, Reads(("ekman-6+neutral",))).name == "leia-strict"
    assert choose(tweets, Reads(("goemotions-28",)), "tweeteval-emotion/polarity").name == "polarity"
    assert choose(corpus("wrime"), Reads(("wrime-8",), perspective="perceived")).name == "readers"


def test_a_corpus_without_a_fitting_protocol_is_compared_as_labelled() -> None:
    voice = corpus("universal-joy")
    target = voice.targets[0].scale
    found = choose(voice, Reads((target,)))
    assert found.name == OWN
    assert found.scales == (target,)
    own = replace(corpus("goemotions"), files=())  # a table of one's own that happens to have this name
    assert choose(own, Reads(("goemotions-28",))).name == OWN
    two = replace(own, targets=(Target("hidden-2", "felt"),))
    assert "auc" in choose(two, Reads(("hidden-2",))).metrics


def test_what_does_not_fit_says_why_and_what_does() -> None:
    tweets = corpus("tweeteval-emotion")
    with pytest.raises(UnknownName, match="did you mean 'official'"):
        choose(tweets, Reads(("goemotions-28",)), "offical")
    with pytest.raises(InputError, match=r"no map leads to tweeteval-emotion-4.*allowed: leia-strict.*polarity"):
        choose(tweets, Reads(("leia-5",)), "official")
    with pytest.raises(InputError, match="no protocol of 'tweeteval-emotion' fits a reader of valence"):
        choose(tweets, Reads(("valence",)))


def test_two_perspectives_are_compared_only_when_asked_by_name() -> None:
    felt = protocol("isear", "5-fold")
    assert across(felt, Reads(("isear-7",), perspective="felt")).across is None
    with pytest.raises(InputError, match="--across perceived:felt"):
        across(felt, Reads(("goemotions-28",), perspective="perceived"))
    asked = across(felt, Reads(("goemotions-28",), perspective="perceived"), ["perceived:felt"])
    assert asked.across == ("perceived", "felt")
    assert "perceived readings against felt gold" in asked.sentence
